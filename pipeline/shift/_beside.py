"""Each series beside the others, and each stretch of the day beside the rest of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._contrasts import Contrast
from pipeline.shift._design import latest_blocks
from pipeline.shift._layout import Layout
from pipeline.shift._location import known_means
from pipeline.shift._numbers import Numbers
from pipeline.shift._pooled import hotelling
from pipeline.shift._ranks import block_ranks
from pipeline.shift._rates import cauchy_combination, weighted_bonferroni
from pipeline.shift._tails import normal_quantiles
from pipeline.shift._types import Part
from pipeline.shift._year import contrast_all, yearly_columns

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

SINGLE = 0.01
"""p-value, over the number of series, at which one of them counts as moved."""
LEAST = 1e-9
"""Least variance of a mean by block, in that of a row."""


def series_parts(numbers: Sequence[Numbers], layout: Layout) -> list[Part | None]:
    """By column, each series against the others: its level relative to its own reference, less the
    mean of all series of the block, so that what moves all of them alike is not counted.
    """
    parts = _beside("series", [each.by_series for each in numbers], layout, together=True)
    return [
        part
        and replace(
            part,
            difference=(part.difference or 0.0) * float(column.scales[int(part.about) + 1]),
            about=str(layout.entities[int(part.about)]),
        )
        for part, column in zip(parts, numbers, strict=True)
    ]


def rhythm_parts(numbers: Sequence[Numbers], layout: Layout) -> list[Part | None]:
    """By column, each three hours of the day against the others; by ranks, since three hours of
    rain, say, are far from normal.

    The stretches of a day are not asked all together: in slow series how they depend on one
    another differs from day to day and over weeks, which the days of a reference don't show.
    """
    parts = _beside("daily rhythm", [each.by_hour for each in numbers], layout, ranked=True)
    return [
        part
        and replace(
            part, about=f"{3 * int(part.about)} to {3 * int(part.about) + 3} h {layout.zone}"
        )
        for part in parts
    ]


def _beside(
    name: str,
    groups: Sequence[Floats],
    layout: Layout,
    *,
    ranked: bool = False,
    together: bool = False,
) -> list[Part | None]:
    """All columns (blocks x series each) at once: chance is learned from all of them."""
    ends = np.cumsum([0, *[each.shape[1] for each in groups]])
    if not ends[-1]:
        return [None for _ in groups]
    apart = np.concatenate(groups, axis=1)
    centred = apart - known_means(layout.split(apart)[0])
    tested = np.concatenate(block_ranks(*layout.split(centred))) if ranked else centred
    # A season that all of them share has dropped out: little of it is left to be believed.
    guessed = np.zeros(apart.shape[1], dtype=bool)
    yearly = guessed if layout.plain.follows else yearly_columns(tested, layout)
    found = contrast_all(tested, yearly, layout, LEAST)
    if ranked:
        found = replace(found, differences=_latest_means(centred, found.latest, layout))
    seen = np.asarray(np.isfinite(centred[layout.blocks :]).any(axis=0))
    return [
        _part(name, found.only(slice(first, last)), np.flatnonzero(seen[first:last]), together)
        for first, last in pairwise(ends)
    ]


def _part(name: str, found: Contrast, here: Places, together: bool) -> Part | None:
    """`here`: the series that are seen in the current window."""
    if not len(here):
        return None
    p_values = np.ones(len(found.p_values))
    p_values[here] = found.p_values[here]
    most = int(np.argmin(p_values))
    p_value = float(cauchy_combination(p_values[here]))
    if together:
        every = hotelling(found.z_scores[:, here], found.residuals[:, here])
        pooled = float(cauchy_combination(every, found.weights))
        p_value = weighted_bonferroni(np.array([p_value, pooled]), np.array([0.5, 0.5]))
    # What of each difference is more than its own noise, which its z-score tells.
    surely = 1 - 1 / np.maximum(1.0, normal_quantiles(p_values) ** 2)
    sizes = (np.abs(found.differences) * np.sqrt(surely))[here].mean()
    moved = p_values <= SINGLE / len(here)
    return Part(
        name=name,
        p_value=p_value,
        effect=float(np.copysign(sizes, found.differences[most])),
        difference=float(found.differences[most]),
        about=str(most),
        others=int(max(0, moved.sum() - 1)),
        latest=float(found.latest[most]),
    )


def _latest_means(series: Floats, latest: Floats, layout: Layout) -> Floats:
    """Mean by column over its latest share of the current window."""
    now, means = layout.split(series)[1], np.empty(series.shape[1])
    for share in np.unique(latest):
        chosen = latest == share
        means[chosen] = known_means(now[-latest_blocks(share, len(now)) :, chosen])
    return means
