"""True values, when they come, and the predictions that were made of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.calls.database import connect, transaction
from pipeline.calls.predictions import spread_calls
from pipeline.calls.scores import SEPARATOR, Changes

MATCHES: Final = """
    FROM predictions AS p JOIN calls AS c ON c.number = p.call
    JOIN actuals AS a ON a."case" = p."case" AND a.record = {on}
"""
BY_KEY: Final = MATCHES.format(on="p.record")
BY_CALL: Final = MATCHES.format(on=f"c.id || '{SEPARATOR}' || p.place")


@dataclass(frozen=True, slots=True)
class Actual:
    """The truth of one record: named by its key, or by the call and the place of its prediction."""

    record: str
    value: float | str

    @classmethod
    def of_call(cls, call: str, place: int, value: float | str) -> Actual:
        return cls(f"{call}{SEPARATOR}{place}", value)


@dataclass(frozen=True, kw_only=True)
class Added:
    """What became of true values."""

    matched: int
    """Logged predictions that they are the truth of."""
    complete: bool
    """Whether all that is logged was looked through. Predictions of large calls are kept in
    pieces; whoever writes the log makes rows of them, which then find their truth."""


def add_actuals(path: Path, case: str, actuals: Sequence[Actual], *, key: str) -> Added:
    """Keeps the true values, the newest of each record, and counts them into the scores; raises
    `StateError` or `sqlite3.Error` and keeps none when it can't.
    """
    now = time.time()
    connection = connect(path)
    try:
        with transaction(connection):
            changes = Changes(connection)
            spread_calls(connection, changes, _pieces(connection, actuals))
            matched = sum(
                changes.set_truth(case, (actual.record, actual.value, now, key))
                for actual in actuals
            )
            changes.keep()
            (left,) = connection.execute("SELECT EXISTS (SELECT 1 FROM pieces)").fetchone()
        return Added(matched=matched, complete=not left)
    finally:
        connection.close()


def forget_actuals(connection: sqlite3.Connection, *, before: float, most: int) -> int:
    """Removes some of the truths that came before a moment, and gives how many."""
    with transaction(connection):
        found = connection.execute(
            'SELECT "case", record FROM actuals WHERE time < ? LIMIT ?', (before, most)
        ).fetchall()
        changes = Changes(connection)
        for case, record in found:
            changes.set_truth(case, record)
        changes.keep()
    return len(found)


def _pieces(connection: sqlite3.Connection, actuals: Sequence[Actual]) -> list[int]:
    """Numbers of the calls kept in one piece that truths name by the id of the call."""
    calls = {actual.record.partition(SEPARATOR)[0] for actual in actuals}
    return [
        number
        for call in sorted(calls)
        for (number,) in connection.execute(
            "SELECT c.number FROM calls AS c JOIN pieces AS p ON p.call = c.number WHERE c.id = ?",
            (call,),
        )
    ]
