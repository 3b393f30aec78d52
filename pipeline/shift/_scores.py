"""A number column as scores by block: where its values lie, how wide, and which series part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._apart import by_entity, by_hour
from pipeline.shift._layout import Layout
from pipeline.shift._numbers import Numbers, scaled
from pipeline.shift._ranks import LEVELS, MIDDLE, SAMPLE, hermite_scores, rank_codes

Floats = NDArray[np.float64]

BINS = 64
"""Bins of equal share of the reference, for the distance."""
FARTHEST = 4.0
"""Times the largest usual residual: no single row weighs more."""


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
    by_entity: Floats
    """Blocks x series: mean residual over the series' own scale, less the mean of all; no columns
    where all series are alike at any time."""
    by_hour: Floats
    """The same by stretch of three hours of the day."""
    rows: Floats
    """Rows with a value, by block."""
    distance: float
    """Kolmogorov-Smirnov distance of the residuals: 0 to 1."""
    codes: NDArray[np.int16]
    """Level of each row among those of the reference; the middle one for missing."""


def score_numbers(
    numbers: Numbers, layout: Layout, season: Floats | None, *, given_back: bool = False
) -> Scores:
    """Ranks of the scaled residuals; `season` by block is taken out before, in scaled units, and
    may be given back to the location afterwards: ranks of what lies far from all of the reference
    would say nothing of how far.
    """
    values = scaled(numbers, layout)
    if season is not None:
        values = values - season[layout.block]
    present, scored = numbers.present, hermite_scores()
    codes = rank_codes(values, present, layout.rows)
    cells = layout.block * LEVELS + codes
    if not numbers.complete:
        cells = cells[present]
    table = np.bincount(cells, minlength=layout.all_blocks * LEVELS).reshape(-1, LEVELS)
    rows = table.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(rows[:, None] > 0, table @ scored / rows[:, None], np.nan)
        raw = np.where(rows > 0, layout.sums(_tamed(numbers.residuals, layout)) / rows, np.nan)
    bins = table.reshape(len(table), BINS, -1).sum(axis=2)
    windows = np.stack([part.sum(axis=0) for part in layout.split(bins)])
    location = means[:, 0]
    if season is not None and given_back:
        before = values[: layout.rows]
        location = location * np.sqrt(before @ before / max(1, len(before))) + season
    return Scores(
        location=_as_fitted(location, numbers, layout),
        shape=means[:, 1:],
        raw=_as_fitted(raw, numbers, layout),
        by_entity=by_entity(values, present, layout, alike=numbers.alike),
        by_hour=by_hour(values, present, layout),
        rows=rows,
        distance=_distance(windows),
        codes=np.where(present, codes, MIDDLE).astype(np.int16),
    )


def _tamed(residuals: Floats, layout: Layout) -> Floats:
    """Residuals cut off at `FARTHEST` times the most that is usual in the reference."""
    sample = np.abs(residuals[: layout.rows : max(1, layout.rows // SAMPLE)])
    limit = FARTHEST * float(np.quantile(sample, 1 - 1 / 2_000)) if len(sample) else 0.0
    if limit == 0 or (residuals.max() <= limit and residuals.min() >= -limit):
        return residuals
    tamed: Floats = np.clip(residuals, -limit, limit)
    return tamed


def _as_fitted(means: Floats, numbers: Numbers, layout: Layout) -> Floats:
    before, now = layout.split(means)
    return np.concatenate([before * numbers.shrunk, now])


def _distance(histogram: NDArray[Any]) -> float:
    totals = histogram.sum(axis=1)
    if not totals.all():
        return 1.0 if totals.any() else 0.0
    before, now = np.cumsum(histogram, axis=1) / totals[:, None]
    return float(np.abs(before - now).max())
