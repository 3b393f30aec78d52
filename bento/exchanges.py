"""What several addresses need of a request on its way: its champion, the log, a thread."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from bento.champion import Champion
from bento.front import Exchange
from bento.problems import RequestError, unavailable
from pipeline.calls import CallLog
from pipeline.errors import StateError

Found = TypeVar("Found")
logger = logging.getLogger("vigie")


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
    """Raises `RequestError` where the log can't be written or read now."""
    try:
        yield
    except (sqlite3.Error, StateError) as error:
        logger.error("%s can't be used: %s", log.path, error)  # noqa: TRY400  no fault of ours
        raise unavailable(
            "The log of calls can't be used now, so nothing was done. Call again later; the "
            "service's own log has the reason."
        ) from error


async def in_thread(exchange: Exchange, work: Callable[[], Found]) -> Found:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(exchange.state.threads, work)
