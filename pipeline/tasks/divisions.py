"""Which rows are held out and how folds are laid where rows are divided by group, not by origin.

A group of rows (one car model, one patient) is on one side only. Which groups are held out follows
from their names alone, so that every run holds out the same ones, whatever arrives in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CaseError, StepError
from pipeline.schema import Schema
from pipeline.splits import Fold

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.bool_]
WHOLE = float(2**64)


@dataclass(frozen=True, kw_only=True)
class Division:
    """By group, and where rows have a time, by time as well."""

    groups: tuple[str, ...] = ()
    """Columns whose values together name a group; empty: the key, so that a row is a group."""
    held_out: float = 0.2
    """Share of the groups that no model ever learns from."""

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise CaseError(f"held_out is {self.held_out!r}; give a share above 0 and below 1.")

    @property
    def words(self) -> str:
        """What a record says of it; models learned under other words are not compared."""
        of_what = ", ".join(self.groups) or "row"
        return f"without {self.held_out:.0%} of the groups by {of_what}"

    def labels(self, frame: pd.DataFrame, schema: Schema) -> NDArray[np.uint64]:
        """A number for each row's group, the same wherever its names are the same."""
        import pandas as pd

        names = list(self.groups) or self.key(schema)
        texts = frame[names].astype("string").fillna("")
        return np.asarray(pd.util.hash_pandas_object(texts, index=False), dtype=np.uint64)

    def key(self, schema: Schema) -> list[str]:
        return list(schema.key)

    def side(self, frame: pd.DataFrame, schema: Schema) -> Rows:
        """Whether each row is held out."""
        return np.asarray(self.labels(frame, schema) / WHOLE < self.held_out)

    def held_out_fold(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        """Learns from the other groups, known before `start`; tests held-out ones from it on.

        Where rows carry no time, from and on all rows. Raises `StepError` when a side is empty.
        """
        held = self.side(frame, schema)
        before, after = _before_and_after(frame, schema, start, end)
        fold = Fold(
            name="held out",
            origin=start if schema.time else None,
            end=end,
            train=np.flatnonzero(~held & before),
            test=np.flatnonzero(held & after),
            division=self.words,
        )
        _require_rows(fold, int(held.sum()))
        return fold

    def learnable(self, frame: pd.DataFrame, schema: Schema, *, end: datetime) -> NDArray[np.intp]:
        """Positions of the rows that folds divide: known at `end`, and not held out."""
        before, _ = _before_and_after(frame, schema, end, end)
        found = np.flatnonzero(~self.side(frame, schema) & before)
        if not len(found):
            raise StepError(
                f"No row was known at {end.isoformat()} beside those held out. Choose a later "
                "--as-of, or take more data."
            )
        return found

    def forward_folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> tuple[Fold, ...]:
        """As many windows of one length side by side up to `end`, the oldest first. The groups that
        are not held out are dealt to them by name: each fold tests its own in its window, and
        learns from all others that were known before. Raises `StepError` for rows without time, and
        where a side is empty.
        """
        if schema.time is None:
            raise StepError("Rows without a time have no folds that go forward; give no length.")
        held, part = self.side(frame, schema), self.labels(frame, schema) % np.uint64(count)
        found = []
        for number in range(count):
            start = end - length * (count - number)
            before, after = _before_and_after(frame, schema, start, start + length)
            fold = Fold(
                name=f"{start:%Y-%m-%d}",
                origin=start,
                end=start + length,
                train=np.flatnonzero(~held & (part != number) & before),
                test=np.flatnonzero(~held & (part == number) & after),
                division=self.words,
            )
            _require_rows(fold, int(held.sum()))
            found.append(fold)
        return tuple(found)


def placed(folds: tuple[Fold, ...], rows: NDArray[np.intp], division: str) -> tuple[Fold, ...]:
    """The folds of a part of the rows, as positions in the whole frame."""
    return tuple(
        Fold(
            name=fold.name,
            origin=fold.origin,
            end=fold.end,
            train=rows[fold.train],
            test=rows[fold.test],
            division=division,
        )
        for fold in folds
    )


def _before_and_after(
    frame: pd.DataFrame, schema: Schema, start: datetime, end: datetime
) -> tuple[Rows, Rows]:
    if schema.time is None:
        all_rows = np.ones(len(frame), dtype=np.bool_)
        return all_rows, all_rows
    times = frame[schema.time]
    before = (times < start) & (times <= start - schema.known_after)
    after = (times >= start) & (times < end)
    return before.to_numpy(dtype=np.bool_), after.to_numpy(dtype=np.bool_)


def _require_rows(fold: Fold, held: int) -> None:
    empty = [
        words
        for words, rows in (("to learn from", fold.train), ("held out", fold.test))
        if not len(rows)
    ]
    if empty:
        raise StepError(
            f"There are no rows {' and none '.join(empty)} ({held} rows are in held-out groups; "
            f"the window ends at {fold.end.isoformat()}). Use a longer held_out window, a larger "
            "share of groups, or more data."
        )
