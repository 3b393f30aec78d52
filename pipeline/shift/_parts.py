"""What can happen to a column, a test each, all columns of a kind at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._categories import Shares
from pipeline.shift._contrasts import (
    Contrast,
    Design,
    block_ranks,
    contrast_means,
    latest_blocks,
    normal_quantiles,
    ridge,
    swing,
    year_matters,
)
from pipeline.shift._layout import Layout
from pipeline.shift._numbers import Numbers
from pipeline.shift._pooled import hotelling
from pipeline.shift._rates import cauchy_combination, chance_of_occurrences, weighted_bonferroni
from pipeline.shift._scores import Scores

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

YEAR_LEVEL = 0.1
"""p-value below which the waves of the year are taken for real."""
SWINGS = 0.6
"""Standard deviations of the noise of a block that the waves of a half year must have for the
column to be taken for one that follows the year."""
RARE = 5
"""Blocks of the reference with an occurrence below which single blocks are counted."""
SINGLE = 0.01
"""p-value, over the number of series, at which one of them counts as moved."""
FARTHEST = 4.0
"""About the most extreme normal score."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One test of one column."""

    name: str
    """mean, series, daily rhythm, shape, direction, categories, new categories, missing values."""
    p_value: float
    effect: float
    """Signed. mean: in standard deviations of the reference's values; series, daily rhythm:
    the shifts of each beyond its own noise, in standard deviations, averaged over all; shape: mean
    Hermite polynomial of the normal scores; direction: change of the mean vector, 0 to 2; shares:
    Cohen's h."""
    difference: float | None = None
    """In the unit, where there is one."""
    about: str = ""
    """The category or series that moved most."""
    others: int = 0
    """How many more did."""
    latest: float = 1.0
    """Share of the current window, up to its end, that the figures are for; 0 for a change that
    grew through the window, with figures for its end."""
    before: float | None = None
    """Share of the rows in the reference, where a share is tested."""
    now: float | None = None


