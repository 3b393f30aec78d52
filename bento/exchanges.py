"""What several addresses need of a request on its way: its champion, the log, a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from bento.champion import Champion
from bento.front import Exchange
from bento.problems import RequestError
from pipeline.calls import CallLog
from pipeline.errors import StateError

Found = TypeVar("Found")


def champion_of(exchange: Exchange) -> Champion:
    return exchange.state.champions[exchange.case]


def log_of(exchange: Exchange) -> CallLog:
    if exchange.state.log is None:
        raise RequestError(
            HTTPStatus.CONFLICT, "no-call-log", "This service keeps no log of its predictions."
        )
    return exchange.state.log


@contextmanager
def usable(log: CallLog) -> Iterator[None]:
    """Raises `StateError` where the log can't be written now, as on a full disk."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateError.for_failed_write(log.path, error) from error


async def in_thread(exchange: Exchange, work: Callable[[], Found]) -> Found:
    """Predicts beside the calls that are answered at once."""
    return await asyncio.get_running_loop().run_in_executor(exchange.state.threads, work)


async def in_reader(exchange: Exchange, work: Callable[[], Found]) -> Found:
    """Reads the log or the observations, in threads that no prediction waits for."""
    return await asyncio.get_running_loop().run_in_executor(exchange.state.readers, work)
