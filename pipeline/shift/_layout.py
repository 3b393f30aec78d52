"""Which block, hour of the week and series each row of the two windows belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._design import Design
from pipeline.shift._groups import Groups
from pipeline.shift._placing import (
    DAY,
    MOST_CURRENT,
    MOST_REFERENCE,
    block_length,
    numbered_cells,
    numbered_entities,
    numbered_moments,
    stretches_of_the_day,
    whole_hours,
)
from pipeline.shift._ranks import LEVELS
from pipeline.shift._seasons import CALM_WAVES, SEASON_WAVES, YEAR_WAVES, regressors_of

if TYPE_CHECKING:
    from pandas import Categorical

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Figure = TypeVar("Figure", bound=np.generic)

YEAR = np.timedelta64(365, "D")
MONTH = 31 * DAY
SOME_ROWS = 4_000
MOST_ROWS = 200_000
"""Rows that are looked at pair by pair of columns."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of one window, with the time and the series of each row where there are such."""

    columns: Mapping[str, NDArray[Any]]
    times: NDArray[np.datetime64] | None = None
    """On one clock, without a zone, in any order."""
    entities: NDArray[Any] | Categorical[Any] | None = None
    """Label or number of the series that the row belongs to."""
    zone: str = "UTC"
    """Whose clock the times are of; sentences name it."""

    @property
    def rows(self) -> int:
        return max((len(values) for values in self.columns.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Reference rows come first, and so do reference blocks; blocks are numbered from 0."""

    rows: int
    """Of the reference."""
    block: Places
    """Of each row of both windows."""
    blocks: int
    """Of the reference."""
    current_blocks: int
    cell: Places
    """Series by hour of the week, whose usual level is taken out of each row."""
    cells: int
    entity: Places
    """Series of each row; -1 for one that the reference doesn't have or that isn't looked at."""
    entities: tuple[Any, ...]
    step: Places | None
    """Moment of each row, where several series share moments."""
    hour: Places | None
    """Which three hours of the day each row lies in, where there are several."""
    plain: Design
    """With weekdays where there are enough weeks."""
    yearly: Design | None
    """With waves of the year, known from the reference where it holds a whole one, else believed
    to be as large as they often are."""
    zone: str = "UTC"
    half_year: bool = False
    """Whether the reference is long enough to show half of a yearly swing."""

    @classmethod
    def of(cls, reference: Table, current: Table, *, block: timedelta) -> Self:
        """Blocks begin at the first row of the current window, counted both ways."""
        rows = reference.rows + current.rows
        entity, names = numbered_entities(
            reference.entities, current.entities, rows, reference.rows
        )
        if reference.times is None or current.times is None:
            return cls._unordered(reference.rows, current.rows, entity, names)
        times = np.concatenate([reference.times, current.times]).astype("datetime64[us]")
        start = current.times.min().astype("datetime64[us]")
        oldest = times[: reference.rows].min()
        length = block_length(times.max() - start, start - oldest, np.timedelta64(block, "us"))
        number = (times - start).astype(np.int64) // length.astype("timedelta64[us]").astype(
            np.int64
        )
        first, last = int(number[: reference.rows].min()), int(number[: reference.rows].max())
        blocks, now = last - first + 1, int(number.max()) + 1
        places = np.where(number >= 0, number + blocks, number - first)
        spanned = start - oldest
        hours = whole_hours(times)
        cell, cells = numbered_cells(hours, entity, len(names), reference.rows, spanned)
        starts = start + np.concatenate([np.arange(first, last + 1), np.arange(now)]) * length
        whole_year, short = spanned >= YEAR, length <= MONTH
        follows = bool(not whole_year and length < YEAR)
        gap = -last - 1

        def design(waves: Mapping[int, float]) -> Design:
            regressors, prior = regressors_of(starts, length, spanned, waves)
            return Design(
                reference=regressors[:blocks],
                current=regressors[blocks:],
                gap=gap,
                follows=follows,
                waves=2 * len(waves),
                prior=prior,
            )

        return cls(
            rows=reference.rows,
            block=places,
            blocks=blocks,
            current_blocks=now,
            cell=cell,
            cells=cells,
            entity=entity,
            entities=names,
            step=numbered_moments(times) if len(names) > 1 else None,
            hour=stretches_of_the_day(hours, length),
            plain=design(CALM_WAVES if follows and short else {}),
            yearly=design(YEAR_WAVES if whole_year else SEASON_WAVES) if short else None,
            zone=current.zone,
            half_year=bool(spanned >= YEAR // 2),
        )

    @classmethod
    def _unordered(cls, before: int, now: int, entity: Places, names: tuple[Any, ...]) -> Self:
        """Rows without time are exchangeable: blocks of as many neighbours in both windows."""
        size = max(1, -(-now // MOST_CURRENT), -(-before // MOST_REFERENCE))
        blocks, current = max(1, before // size), max(1, now // size)
        place = np.concatenate(
            [
                np.minimum(np.arange(before) // size, blocks - 1),
                np.minimum(np.arange(now) // size, current - 1) + blocks,
            ]
        )
        return cls(
            rows=before,
            block=place,
            blocks=blocks,
            current_blocks=current,
            cell=np.where(entity >= 0, entity, len(names)),
            cells=len(names) + 1,
            entity=entity,
            entities=names,
            step=None,
            hour=None,
            plain=Design(
                reference=np.ones((blocks, 1)), current=np.ones((current, 1)), ordered=False
            ),
            yearly=None,
        )

    @property
    def all_blocks(self) -> int:
        return self.blocks + self.current_blocks

    @property
    def later(self) -> int:
        """Rows of the current window."""
        return len(self.block) - self.rows

    @cached_property
    def series(self) -> Places:
        """Number of each row's series from 1 on, 0 for one that isn't looked at."""
        return self.entity + 1

    @cached_property
    def by_block(self) -> Groups:
        return Groups.of(None, self.block, blocks=1, count=self.all_blocks)

    @cached_property
    def by_series(self) -> Groups:
        """Numbered as `series`."""
        count = len(self.entities) + 1
        return Groups.of(self.block, self.series, blocks=self.all_blocks, count=count)

    @cached_property
    def of_series(self) -> Groups:
        """Rows of the reference by series alone."""
        count = len(self.entities) + 1
        return Groups.of(None, self.series[: self.rows], blocks=1, count=count)

    @cached_property
    def by_hour(self) -> Groups | None:
        if self.hour is None:
            return None
        count = int(self.hour.max()) + 1
        return Groups.of(self.block, self.hour, blocks=self.all_blocks, count=count)

    @cached_property
    def block_rows(self) -> Floats:
        """Rows of each block."""
        return self.sums(None)

    @cached_property
    def of_cells(self) -> Groups:
        """Rows of the reference by cell alone."""
        return Groups.of(None, self.cell[: self.rows], blocks=1, count=self.cells)

    @cached_property
    def level_places(self) -> Places:
        """Where each block's count of ranks begins, for every row."""
        return self.block * LEVELS

    @cached_property
    def some(self) -> Places | None:
        """Rows of some moments, a few thousand rows."""
        if self.step is None:
            return None
        return np.flatnonzero(self.step % max(1, len(self.step) // SOME_ROWS) == 0)

    @cached_property
    def drawn(self) -> Places:
        """Numbers of all rows or of about `MOST_ROWS`, sorted by block: drawn, since every n-th row
        could be the same series.
        """
        chosen = even_draw(len(self.block), MOST_ROWS)
        return chosen[np.argsort(self.block[chosen], kind="stable")]

    def sums(self, values: NDArray[Any] | None) -> Floats:
        """Sum of the values (or number of rows) by block."""
        by_block: Floats = self.by_block.sums(values)[0]
        return by_block

    def split(self, by_block: NDArray[Figure]) -> tuple[NDArray[Figure], NDArray[Figure]]:
        """Figures by block, of the reference and of the current window."""
        return by_block[: self.blocks], by_block[self.blocks :]


def even_draw(rows: int, most: int) -> Places:
    """Row numbers, all or about `most`; the same every time."""
    if rows <= most:
        return np.arange(rows)
    return np.flatnonzero(np.random.default_rng(0).random(rows) < most / rows)
