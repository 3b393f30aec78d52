"""A number column as scores by block: where its values lie, and how wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._groups import pieces
from pipeline.shift._layout import Layout
from pipeline.shift._numbers import Numbers
from pipeline.shift._ranks import CELLS, LEVELS, MIDDLE, SAMPLE, Ranks, hermite_scores

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """A number column as normal scores of its residuals, summed by block."""

    location: Floats
    """Mean normal score by block: van der Waerden 1952."""
    shape: Floats
    """Blocks x 2: means of the second and third Hermite polynomial of the scores, the components
    of Neyman's smooth test (1937) for spread and skewness."""
    raw: Floats
    """Mean residual by block, in the unit."""
    rows: Floats
    """Rows with a value, by block."""
    distance: float
    """Kolmogorov-Smirnov distance of the residuals, 0 to 1, between the edges of `LEVELS` bins of
    equal share of the reference: at most one share, 0.004, below the exact one."""
    codes: NDArray[np.int16]
    """Level among those of the reference of each row of `Layout.drawn`; the middle one for
    missing."""


def score_numbers(
    numbers: Numbers, layout: Layout, season: Floats | None, *, given_back: bool = False
) -> Scores:
    """Ranks of the scaled residuals; `season` by block is taken out before, in scaled units, and
    may be given back to the location afterwards: ranks of what lies far from all of the reference
    would say nothing of how far.
    """
    codes = _codes(numbers, layout, season)
    drawn = layout.drawn
    kept = np.where(numbers.present.take(drawn), codes.take(drawn), MIDDLE).astype(np.int16)
    codes += layout.level_places
    cells = codes if numbers.complete else codes[numbers.present]
    table = np.bincount(cells, minlength=layout.all_blocks * LEVELS).reshape(-1, LEVELS)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = numbers.rows[:, None]
        means = np.where(rows > 0, table.astype(np.float64) @ hermite_scores() / rows, np.nan)
    location = means[:, 0]
    if season is not None and given_back:
        location = location * _size(numbers, layout, season) + season
    return Scores(
        location=_as_fitted(location, numbers, layout),
        shape=means[:, 1:],
        raw=_as_fitted(numbers.raw, numbers, layout),
        rows=numbers.rows,
        distance=_distance(np.stack([part.sum(axis=0) for part in layout.split(table)])),
        codes=kept,
    )


def _codes(numbers: Numbers, layout: Layout, season: Floats | None) -> Places:
    """Level of each row among those of the reference."""
    codes = np.full(len(layout.block), MIDDLE, dtype=np.intp)
    known = np.flatnonzero(numbers.present[: layout.rows])
    if not len(known):
        return codes
    # Every so many rows, not a random draw: the same rows give the same ranks.
    sample = known[:: max(1, len(known) // SAMPLE)]
    ranks = Ranks.of(_less(numbers, layout, season, sample), often=len(codes) > CELLS)
    for part in pieces(len(codes)):
        codes[part] = ranks.levels(_less(numbers, layout, season, part))
    return codes


def _size(numbers: Numbers, layout: Layout, season: Floats) -> float:
    """Root mean square of the reference's values without the season."""
    left = (_less(numbers, layout, season, part) for part in pieces(layout.rows))
    return float(np.sqrt(sum(float(values @ values) for values in left) / max(1, layout.rows)))


def _less(numbers: Numbers, layout: Layout, season: Floats | None, part: slice | Places) -> Floats:
    """The values of some rows without the season."""
    values: Floats = numbers.values[part]
    return values if season is None else values - season.take(layout.block[part])


def _as_fitted(means: Floats, numbers: Numbers, layout: Layout) -> Floats:
    before, now = layout.split(means)
    return np.concatenate([before * numbers.shrunk, now])


def _distance(histogram: NDArray[Any]) -> float:
    totals = histogram.sum(axis=1)
    if not totals.all():
        return 1.0 if totals.any() else 0.0
    before, now = np.cumsum(histogram, axis=1) / totals[:, None]
    return float(np.abs(before - now).max())
