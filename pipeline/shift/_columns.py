"""Each column of both windows as series of block means, and the few figures a sentence needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.shift._layout import Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEVELS = 256
"""Steps of the rank of a value among those of the reference."""
MIDDLE = LEVELS // 2
CELLS = 16_384
BINS = 64
"""Bins of equal share of the reference, for the distance."""
SAMPLE = 20_000
"""Values of the reference that ranks are taken from."""
FARTHEST = 4.0
"""Times the largest usual residual: no single row weighs more."""
MOST_CATEGORIES = 63


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A number column: season taken out of every row, by series where there are any."""

    name: str
    residuals: Floats
    """Of both windows, in the column's unit; 0 for missing. Those of the reference are against the
    other rows of their cell, else they would be smaller than any of rows that come later."""
    shrunk: float
    """What makes block means of those of the reference into residuals of a fit again."""
    present: NDArray[np.bool_]
    spread: float
    """Standard deviation of the reference's values."""
    scales: Floats
    """By series: standard deviation of the residuals in the reference."""
    reference_mean: float | None
    current_mean: float | None
    missing_reference: float
    missing_current: float
    alike: bool
    """Whether all series hold the same value at any moment, as the weather of a city does."""

    @property
    def complete(self) -> bool:
        return not (self.missing_reference or self.missing_current)


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


@dataclass(frozen=True, kw_only=True)
class Shares:
    """A column as shares of the rows by block: of a category, or of missing values."""

    labels: tuple[Any, ...]
    counts: Floats
    """Blocks x categories."""
    rows: Floats
    missing_reference: float
    missing_current: float
    new: tuple[str, ...]
    """Categories that the reference does not have, sorted."""
    new_counts: Floats
    """Rows of such a category by block; in the reference, of one that had not been seen before."""


