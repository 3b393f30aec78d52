"""What predictions were off by, hour by hour, kept up as truths and predictions come.

Whoever asks how good a model is in service reads some hundred sums, never the predictions. A new
truth looks up its own predictions by an index, a new prediction its own truth.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pipeline.calls.database import reading, transaction
from pipeline.calls.sums import Sums

HOUR: Final = 3600
COUNTED: Final = 1
"""Version of a log in which sums are kept."""
SEPARATOR: Final = "\x1f"
"""Between the parts of a key; control characters are refused in what callers send."""
ALIKE: Final = f"""
    SELECT p."case", CAST(c.time / {HOUR} AS INTEGER) AS hour, p.prediction,
        coalesce(of_call.value, of_key.value) AS truth, count(*)
    FROM predictions AS p JOIN calls AS c ON c.number = p.call
    LEFT JOIN actuals AS of_key ON of_key."case" = p."case" AND of_key.record = p.record
    LEFT JOIN actuals AS of_call
        ON of_call."case" = p."case" AND of_call.record = c.id || '{SEPARATOR}' || p.place
    WHERE {{chosen}} AND p.prediction IS NOT NULL
    GROUP BY p."case", hour, p.prediction, truth
"""
"""Predictions with their truth, where it is known; one sent for the call counts before one by key.
Alike ones are counted."""
OF_KEY: Final = ALIKE.format(chosen='p."case" = ? AND p.record = ?')
OF_CALL: Final = ALIKE.format(chosen='c.id = ? AND p.place = ? AND p."case" = ?')
OF_NUMBER: Final = ALIKE.format(chosen="p.call = ?")
ALL: Final = ALIKE.format(chosen="1")
KEEP: Final = (
    'INSERT INTO scores ("case", hour, sums) VALUES (?, ?, ?) '
    'ON CONFLICT ("case", hour) DO UPDATE SET sums = excluded.sums'
)

Row = tuple[str, int, Any, Any, int]


@dataclass(frozen=True, kw_only=True)
class InService:
    """Predictions of some whole hours whose truth is known."""

    start: datetime
    """Of the first hour."""
    end: datetime
    """Of the last hour."""
    sums: Sums


class Changes:
    """What is to be added to the sums; within a transaction, which `keep` is the last part of."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sums: defaultdict[tuple[str, int], Sums] = defaultdict(Sums)

    def new_predictions(self, numbers: Iterable[int]) -> None:
        """Counts the rows of calls that have just been written."""
        for number in numbers:
            self._add(self._connection.execute(OF_NUMBER, (number,)), 1)

    def set_truth(self, case: str, actual: tuple[str, float | str, float, str] | str) -> int:
        """Keeps a truth (record, value, time, id of the key), or forgets that of a record, and
        gives how many predictions it is the truth of.
        """
        record = actual if isinstance(actual, str) else actual[0]
        before = list(self._matched(case, record))
        self._add(before, -1)
        if isinstance(actual, str):
            self._connection.execute(
                'DELETE FROM actuals WHERE "case" = ? AND record = ?', (case, record)
            )
        else:
            self._connection.execute(
                'INSERT INTO actuals ("case", record, value, time, key) VALUES (?, ?, ?, ?, ?) '
                'ON CONFLICT ("case", record) DO UPDATE SET value = excluded.value, '
                "time = excluded.time, key = excluded.key",
                (case, *actual),
            )
        if before:
            self._add(self._matched(case, record), 1)
        return sum(count for *_, count in before)

    def keep(self) -> None:
        """Writes the sums."""
        for place, change in self._sums.items():
            found = self._connection.execute(
                'SELECT sums FROM scores WHERE "case" = ? AND hour = ?', place
            ).fetchone()
            total = change + Sums.of_text(found[0]) if found else change
            self._connection.execute(KEEP, (*place, total.text()))

    def recount(self) -> None:
        """Counts all from the start, for a log whose truths came before sums were kept."""
        self._connection.execute("DELETE FROM scores")
        self._add(self._connection.execute(ALL), 1)
        self.keep()

    def _matched(self, case: str, record: str) -> Iterator[Row]:
        yield from self._connection.execute(OF_KEY, (case, record))
        call, _, place = record.rpartition(SEPARATOR)
        if call and place.isascii() and place.isdigit() and len(place) < len(str(2**63)):
            yield from self._connection.execute(OF_CALL, (call, int(place), case))

    def _add(self, rows: Iterable[Row], sign: int) -> None:
        for case, hour, predicted, truth, count in rows:
            if truth is not None:
                self._sums[case, hour].add(predicted, truth, sign * count)


def count_once(connection: sqlite3.Connection) -> None:
    """Counts the truths of a log in which no sums were kept yet: a few seconds for each million."""
    query = f"PRAGMA user_version = {COUNTED}"
    if _version(connection) >= COUNTED:
        return
    with transaction(connection):
        if _version(connection) < COUNTED:
            Changes(connection).recount()
            connection.execute(query)


def in_service(path: Path, case: str, *, since: datetime) -> InService | None:
    """The sums of a case from the hour of a moment on; `None` where no truth is known of them.
    Raises `StateError` when there is no log.
    """
    with reading(path) as connection:
        found: Sequence[tuple[int, str]] = connection.execute(
            'SELECT hour, sums FROM scores WHERE "case" = ? AND hour >= ? ORDER BY hour',
            (case, int(since.timestamp() // HOUR)),
        ).fetchall()
    hours = [(hour, each) for hour, text in found if (each := Sums.of_text(text)).rows]
    if not hours:
        return None
    return InService(
        start=_time(hours[0][0]),
        end=_time(hours[-1][0]) + timedelta(hours=1),
        sums=sum((each for _, each in hours), start=Sums()),
    )


def _version(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def _time(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)
