"""What can happen to a column, a test each, all columns of a kind at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._categories import Shares
from pipeline.shift._contrasts import Contrast, Design, block_ranks, contrast_means, year_matters
from pipeline.shift._layout import Layout
from pipeline.shift._numbers import Numbers
from pipeline.shift._rates import cauchy_combination, chance_of_occurrences
from pipeline.shift._scores import Scores

Floats = NDArray[np.float64]

YEAR_LEVEL = 0.1
"""p-value below which the waves of the year are taken for real."""
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
    the shifts of those that moved, in standard deviations, averaged over all; shape: mean
    Hermite polynomial of the normal scores; direction: change of the mean vector, 0 to 2; shares:
    Cohen's h."""
    difference: float | None = None
    """In the unit, where there is one."""
    about: str = ""
    """The category or series that moved most."""
    others: int = 0
    """How many more did."""
    latest: float = 1.0
    """Share of the current window, up to its end, that the figures are for."""
    before: float | None = None
    """Share of the rows in the reference, where a share is tested."""
    now: float | None = None


def yearly_columns(means: Floats, layout: Layout) -> NDArray[np.bool_]:
    """Which columns (blocks x columns) follow the year, where a whole one is known."""
    if layout.yearly is None or not means.shape[1]:
        return np.zeros(means.shape[1], dtype=bool)
    year = np.arange(layout.yearly.reference.shape[1]) >= layout.plain.reference.shape[1]
    before, _ = layout.split(means)
    return year_matters(before, layout.yearly, year) < YEAR_LEVEL


def yearly_course(means: Floats, layout: Layout) -> Floats:
    """The waves of the year alone, fitted on the reference, blocks x columns."""
    design = layout.yearly
    if design is None:
        return np.zeros_like(means)
    before = np.nan_to_num(layout.split(means)[0])
    coefficients = np.linalg.lstsq(design.reference, before, rcond=None)[0]
    plain = layout.plain.reference.shape[1]
    both = np.concatenate([design.reference, design.current])
    course: Floats = both[:, plain:] @ coefficients[plain:]
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
    latest = np.ones(len(scores))
    shifts, residuals = np.zeros(len(scores)), np.zeros((layout.blocks, len(scores)))
    for design, chosen in _by_design(yearly, layout):
        both = np.concatenate([located[:, chosen], raw[:, chosen]], axis=1)
        count = len(chosen)
        bound = np.concatenate([least[chosen], np.zeros(count)])
        found = contrast_means(*layout.split(both), design, least_variance=bound)
        p_values[chosen] = cauchy_combination(found.p_values.reshape(2, count))
        shifts[chosen], differences[chosen] = found.differences.reshape(2, count)
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
    return parts, np.sign(shifts) * _normal_quantiles(p_values), residuals


def shape_parts(scores: Sequence[Scores], yearly: NDArray[np.bool_], layout: Layout) -> list[Part]:
    """Spread and skewness, combined by column."""
    series = np.concatenate([each.shape for each in scores], axis=1)
    before, now = layout.split(series)
    ranked = np.concatenate(block_ranks(before, now))
    found = _contrast_all(ranked, np.repeat(yearly, 2), layout, 1e-3)
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


def direction_parts(angles: Sequence[Floats], layout: Layout) -> list[Part]:
    """Columns that come round: first two harmonics (Mardia & Jupp 2000, "Directional statistics",
    6.3 and 8.3), each a cosine and a sine by row, combined by column.
    """
    parts = []
    for turns in angles:
        present = np.isfinite(turns)
        rows = layout.sums(present.astype(np.float64))
        waves = [wave(n * np.nan_to_num(turns)) for n in (1, 2) for wave in (np.cos, np.sin)]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.column_stack(
                [np.where(rows > 0, layout.sums(wave * present) / rows, np.nan) for wave in waves]
            )
        yearly = yearly_columns(means, layout)
        found = _contrast_all(means, yearly, layout, _least_share(rows, layout))
        parts.append(
            Part(
                name="direction",
                p_value=float(cauchy_combination(found.p_values)),
                effect=float(np.hypot(*found.differences[:2])),
            )
        )
    return parts


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
    """Each three hours of the day against the others, in the same way."""
    return _apart_part("daily rhythm", scores.by_hour, layout)


def _apart_part(name: str, apart: Floats, layout: Layout) -> Part | None:
    if not apart.shape[1]:
        return None
    centred = apart - _known_means(layout.split(apart)[0])
    found = _contrast_all(centred, yearly_columns(centred, layout), layout, 1e-9)
    here = np.isfinite(centred[layout.blocks :]).any(axis=0)
    if not here.any():
        return None
    p_values = np.where(here, found.p_values, 1.0)
    most = int(np.argmin(p_values))
    moved = p_values <= SINGLE / here.sum()
    sizes = np.abs(found.differences[moved]).sum() / here.sum()
    return Part(
        name=name,
        p_value=float(cauchy_combination(p_values[here])),
        effect=float(np.copysign(sizes, found.differences[most])),
        difference=float(found.differences[most]),
        about=str(most),
        others=max(0, int(moved.sum()) - 1),
        latest=float(found.latest[most]),
    )


