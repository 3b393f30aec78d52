"""Where a column's values lie, and how widely: a test each, all columns at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._contrasts import contrast_means
from pipeline.shift._layout import Layout
from pipeline.shift._numbers import Numbers
from pipeline.shift._ranks import block_ranks
from pipeline.shift._rates import cauchy_combination
from pipeline.shift._scores import Scores
from pipeline.shift._types import Part
from pipeline.shift._year import by_design, contrast_all

Floats = NDArray[np.float64]

FARTHEST = 4.0
"""About the most extreme normal score."""


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
    for design, chosen in by_design(yearly, layout):
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
    found = contrast_all(ranked, np.repeat(yearly, 2), layout, 1e-3, wide=True)
    effects = known_means(now) - known_means(before)
    return [
        Part(
            name="shape",
            p_value=float(cauchy_combination(found.p_values[2 * place : 2 * place + 2])),
            effect=float(effects[2 * place]),
        )
        for place in range(len(scores))
    ]


def known_means(series: Floats) -> Floats:
    """Mean by column of what is known."""
    known = np.isfinite(series)
    means: Floats = np.where(known, series, 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    return means


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
