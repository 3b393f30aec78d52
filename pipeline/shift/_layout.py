"""Which block, hour of the week and series each row of the two windows belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._design import Design

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Figure = TypeVar("Figure", bound=np.generic)

MOST_CURRENT = 64
"""Blocks of the current window; longer windows are cut into longer blocks."""
MOST_REFERENCE = 4_000
MOST_ENTITIES = 400
"""Series that are looked at one by one: those with most rows."""
YEAR = np.timedelta64(365, "D")
HOUR, DAY, WEEK = np.timedelta64(1, "h"), np.timedelta64(1, "D"), np.timedelta64(7, "D")
MONTH = 31 * DAY
YEAR_WAVES = {1: np.inf, 2: np.inf}
"""Waves of the year by number a year, and how large their coefficients are believed to be in
standard deviations of the noise of a block: where a whole year is known, only it tells."""
SEASON_WAVES = {1: 3.0, 2: 1.5, 3: 1.0, 4: 0.75, 5: 0.6, 6: 0.5}
"""The same for what may follow the year without a year being known: the yearly wave of the
temperature of Paris has two and a half times the standard deviation of its days, holidays make the
higher ones."""
CALM_WAVES = {1: 0.7, 2: 0.35}
"""The same for what followed it little in half a year or more."""
FEWEST_WEEKS = 4
"""Weeks of reference from which weekdays are told from one another."""
ROWS_A_CELL = 3
SOME_ROWS = 4_000


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of one window, with the time and the series of each row where there are such."""

    columns: Mapping[str, NDArray[Any]]
    times: NDArray[np.datetime64] | None = None
    """On one clock, without a zone, in any order."""
    entities: NDArray[Any] | None = None
    """Label or number of the series that the row belongs to."""
    zone: str = "UTC"
    """Whose clock the times are of; sentences name it."""

    @property
    def rows(self) -> int:
        return max((len(values) for values in self.columns.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Rows by block and group; those of no group stand in one place beyond all others."""

    count: int
    place: Places
    rows: Floats
    """Blocks x groups."""


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
        entity, names = _entities(reference, current)
        if reference.times is None or current.times is None:
            return cls._unordered(reference.rows, current.rows, entity, names)
        times = np.concatenate([reference.times, current.times]).astype("datetime64[us]")
        start = current.times.min().astype("datetime64[us]")
        oldest = times[: reference.rows].min()
        length = _block_length(times.max() - start, start - oldest, np.timedelta64(block, "us"))
        number = ((times - start) // length).astype(np.int64)
        first, last = int(number[: reference.rows].min()), int(number[: reference.rows].max())
        blocks, now = last - first + 1, int(number.max()) + 1
        places = np.where(number >= 0, number + blocks, number - first)
        spanned = start - oldest
        cell, cells = _cells(times, entity, len(names), reference.rows, spanned)
        starts = start + np.concatenate([np.arange(first, last + 1), np.arange(now)]) * length
        whole_year, short = spanned >= YEAR, length <= MONTH
        follows = bool(not whole_year and length < YEAR)
        gap = -last - 1

        def design(waves: Mapping[int, float]) -> Design:
            regressors, prior = _regressors(starts, length, spanned, waves)
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
            block=places.astype(np.intp),
            blocks=blocks,
            current_blocks=now,
            cell=cell,
            cells=cells,
            entity=entity,
            entities=names,
            step=_steps(times) if len(names) > 1 else None,
            hour=_hours(times, length),
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

    @cached_property
    def by_entity(self) -> Groups:
        return self._grouped(self.entity)

    @cached_property
    def by_hour(self) -> Groups | None:
        return None if self.hour is None else self._grouped(self.hour)

    @cached_property
    def some(self) -> Places | None:
        """Rows of some moments, a few thousand rows."""
        if self.step is None:
            return None
        return np.flatnonzero(self.step % max(1, len(self.step) // SOME_ROWS) == 0)

    def _grouped(self, group: Places) -> Groups:
        count = int(group.max(initial=0)) + 1
        size = self.all_blocks * count
        place = np.where(group >= 0, self.block * count + group, size)
        rows = np.bincount(place, minlength=size + 1)[:size].reshape(-1, count)
        return Groups(count=count, place=place, rows=rows.astype(np.float64))

    @property
    def all_blocks(self) -> int:
        return self.blocks + self.current_blocks

    def sums(self, values: Floats | None, rows: NDArray[np.bool_] | None = None) -> Floats:
        """Sum of the values (or number of rows) by block, over some of the rows."""
        place = self.block if rows is None else self.block[rows]
        weights = values if values is None or rows is None else values[rows]
        return np.bincount(place, weights, minlength=self.all_blocks).astype(np.float64)

    def split(self, by_block: NDArray[Figure]) -> tuple[NDArray[Figure], NDArray[Figure]]:
        """Figures by block, of the reference and of the current window."""
        return by_block[: self.blocks], by_block[self.blocks :]


def _steps(times: NDArray[np.datetime64]) -> Places:
    found: Places = np.unique(times, return_inverse=True)[1].ravel()
    return found


def _hours(times: NDArray[np.datetime64], length: np.timedelta64) -> Places | None:
    if length < DAY:
        return None
    hours: Places = (times.astype("datetime64[h]").astype(np.int64) % 24 // 3).astype(np.intp)
    return hours if hours.min() < hours.max() else None


def _block_length(
    window: np.timedelta64, reference: np.timedelta64, block: np.timedelta64
) -> np.timedelta64:
    """Seven times as long (a week for a day) until both windows have no more than the most."""
    while window // block >= MOST_CURRENT or reference // block >= MOST_REFERENCE:
        block = block * 7
    return block


def _entities(reference: Table, current: Table) -> tuple[Places, tuple[Any, ...]]:
    rows = reference.rows + current.rows
    if reference.entities is None or current.entities is None:
        return np.zeros(rows, dtype=np.intp), ("all",)
    from pandas import factorize

    both = np.concatenate([np.asarray(reference.entities), np.asarray(current.entities)])
    codes, labels = factorize(both)
    counted = np.bincount(codes[: reference.rows] + 1, minlength=len(labels) + 1)[1:]
    kept = np.argsort(-counted, kind="stable")[:MOST_ENTITIES]
    kept = np.sort(kept[counted[kept] > 0])
    renumbered = np.full(len(labels) + 1, -1, dtype=np.intp)
    renumbered[kept + 1] = np.arange(len(kept))
    return renumbered[codes + 1], tuple(labels[kept])


def _cells(
    times: NDArray[np.datetime64],
    entity: Places,
    entities: int,
    rows: int,
    spanned: np.timedelta64,
) -> tuple[Places, int]:
    """Series by hour of the week, or of the day, or alone: as fine as the rows allow."""
    hours = times.astype("datetime64[h]").astype(np.int64)
    # 1970-01-01 was a Thursday, weekday 3 counted from Monday.
    for clock, count, needed in (
        ((hours + 72) % 168, 168, FEWEST_WEEKS * WEEK),
        (hours % 24, 24, ROWS_A_CELL * DAY),
    ):
        used = len(np.unique(clock[:rows]))
        if spanned >= needed and rows >= ROWS_A_CELL * used * entities:
            return np.where(entity >= 0, entity * count + clock, entities * count + clock), (
                (entities + 1) * count
            )
    return np.where(entity >= 0, entity, entities), entities + 1


def _regressors(
    starts: NDArray[np.datetime64],
    length: np.timedelta64,
    spanned: np.timedelta64,
    waves: Mapping[int, float],
) -> tuple[Floats, Floats]:
    """Intercept, weekdays as differences from their mean, waves of the year; and what is believed
    of the size of each (`Design.prior`).
    """
    columns = [np.ones(len(starts))]
    days = starts.astype("datetime64[D]").astype(np.int64)
    if length <= DAY and spanned >= FEWEST_WEEKS * WEEK:
        columns += [(days % 7 == weekday) - 1 / 7 for weekday in range(6)]
    if length < DAY:
        hours = starts.astype("datetime64[h]").astype(np.int64) % 24
        used = np.unique(hours)
        columns += [(hours == hour) - 1 / len(used) for hour in used[:-1]]
    prior = [np.inf] * len(columns)
    turns = 2 * np.pi * (days + (length / DAY) / 2) / 365.2425
    columns += [wave(number * turns) for number in waves for wave in (np.cos, np.sin)]
    prior += [size for size in waves.values() for _ in range(2)]
    return np.column_stack(columns).astype(np.float64), np.array(prior)
