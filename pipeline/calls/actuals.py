"""True values, when they come, and the predictions that were made of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.calls.database import connect, reading, transaction
from pipeline.calls.predictions import SEPARATOR, spread, spread_all

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
class Joined:
    """Predictions whose truth is known, oldest first."""

    times: list[float]
    models: list[str]
    predicted: list[Any]
    low: list[float | None]
    high: list[float | None]
    truth: list[Any]


def add_actuals(path: Path, case: str, actuals: Sequence[Actual], *, key: str) -> int:
    """Keeps the true values, the newest of each record, and gives how many logged predictions
    they are the truth of; raises `StateError` or `sqlite3.Error` and keeps none when it can't.
    """
    now = time.time()
    connection = connect(path)
    try:
        spread_all(connection)
        with transaction(connection):
            connection.executemany(
                'INSERT INTO actuals ("case", record, value, time, key) VALUES (?, ?, ?, ?, ?) '
                'ON CONFLICT ("case", record) DO UPDATE SET value = excluded.value, '
                "time = excluded.time, key = excluded.key",
                [(case, actual.record, actual.value, now, key) for actual in actuals],
            )
            return sum(_matches(connection, case, actual.record) for actual in actuals)
    finally:
        connection.close()


def joined(path: Path, case: str, *, since: datetime | None = None) -> Joined:
    """Predictions of a case made since, with the truth that is known of them; a truth that was
    sent for the call itself counts before one that was sent by key.
    """
    columns = "c.number, p.place, c.time, c.model, p.prediction, p.low, p.high, a.value"
    query = f'SELECT {columns} {{match}} WHERE p."case" = ? AND c.time >= ?'
    values = (case, since.timestamp() if since else 0.0)
    spread(path)
    with reading(path) as connection:
        found = {
            row[:2]: row[2:]
            for match in (BY_KEY, BY_CALL)
            for row in connection.execute(query.format(match=match), values)
        }
    rows = [found[place] for place in sorted(found)]
    turned = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(6)]
    names = ("times", "models", "predicted", "low", "high", "truth")
    return Joined(**dict(zip(names, turned, strict=True)))


def _matches(connection: Any, case: str, record: str) -> int:
    call, _, place = record.rpartition(SEPARATOR)
    (by_key,) = connection.execute(
        'SELECT count(*) FROM predictions WHERE "case" = ? AND record = ?', (case, record)
    ).fetchone()
    (by_call,) = connection.execute(
        "SELECT count(*) FROM predictions AS p JOIN calls AS c ON c.number = p.call "
        'WHERE c.id = ? AND p.place = ? AND p."case" = ?',
        (call, int(place) if place.isascii() and place.isdigit() else -1, case),
    ).fetchone()
    return int(by_key + by_call)
