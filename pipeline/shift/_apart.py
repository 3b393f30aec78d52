"""Each series, or each stretch of the day, beside the others of its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._layout import Groups, Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def by_entity(scaled: Floats, present: NDArray[np.bool_], layout: Layout, *, alike: bool) -> Floats:
    """Blocks x series; no columns where there is one series, or all are alike."""
    if layout.step is None or alike:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present, layout.by_entity, layout)


def by_hour(scaled: Floats, present: NDArray[np.bool_], layout: Layout) -> Floats:
    """Blocks x stretches of three hours; no columns where blocks are no whole days."""
    if layout.by_hour is None:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present, layout.by_hour, layout)


def are_alike(values: Floats, present: NDArray[np.bool_], layout: Layout) -> bool:
    """Whether rows of the same moment hold the same value, in some moments and then in all."""
    if layout.step is None or layout.some is None:
        return False
    some = layout.some
    return _same_within(values[some], present[some], layout.step[some]) and _same_within(
        values, present, layout.step
    )


def _same_within(values: Floats, present: NDArray[np.bool_], step: Places) -> bool:
    known = np.where(present, values - float(values[present].mean() if present.any() else 0), 0.0)
    rows, sums = np.bincount(step, present), np.bincount(step, known)
    within = float(known @ known) - float((sums**2 / np.maximum(rows, 1)).sum())
    return within <= 1e-6 * float(known @ known)


def _apart(scaled: Floats, present: NDArray[np.bool_], groups: Groups, layout: Layout) -> Floats:
    """Mean by block and group, less the mean over the groups of the block."""
    shape = (layout.all_blocks, groups.count)
    size, place, rows = shape[0] * shape[1], groups.place, groups.rows
    if not present.all():
        scaled = np.where(present, scaled, 0.0)
        rows = np.bincount(place, present, minlength=size + 1).astype(np.float64)
        rows = rows[:size].reshape(shape)
    sums = np.bincount(place, scaled, minlength=size + 1)[:size].reshape(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(rows > 0, sums / rows, np.nan)
        common = np.nansum(means, axis=1) / np.maximum(1, (rows > 0).sum(axis=1))
    apart: Floats = means - common[:, None]
    return apart