def yearly_columns(
    means: Floats, layout: Layout, seasonal: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which columns (blocks x columns) follow the year: where a whole one is known, by a test;
    else those that swung in half a year or more, and all where less than that is known, but for
    those that are not `seasonal`.
    """
    design, series = layout.yearly, means.shape[1]
    if design is None or not series:
        return np.zeros(series, dtype=bool)
    before, _ = layout.split(means)
    if not design.follows:
        return year_matters(before, design) < YEAR_LEVEL
    may = np.ones(series, dtype=bool) if seasonal is None else seasonal
    if not layout.half_year:
        return may
    swings: NDArray[np.bool_] = swing(before, layout.plain) > SWINGS
    return swings & may


def yearly_course(means: Floats, yearly: NDArray[np.bool_], layout: Layout) -> Floats:
    """The waves of the year alone, blocks x columns, 0 for columns without: fitted on the
    reference, or on both windows where no whole year is known, since what is believed of the year
    can't be carried on far.
    """
    course = np.zeros_like(means)
    for design, chosen in _by_design(yearly, layout):
        both = np.concatenate([design.reference, design.current])
        fitted = both if design.follows else design.reference
        known = np.nan_to_num(means[: len(fitted), chosen])
        coefficients = ridge(design, fitted, known)[design.yearly]
        course[:, chosen] = both[:, design.yearly] @ coefficients
    return course


def location_parts(
    numbers: Sequence[Numbers], scores: Sequence[Scores], yearly: NDArray[np.bool_], layout: Layout
) -> tuple[list[Part], Floats, Floats]:
    """Mean by column; also signed z-scores and the residual series of the reference."""
    located = np.column_stack([each.location for each in scores])
    raw = np.column_stack([each.raw for each in scores])
    rows = np.array([each.rows[: layout.blocks].sum() for each in scores])
    least = FARTHEST**2 / np.maximum(1, rows) / np.maximum(1, rows / layout.blocks)
    p_values, differences = np.ones(len(scores)), np.zeros(len(scores))
    latest, z_scores = np.ones(len(scores)), np.zeros(len(scores))
    residuals = np.zeros((layout.blocks, len(scores)))
    for design, chosen in _by_design(yearly, layout):
        both = np.concatenate([located[:, chosen], raw[:, chosen]], axis=1)
        count = len(chosen)
        bound = np.concatenate([least[chosen], np.zeros(count)])
        found = contrast_means(*layout.split(both), design, least_variance=bound)
        p_values[chosen] = cauchy_combination(found.p_values.reshape(2, count))
        differences[chosen] = found.differences[count:]
        z_scores[chosen] = found.z_scores[0, :count]
        # The raw means tell a change beyond all values that were ever seen, which ranks can't.
        telling = found.p_values.reshape(2, count).argmin(axis=0)
        latest[chosen] = found.latest.reshape(2, count)[telling, np.arange(count)]
        residuals[:, chosen] = found.residuals[:, :count]
    if not layout.plain.ordered and len(layout.entities) == 1:
        # Nothing was taken out but the mean, and blocks are but rows.
        differences = np.array([_gap(each) for each in numbers])
    parts = [
        Part(
            name="mean",
            p_value=float(p_value),
            effect=_over(float(difference), each.spread, each.current_mean),
            difference=float(difference),
            latest=float(share),
        )
        for p_value, difference, share, each in zip(
            p_values, differences, latest, numbers, strict=True
        )
    ]
    return parts, z_scores, residuals


def shape_parts(scores: Sequence[Scores], yearly: NDArray[np.bool_], layout: Layout) -> list[Part]:
    """Spread and skewness, combined by column."""
    series = np.concatenate([each.shape for each in scores], axis=1)
    before, now = layout.split(series)
    ranked = np.concatenate(block_ranks(before, now))
    found = contrast_all(ranked, np.repeat(yearly, 2), layout, 1e-3)
    effects = _known_means(now) - _known_means(before)
    return [
        Part(
            name="shape",
            p_value=float(cauchy_combination(found.p_values[2 * place : 2 * place + 2])),
            effect=float(effects[2 * place]),
        )
        for place in range(len(scores))
    ]


def _known_means(series: Floats) -> Floats:
    known = np.isfinite(series)
    means: Floats = np.where(known, series, 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    return means


def series_part(numbers: Numbers, scores: Scores, layout: Layout) -> Part | None:
    """Each series against the others: its level relative to its own reference, less the mean of
    all series of the block, so that what moves all of them alike is not counted.
    """
    part = _apart_part("series", scores.by_entity, layout)
    if part is None:
        return None
    most = int(part.about)
    return replace(
        part,
        difference=(part.difference or 0.0) * float(numbers.scales[most + 1]),
        about=str(layout.entities[most]),
    )


def rhythm_part(scores: Scores, layout: Layout) -> Part | None:
    """Each three hours of the day against the others, in the same way; by ranks, since three hours
    of rain, say, are far from normal.
    """
    return _apart_part("daily rhythm", scores.by_hour, layout, ranked=True)


def _apart_part(name: str, apart: Floats, layout: Layout, *, ranked: bool = False) -> Part | None:
    if not apart.shape[1]:
        return None
    centred = apart - _known_means(layout.split(apart)[0])
    tested = np.concatenate(block_ranks(*layout.split(centred))) if ranked else centred
    # A season that all of them share has dropped out: little of it is left to be believed.
    guessed = np.zeros(apart.shape[1], dtype=bool)
    yearly = guessed if layout.plain.follows else yearly_columns(tested, layout)
    found = contrast_all(tested, yearly, layout, 1e-9)
    here = np.flatnonzero(np.isfinite(centred[layout.blocks :]).any(axis=0))
    if not len(here):
        return None
    p_values = np.ones(len(found.p_values))
    p_values[here] = found.p_values[here]
    differences = _latest_means(centred, found.latest, layout) if ranked else found.differences
    most = int(np.argmin(p_values))
    alone, pooled = float(cauchy_combination(p_values[here])), _pooled(found, here)
    # What of each difference is more than its own noise, which its z-score tells.
    surely = 1 - 1 / np.maximum(1.0, normal_quantiles(p_values) ** 2)
    sizes = (np.abs(differences) * np.sqrt(surely))[here].mean()
    moved = p_values <= SINGLE / len(here)
    return Part(
        name=name,
        p_value=weighted_bonferroni(np.array([alone, pooled]), np.array([0.5, 0.5])),
        effect=float(np.copysign(sizes, differences[most])),
        difference=float(differences[most]),
        about=str(most),
        others=int(max(0, moved.sum() - 1)),
        latest=float(found.latest[most]),
    )


def _pooled(found: Contrast, here: Places) -> float:
    """p-value of "none of the series has moved" from all of them at once, over the parts."""
    each = [hotelling(scores[here], found.residuals[:, here]) for scores in found.z_scores]
    return float(cauchy_combination(np.array(each), found.weights))


def _latest_means(series: Floats, latest: Floats, layout: Layout) -> Floats:
    """Mean by column over its latest share of the current window."""
    now = layout.split(series)[1]
    return np.array(
        [
            _known_means(now[-latest_blocks(share, len(now)) :, place : place + 1])[0]
            for place, share in enumerate(latest)
        ]
    )


def missing_part(missing: Floats, rows: Floats, layout: Layout) -> Part | None:
    """Share of rows without a value; `None` where there is none."""
    if not missing.any():
        return None
    found, effects, latest = _contrast_shares(missing[:, None], rows, layout)
    before, now = _share_of(missing, rows, float(latest[0]), layout)
    return Part(
        name="missing values",
        p_value=float(found[0]),
        effect=float(effects[0]),
        latest=float(latest[0]),
        before=before,
        now=now,
    )


def category_parts(shares: Shares, layout: Layout) -> list[Part]:
    """Share of each category, combined; and of those that were never seen."""
    parts = []
    if shares.counts.shape[1]:
        p_values, effects, latest = _contrast_shares(shares.counts, shares.rows, layout)
        most = int(np.argmin(p_values))
        before, now = _share_of(shares.counts[:, most], shares.rows, float(latest[most]), layout)
        parts.append(
            Part(
                name="categories",
                p_value=float(cauchy_combination(p_values)),
                effect=float(effects[most]),
                about=str(shares.labels[most]),
                latest=float(latest[most]),
                before=before,
                now=now,
            )
        )
    if shares.new:
        fresh = shares.new_counts[layout.blocks :]
        later = shares.new_counts[layout.blocks // 2 : layout.blocks]
        share = float(fresh.sum() / max(1.0, shares.rows[layout.blocks :].sum()))
        chance = chance_of_occurrences(
            np.array([(fresh > 0).sum()]), len(fresh), np.array([(later > 0).sum()]), len(later)
        )
        parts.append(
            Part(
                name="new categories",
                p_value=float(chance[0]),
                effect=2 * float(np.arcsin(np.sqrt(share))),
                about=shares.new[0],
                others=len(shares.new) - 1,
                before=0.0,
                now=share,
            )
        )
    return parts


def _share_of(counts: Floats, rows: Floats, latest: float, layout: Layout) -> tuple[float, float]:
    """Share of the rows in the reference, and in the latest part of the current window."""
    first = layout.all_blocks - latest_blocks(latest, layout.current_blocks)
    before, now = (
        float(counts[part].sum() / max(1.0, rows[part].sum()))
        for part in (slice(0, layout.blocks), slice(first, None))
    )
    return before, now


def _contrast_shares(counts: Floats, rows: Floats, layout: Layout) -> tuple[Floats, Floats, Floats]:
    """p-value, Cohen's h (1988, 6.2: difference of arcsines of roots) and latest part, of shares
    by block.

    Where the reference has hardly an occurrence, its variance says little: there the number of
    blocks with one must be unlikely too.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        series = np.where(rows[:, None] > 0, counts / rows[:, None], np.nan)
    before, now = layout.split(counts)
    all_before = rows[: layout.blocks].sum()
    guess = (before.sum(axis=0) + 1) / (all_before + 2)
    least = guess * (1 - guess) / max(1.0, all_before / layout.blocks)
    found = contrast_all(series, yearly_columns(series, layout), layout, least)
    occurred = np.minimum((before > 0).sum(axis=0), (before < rows[: layout.blocks, None]).sum(0))
    turned = (before > 0).sum(axis=0) > layout.blocks / 2
    occurs = np.where(turned, now < rows[layout.blocks :, None], now > 0).sum(axis=0)
    chance = chance_of_occurrences(
        occurs.astype(float), layout.current_blocks, occurred.astype(float), layout.blocks
    )
    p_values = np.where(occurred < RARE, np.maximum(found.p_values, chance), found.p_values)
    shares = [
        _share_of(counts[:, place], rows, float(latest), layout)
        for place, latest in enumerate(found.latest)
    ]
    share, moved = np.array(shares).T.reshape(2, -1)
    return p_values, 2 * (np.arcsin(np.sqrt(moved)) - np.arcsin(np.sqrt(share))), found.latest


def least_share(rows: Floats, layout: Layout) -> float:
    """Least variance of a mean by block of values about as large as 1."""
    return float(1e-3 / max(1.0, rows[: layout.blocks].sum() / layout.blocks))


def contrast_all(
    series: Floats, yearly: NDArray[np.bool_], layout: Layout, least: Floats | float
) -> Contrast:
    least = np.broadcast_to(np.asarray(least, dtype=np.float64), (series.shape[1],))
    p_values, differences = np.ones(series.shape[1]), np.zeros(series.shape[1])
    latest, residuals = np.ones(series.shape[1]), np.zeros((layout.blocks, series.shape[1]))
    z_scores, weights = np.zeros((0, series.shape[1])), np.zeros(0)
    for design, chosen in _by_design(yearly, layout):
        found = contrast_means(
            *layout.split(series[:, chosen]), design, least_variance=least[chosen]
        )
        p_values[chosen], differences[chosen] = found.p_values, found.differences
        latest[chosen], residuals[:, chosen] = found.latest, found.residuals
        if not len(weights):
            weights, z_scores = found.weights, np.zeros((len(found.weights), series.shape[1]))
        z_scores[:, chosen] = found.z_scores
    return Contrast(
        p_values=p_values,
        differences=differences,
        latest=latest,
        residuals=residuals,
        z_scores=z_scores,
        weights=weights,
    )


def _by_design(yearly: NDArray[np.bool_], layout: Layout) -> list[tuple[Design, NDArray[np.intp]]]:
    designs = [(layout.plain, np.flatnonzero(~yearly))]
    if layout.yearly is not None:
        designs.append((layout.yearly, np.flatnonzero(yearly)))
    return [(design, chosen) for design, chosen in designs if len(chosen)]


def _gap(numbers: Numbers) -> float:
    if numbers.reference_mean is None or numbers.current_mean is None:
        return 0.0
    return numbers.current_mean - numbers.reference_mean


def _over(difference: float, spread: float, current: float | None) -> float:
    """The difference in standard deviations; where the reference never moved, in its own size."""
    if current is None or difference == 0:
        return 0.0
    if spread > 0:
        return difference / spread
    return float(np.sign(difference))