def floats(values: NDArray[Any], name: str) -> Floats:
    """The values as numbers, NaN where they are missing or infinite."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StepError(
            f"A column of numbers, {name!r}, holds something else: {error}. Mend its kind or its "
            "values."
        ) from error
    present = np.isfinite(numbers)
    return numbers if present.all() else np.where(present, numbers, np.nan)


def read_numbers(name: str, values: Floats, layout: Layout) -> Numbers:
    """Takes the usual level of each cell out; an unseen cell has that of its series, or of all."""
    present = ~np.isnan(values)
    every = bool(present.all())
    filled = values if every else np.where(present, values, 0.0)
    before = slice(None, layout.rows)
    known = present[before]
    weights = None if every else known.astype(np.float64)
    cell = layout.cell
    rows = np.bincount(cell[before], weights, minlength=layout.cells)
    centre = float(filled[before].sum() / max(1, known.sum()))
    sums = np.bincount(cell[before], filled[before] - centre * known, minlength=layout.cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        levels = np.where(rows > 0, centre + sums / rows, np.nan)
    levels = _filled_levels(levels, rows.astype(np.float64), layout, centre)
    residuals = filled - levels[cell]
    others = rows / np.maximum(1, rows - 1)
    residuals[before] *= others[cell[before]]
    if not every:
        residuals[~present] = 0.0
    spread, scales = _spreads(filled, residuals, known, layout)
    return Numbers(
        name=name,
        residuals=residuals,
        shrunk=1 - float((rows > 0).sum() / max(1, known.sum())),
        present=present,
        spread=spread,
        scales=scales,
        reference_mean=centre if known.any() else None,
        current_mean=_mean(values[layout.rows :]),
        missing_reference=float(1 - known.mean()),
        missing_current=float(1 - present[layout.rows :].mean()),
        alike=layout.step is not None and _alike(filled - centre, present, layout.step),
    )


def _filled_levels(levels: Floats, rows: Floats, layout: Layout, centre: float) -> Floats:
    table = levels.reshape(len(layout.entities) + 1, -1)
    counts = rows.reshape(table.shape)
    known = np.isfinite(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(known, table * counts, 0.0).sum(axis=1) / counts.sum(axis=1)
    own = np.where(np.isfinite(own), own, centre)
    filled: Floats = np.where(known, table, own[:, None]).ravel()
    return filled


def _spreads(
    filled: Floats, residuals: Floats, known: NDArray[np.bool_], layout: Layout
) -> tuple[float, Floats]:
    before = filled[: layout.rows] if known.all() else filled[: layout.rows][known]
    spread = float(before.std()) if len(before) and before.min() < before.max() else 0.0
    own = residuals[: layout.rows]
    overall = float(np.sqrt((own @ own) / max(1, known.sum()))) or 1.0
    if len(layout.entities) == 1:
        return spread, np.full(2, overall)
    series = layout.entity[: layout.rows] + 1
    sums = np.bincount(series, own**2, minlength=len(layout.entities) + 1)
    rows = np.bincount(series, known, minlength=len(layout.entities) + 1)
    scales = np.sqrt(sums / np.maximum(rows, 1))
    return spread, np.where(scales > 1e-6 * overall, scales, overall)


def block_means(numbers: Numbers, layout: Layout) -> Floats:
    """Mean of the residuals over their series' scale, by block; NaN without rows."""
    rows = layout.sums(None if numbers.complete else numbers.present.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(rows > 0, layout.sums(_scaled(numbers, layout)) / rows, np.nan)
    return means


def score_numbers(numbers: Numbers, layout: Layout, season: Floats | None) -> Scores:
    """Ranks of the scaled residuals; `season` by block is taken out before, in scaled units."""
    scaled = _scaled(numbers, layout)
    if season is not None:
        scaled = scaled - season[layout.block]
    present, scored = numbers.present, _hermite()
    codes = _rank_codes(scaled, present, layout.rows)
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
    return Scores(
        location=_as_fitted(means[:, 0], numbers, layout),
        shape=means[:, 1:],
        raw=_as_fitted(raw, numbers, layout),
        by_entity=_by_entity(scaled, present, layout, alike=numbers.alike),
        by_hour=_by_hour(scaled, present, layout),
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


def _scaled(numbers: Numbers, layout: Layout) -> Floats:
    if len(layout.entities) == 1:
        return numbers.residuals / float(numbers.scales[-1])
    scaled: Floats = numbers.residuals * (1 / numbers.scales)[layout.entity + 1]
    return scaled


def _rank_codes(values: Floats, present: NDArray[np.bool_], rows: int) -> Places:
    """Mid-rank of each value among the reference's, in `LEVELS` steps."""
    before = values[:rows] if present[:rows].all() else values[:rows][present[:rows]]
    if not len(before):
        return np.full(len(values), MIDDLE, dtype=np.intp)
    # Every so many rows, not a random draw: the same rows give the same ranks.
    sample = np.sort(before[:: max(1, len(before) // SAMPLE)])
    knots, first, count = np.unique(sample, return_index=True, return_counts=True)
    ranks = (first + count / 2) / len(sample)
    step = 1e-9 * max(1.0, float(np.abs(knots).max()))
    knots = np.concatenate([[knots[0] - step], knots, [knots[-1] + step]])
    ranks = np.concatenate([[0.0], ranks, [1.0]])
    low, high = sample[[len(sample) // 2_000, -1 - len(sample) // 2_000]]
    width = (high - low) / (CELLS - 2)
    if width > 0 and len(values) > CELLS:
        middles = low + (np.arange(CELLS) - 0.5) * width
        table = _levels(np.interp(middles, knots, ranks))
        table[[0, -1]] = 0, LEVELS - 1
        if (
            np.abs(
                table[_cell(sample, low, width)] - _levels(np.interp(sample, knots, ranks))
            ).mean()
            < 1
        ):
            return table[_cell(values, low, width)]
    return _levels(np.interp(values, knots, ranks))


def _levels(shares: Floats) -> Places:
    return np.minimum((shares * LEVELS).astype(np.intp), LEVELS - 1)


def _cell(values: Floats, low: float, width: float) -> Places:
    """Even cells from 1 on, 0 below and the last above: a look-up is quicker than a search."""
    places = (values - low) * (1 / width) + 1
    return np.clip(places, 0, CELLS - 1, out=places).astype(np.intp)


@cache
def _hermite() -> Floats:
    """Levels x 3: the normal score of each level (mean over it), and its second and third
    Hermite polynomials, each with mean 0 and variance 1 over even levels.
    """
    from scipy.special import ndtri

    edges = ndtri(np.arange(LEVELS + 1) / LEVELS)
    density = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    score = (density[:-1] - density[1:]) * LEVELS
    polynomials = np.column_stack([score, score**2 - 1, score**3 - 3 * score])
    centred = polynomials - polynomials.mean(axis=0)
    scored: Floats = centred / centred.std(axis=0)
    return scored


def normal_scores(codes: NDArray[np.int16], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """The normal scores of some rows."""
    table = _hermite()[:, 0].astype(np.float32)
    table[MIDDLE] = 0.0
    taken: NDArray[np.float32] = table[codes[rows]]
    return taken


def _by_entity(
    scaled: Floats, present: NDArray[np.bool_], layout: Layout, *, alike: bool
) -> Floats:
    if layout.step is None or alike:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present & (layout.entity >= 0), layout.entity, layout)


def _by_hour(scaled: Floats, present: NDArray[np.bool_], layout: Layout) -> Floats:
    if layout.hour is None:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present, layout.hour, layout)


def _alike(centred: Floats, present: NDArray[np.bool_], step: Places) -> bool:
    known = centred * present
    rows, sums = np.bincount(step, present), np.bincount(step, known)
    within = float(known @ known) - float((sums**2 / np.maximum(rows, 1)).sum())
    return within <= 1e-6 * float(known @ known)


def _apart(scaled: Floats, chosen: NDArray[np.bool_], group: Places, layout: Layout) -> Floats:
    """Mean by block and group, less the mean over the groups of the block."""
    groups = int(group[chosen].max(initial=0)) + 1
    every = bool(chosen.all())
    place = layout.block * groups + group
    shape = (layout.all_blocks, groups)
    if not every:
        place, scaled = place[chosen], scaled[chosen]
    sums = np.bincount(place, scaled, minlength=shape[0] * groups).reshape(shape)
    rows = np.bincount(place, minlength=shape[0] * groups).reshape(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(rows > 0, sums / rows, np.nan)
        common = np.nansum(means, axis=1) / np.maximum(1, (rows > 0).sum(axis=1))
    apart: Floats = means - common[:, None]
    return apart


def _distance(histogram: Floats) -> float:
    totals = histogram.sum(axis=1)
    if not totals.all():
        return 1.0 if totals.any() else 0.0
    before, now = np.cumsum(histogram, axis=1) / totals[:, None]
    return float(np.abs(before - now).max())


def read_categories(values: NDArray[Any], layout: Layout) -> Shares:
    """The most frequent categories one by one, the others together."""
    from pandas import factorize

    codes, labels = factorize(values)
    rows, before = layout.sums(None), codes[: layout.rows]
    counted = np.bincount(before + 1, minlength=len(labels) + 1)
    total = np.bincount(codes + 1, minlength=len(labels) + 1)[1:]
    by_size = np.argsort(-total, kind="stable")
    kept = min(len(labels), MOST_CATEGORIES)
    bins = kept + (len(labels) > kept)
    place = np.empty(len(labels) + 1, dtype=np.intp)
    place[0] = bins
    place[by_size + 1] = np.minimum(np.arange(len(labels)), max(0, bins - 1))
    cells = layout.block * (bins + 1) + place[codes + 1]
    counts = np.bincount(cells, minlength=layout.all_blocks * (bins + 1))
    table = counts.reshape(layout.all_blocks, bins + 1).astype(np.float64)
    unseen = (counted[1:] == 0) & (total > 0)
    names = (*labels[by_size[:kept]], *(["others"] if bins > kept else []))
    return Shares(
        labels=tuple(names),
        counts=table[:, :bins],
        rows=rows,
        missing_reference=float(counted[0] / max(1, layout.rows)),
        missing_current=float((codes[layout.rows :] < 0).mean()),
        new=tuple(sorted(map(str, labels[unseen]))),
        new_counts=_first_seen(codes, len(labels), layout),
    )


def _first_seen(codes: Places, labels: int, layout: Layout) -> Floats:
    """Rows whose category was not seen before their stretch, as long as the current window."""
    first = np.full(labels + 1, layout.all_blocks, dtype=np.intp)
    np.minimum.at(first, codes, layout.block)
    first[-1] = -layout.all_blocks  # missing is no category
    stretch = (layout.block - layout.blocks) // layout.current_blocks
    began = (first - layout.blocks) // layout.current_blocks
    return layout.sums((began[codes] == stretch).astype(np.float64))


def _mean(values: Floats) -> float | None:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None
