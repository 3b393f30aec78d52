"""Which distances chance gives: other runs of blocks stand in for the current window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._columns import Reading

MOST_BLOCKS = 4_000
"""Neighbouring blocks are joined above this number, which bounds the memory per column."""
ONE_RUN_FROM = 10
"""Positions of a run that must fall in the share `level` of the circle before one run is enough:
those that overlap the current window share its shift, and must not fill that share."""

Integers = NDArray[np.intp]
DRAWS_AT_ONCE = 1_000
"""Draws whose counts fit the processor's cache together."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Position on the circle of each row's block: the reference in order, then the current."""

    positions: Integers
    count: int
    current: int
    """How many of them are current: the last ones."""

    @classmethod
    def of(cls, reference: NDArray[np.integer], current: NDArray[np.integer]) -> Self:
        """Blocks by rising number within each window; a number in both windows is two blocks."""
        before, now = _ranks(reference), _ranks(current)
        joined = -(-(int(before.max()) + int(now.max()) + 2) // MOST_BLOCKS)
        before, now = before // joined, now // joined
        first = int(before.max()) + 1
        return cls(
            positions=np.concatenate([before, now + first]),
            count=first + int(now.max()) + 1,
            current=int(now.max()) + 1,
        )

    @property
    def arrangements(self) -> int:
        """About how many different sets of blocks can stand in for the current ones."""
        if self.current == 1:
            return self.count
        return self.count * (self.count - self.current + 1) // 2


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Sets of blocks, each the union of runs of neighbours on the circle."""

    starts: Integers
    """First block of each run, draws x runs; may lie beyond the circle's last block."""
    lengths: Integers


def draw_runs(blocks: Blocks, *, draws: int, level: float, random: np.random.Generator) -> Runs:
    """Random sets of as many blocks as are current, as one run or as two that do not overlap.

    Long runs keep what neighbours have in common: slow noise, weekly and yearly seasons. One run
    keeps most, yet has only as many positions as there are blocks, too few for p-values near
    `level` unless there are many blocks; two runs have about half the square of that number. All
    other positions of one run are taken, without chance, where there are no more than `draws`.
    """
    single = blocks.current == 1 or blocks.count * level >= ONE_RUN_FROM
    if single and blocks.count <= draws:
        elsewhere = np.arange(1, blocks.count) - blocks.current
        return Runs(starts=elsewhere[:, None] % blocks.count, lengths=np.array([blocks.current]))
    lengths = np.array([len(part) for part in np.array_split(range(blocks.current), 2 - single)])
    gaps = random.integers(0, blocks.count - blocks.current + 1, size=(draws, len(lengths)))
    before = np.cumsum(lengths) - lengths
    rotation = random.integers(0, blocks.count, size=(draws, 1))
    return Runs(starts=np.sort(gaps, axis=1) + before + rotation, lengths=lengths)


def chance_distances(
    reading: Reading, blocks: Blocks, runs: Runs
) -> tuple[float, NDArray[np.float64]]:
    """The distance between the windows, and one for each drawn set of blocks."""
    sums = _sums_up_to(reading, blocks)
    observed = Runs(
        starts=np.array([[blocks.count - blocks.current]]), lengths=np.array([blocks.current])
    )
    found = _distances(sums, observed, ordered=reading.ordered)
    by_chance = [_distances(sums, portion, ordered=reading.ordered) for portion in _portions(runs)]
    return float(found[0]), np.concatenate(by_chance)


def _portions(runs: Runs) -> Iterator[Runs]:
    for first in range(0, len(runs.starts), DRAWS_AT_ONCE):
        yield Runs(starts=runs.starts[first : first + DRAWS_AT_ONCE], lengths=runs.lengths)


def _ranks(numbers: NDArray[np.integer]) -> Integers:
    ranks: Integers = np.unique(numbers, return_inverse=True)[1]
    return ranks


def _sums_up_to(reading: Reading, blocks: Blocks) -> NDArray[np.float64]:
    """Rows per bin in the blocks before each position, (blocks + 1) x bins.

    The bins of an ordered column hold the rows at or below them, so the last holds all rows.
    """
    cells = blocks.positions * reading.bins + reading.codes
    counts = np.bincount(cells, minlength=blocks.count * reading.bins)
    table = counts.reshape(blocks.count, reading.bins).astype(np.float64)
    if reading.ordered:
        table = np.cumsum(table, axis=1)
    return np.concatenate([np.zeros((1, reading.bins)), np.cumsum(table, axis=0)])


def _distances(sums: NDArray[np.float64], runs: Runs, *, ordered: bool) -> NDArray[np.float64]:
    total = sums[-1]
    current = np.zeros((len(runs.starts), sums.shape[1]))
    for start, length in zip(runs.starts.T, runs.lengths, strict=True):
        current += _around(sums, start + length) - _around(sums, start)
    rows = current[:, -1] if ordered else current.sum(axis=1)
    all_rows = total[-1] if ordered else total.sum()
    gaps = current / rows[:, None] - (total - current) / (all_rows - rows)[:, None]
    distances: NDArray[np.float64]
    distances = np.abs(gaps).max(axis=1) if ordered else np.abs(gaps).sum(axis=1) / 2
    return distances


def _around(sums: NDArray[np.float64], position: Integers) -> NDArray[np.float64]:
    """Sums up to positions that may have gone around the circle more than once."""
    turns, place = np.divmod(position, len(sums) - 1)
    sums_there: NDArray[np.float64] = sums[place] + turns[:, None] * sums[-1]
    return sums_there
