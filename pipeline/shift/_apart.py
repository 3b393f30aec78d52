"""Each series, or each stretch of the day, beside the others of its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._layout import Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def by_entity(scaled: Floats, present: NDArray[np.bool_], layout: Layout, *, alike: bool) -> Floats:
    """Blocks x series; no columns where there is one series, or all are alike."""
    if layout.step is None or alike:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present & (layout.entity >= 0), layout.entity, layout)


def by_hour(scaled: Floats, present: NDArray[np.bool_], layout: Layout) -> Floats:
    """Blocks x stretches of three hours; no columns where blocks are no whole days."""
    if layout.hour is None:
        return np.empty((layout.all_blocks, 0))
    return _apart(scaled, present, layout.hour, layout)


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


def are_alike(centred: Floats, present: NDArray[np.bool_], step: Places) -> bool:
    """Whether rows of the same moment hold the same value."""
    known = centred * present
    rows, sums = np.bincount(step, present), np.bincount(step, known)
    within = float(known @ known) - float((sums**2 / np.maximum(rows, 1)).sum())
    return within <= 1e-6 * float(known @ known)
