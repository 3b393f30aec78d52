"""What every run of a case came to, one row a run: read once, and kept for all later publishes.

Records are never changed once written, so that the row of a run that has ended stays; it is kept in
the home's cache. Only the newest rows are read again from there, so that a publish costs the same
after a thousand runs as after thirty.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import Field

from pipeline.metrics import unit_of_score
from pipeline.publish.csvlines import csv_lines
from pipeline.publish.readrow import read_row
from pipeline.publish.rows import RunThen
from pipeline.publish.runs import Lives
from pipeline.publish.still import StillStore
from pipeline.records import Part
from pipeline.store import Store
from pipeline.store.ledger import Line

NEWEST = 60
"""Runs of which a published history keeps every one."""
OLDER = 40
"""Runs before those that it keeps at most: every second, fourth, eighth … one."""
READ = 31
"""Newest runs that pages and feed tell about: one more than a spark line shows."""
RECENT = 12
"""Newest runs that tell what the last one changed."""
One = TypeVar("One")


class History(Part):
    """`cases/<case>/history.json`: what the runs of a case came to, oldest first."""

    schema_version: Literal[1] = Field(
        default=1, description="another one where a field is gone or has another meaning"
    )
    case: str = Field(description="name in addresses and commands")
    title: str = Field(description="name for people")
    unit: str = Field(description="of the target")
    metric_unit: str = Field(
        description="of the newest primary score; empty for one without a unit"
    )
    runs_in_all: int = Field(
        description="runs of the case; of old ones only some are listed when there are many"
    )
    runs: tuple[RunThen, ...] = Field(description="oldest first")


@dataclass(frozen=True, kw_only=True)
class Past:
    """What the runs of a case came to: the newest as rows, those of the history as text."""

    newest: tuple[RunThen, ...]
    """At most `READ`, oldest first."""
    runs_in_all: int
    texts: tuple[str, ...]
    """JSON of each row that the history names, oldest first."""
    lines: tuple[Mapping[str, str], ...]
    """For each of these, its lines of the tables over the runs; see `csv_lines`."""
    unsettled: tuple[str, ...]
    """JSON of the rows that may still become others."""

    @property
    def whole(self) -> bool:
        """Whether no run is older than the rows."""
        return len(self.newest) == self.runs_in_all

    def history(self, case: str, title: str, unit: str) -> str:
        """`cases/<case>/history.json`: a line a run."""
        told = History(
            case=case,
            title=title,
            unit=unit,
            metric_unit=unit_of_score(self._score, unit),
            runs_in_all=self.runs_in_all,
            runs=(),
        )
        opening, rows = told.model_dump_json().removesuffix("]}"), ",\n".join(self.texts)
        return f"{opening}\n{rows}\n]}}\n"

    @property
    def _score(self) -> str:
        """Name of the newest primary score; empty where no run of the history has one."""
        metrics = (json.loads(text)["metric"] for text in reversed(self.texts))
        return next((str(metric["name"]) for metric in metrics if metric), "")


def newest_rows(store: StillStore, case: str, lives: Lives) -> list[RunThen]:
    """A row for each of the newest runs of a case, oldest first."""
    texts, _ = _texts(store, case, lives, store.lines(case)[-RECENT:])
    return [RunThen.model_validate_json(text) for text in texts]


def keep_past(store: StillStore, case: str, lives: Lives) -> Past:
    """Of each run of a case that a history names; see `thinned`."""
    lines = thinned(store.lines(case))
    texts, told = _texts(store, case, lives, lines)
    return Past(
        newest=tuple(RunThen.model_validate_json(text) for text in texts[-READ:]),
        runs_in_all=len(store.lines(case)),
        texts=texts,
        lines=tuple(json.loads(text) for text in told),
        unsettled=tuple(text for text, line in zip(texts, lines, strict=True) if not line.stat),
    )


def _texts(
    store: StillStore, case: str, lives: Lives, lines: Sequence[Line]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Row and lines of each run: from what is kept of those that have ended, else from records."""
    plain = Store(home=store.home)

    @functools.cache
    def read(run_id: str) -> RunThen:
        return read_row(plain, case, run_id, lives)

    def made(kind: str, make: Callable[[RunThen], str]) -> tuple[str, ...]:
        ended = [line for line in lines if line.stat]
        kept = store.worked_out(case, kind, lambda run_id: make(read(run_id)), lines=ended)
        known = dict(zip((line.run_id for line in ended), kept, strict=True))
        return tuple(known.get(line.run_id) or make(read(line.run_id)) for line in lines)

    return made("row", _as_json), made("lines", _as_lines)


def _as_json(row: RunThen) -> str:
    return row.model_dump_json()


def _as_lines(row: RunThen) -> str:
    return json.dumps(csv_lines(row))


def thinned(runs: Sequence[One]) -> tuple[One, ...]:
    """The newest of all runs, and of the older ones at most so many, at even distances from the
    oldest on.

    The distance is a power of two. As runs are added, the choice among the old ones stays, until
    every second one of it is dropped.
    """
    older, newest = runs[:-NEWEST], runs[-NEWEST:]
    distance = 1
    while len(older) > OLDER * distance:
        distance *= 2
    return (*older[::distance], *newest)