def missing_part(missing: Floats, rows: Floats, layout: Layout) -> Part | None:
    """Share of rows without a value; `None` where there is none."""
    if not missing.any():
        return None
    found, effects = _contrast_shares(missing[:, None], rows, layout)
    return Part(name="missing values", p_value=float(found[0]), effect=float(effects[0]))


def category_parts(shares: Shares, layout: Layout) -> list[Part]:
    """Share of each category, combined; and of those that were never seen."""
    parts = []
    if shares.counts.shape[1]:
        p_values, effects = _contrast_shares(shares.counts, shares.rows, layout)
        most = int(np.argmin(p_values))
        before, now = (part.sum(axis=0) for part in layout.split(shares.counts))
        parts.append(
            Part(
                name="categories",
                p_value=float(cauchy_combination(p_values)),
                effect=float(effects[most]),
                about=str(shares.labels[most]),
                before=float(before[most] / max(1.0, shares.rows[: layout.blocks].sum())),
                now=float(now[most] / max(1.0, shares.rows[layout.blocks :].sum())),
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


def _contrast_shares(counts: Floats, rows: Floats, layout: Layout) -> tuple[Floats, Floats]:
    """p-value and Cohen's h (1988, 6.2: difference of arcsines of roots) of shares by block.

    Where the reference has hardly an occurrence, its variance says little: there the number of
    blocks with one must be unlikely too.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        series = np.where(rows[:, None] > 0, counts / rows[:, None], np.nan)
    before, now = layout.split(counts)
    all_before, all_now = rows[: layout.blocks].sum(), rows[layout.blocks :].sum()
    guess = (before.sum(axis=0) + 1) / (all_before + 2)
    least = guess * (1 - guess) / max(1.0, all_before / layout.blocks)
    found = _contrast_all(series, yearly_columns(series, layout), layout, least)
    occurred = np.minimum((before > 0).sum(axis=0), (before < rows[: layout.blocks, None]).sum(0))
    turned = (before > 0).sum(axis=0) > layout.blocks / 2
    occurs = np.where(turned, now < rows[layout.blocks :, None], now > 0).sum(axis=0)
    chance = chance_of_occurrences(
        occurs.astype(float), layout.current_blocks, occurred.astype(float), layout.blocks
    )
    p_values = np.where(occurred < RARE, np.maximum(found.p_values, chance), found.p_values)
    share = np.clip(before.sum(axis=0) / all_before, 0, 1)
    moved = np.clip(share + found.differences, 0, 1)
    plain = now.sum(axis=0) / max(1.0, all_now)
    moved = np.where(found.differences == 0, plain, moved)
    return p_values, 2 * (np.arcsin(np.sqrt(moved)) - np.arcsin(np.sqrt(share)))


def _least_share(rows: Floats, layout: Layout) -> float:
    return float(1e-3 / max(1.0, rows[: layout.blocks].sum() / layout.blocks))


def _contrast_all(
    series: Floats, yearly: NDArray[np.bool_], layout: Layout, least: Floats | float
) -> Contrast:
    least = np.broadcast_to(np.asarray(least, dtype=np.float64), (series.shape[1],))
    p_values, differences = np.ones(series.shape[1]), np.zeros(series.shape[1])
    latest = np.ones(series.shape[1])
    for design, chosen in _by_design(yearly, layout):
        found = contrast_means(
            *layout.split(series[:, chosen]), design, least_variance=least[chosen]
        )
        p_values[chosen], differences[chosen] = found.p_values, found.differences
        latest[chosen] = found.latest
    return Contrast(
        p_values=p_values,
        differences=differences,
        latest=latest,
        residuals=np.empty((0, series.shape[1])),
    )


def _by_design(yearly: NDArray[np.bool_], layout: Layout) -> list[tuple[Design, NDArray[np.intp]]]:
    designs = [(layout.plain, np.flatnonzero(~yearly))]
    if layout.yearly is not None:
        designs.append((layout.yearly, np.flatnonzero(yearly)))
    return [(design, chosen) for design, chosen in designs if len(chosen)]


def _normal_quantiles(p_values: Floats) -> Floats:
    from scipy.special import ndtri

    quantiles: Floats = -ndtri(np.clip(p_values, 1e-300, 1.0) / 2)
    return quantiles


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
