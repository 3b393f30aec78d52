"""What a run adds to the tables over the runs, as lines of CSV.

They follow from the run's row alone, so that they are worked out once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pipeline.publish import words
from pipeline.publish.rows import RunThen

Told = Literal["drift", "expectations", "arrived"]
HEADS: Mapping[Told, Sequence[str]] = {
    "drift": ("run", "as of", "column", "effect", "alarm", "adjusted p-value"),
    "expectations": (
        *("run", "as of", "expectation", "severity"),
        *("passed", "rows judged", "rows that failed"),
    ),
    "arrived": ("run", "as of", "newest", "rows", "new", "revised", "in quarantine"),
}
Line = tuple[object, ...]


def csv_lines(row: RunThen) -> dict[Told, str]:
    """Lines of each table; empty where the run did not come to it."""
    return {
        "drift": _text(_drift(row)),
        "expectations": _text(_expectations(row)),
        "arrived": _text(_arrived(row)),
    }


def csv_of(told: Told, lines: Iterable[str]) -> str:
    """The whole file, its heads first."""
    return _text([tuple(HEADS[told])]) + "".join(lines)


def _drift(row: RunThen) -> Iterator[Line]:
    for one in row.drift or ():
        yield (*_run(row), one.column, one.effect, one.alarm, one.adjusted_p_value)


def _expectations(row: RunThen) -> Iterator[Line]:
    for one in row.expectations:
        judged = (one.severity, one.success, one.evaluated, one.unexpected)
        yield (*_run(row), one.name, *judged)


def _arrived(row: RunThen) -> Iterator[Line]:
    if row.data:
        newest = words.stamp(row.data.newest) if row.data.newest else ""
        kept_apart = "" if row.data.quarantined is None else row.data.quarantined
        counts = (row.data.rows, row.data.inserted, row.data.updated)
        yield (*_run(row), newest, *counts, kept_apart)


def _run(row: RunThen) -> Line:
    return (row.run_id, words.stamp(row.as_of) if row.as_of else "")


def _text(lines: Iterable[Line]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
