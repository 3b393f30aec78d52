"""Each series, or each stretch of the day, beside the others of its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._layout import Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


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


def apart(sums: Floats, rows: Floats) -> Floats:
    """Means by block and group, less the mean over the groups of the block; NaN without rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(rows > 0, sums / rows, np.nan)
        common = np.nansum(means, axis=1) / np.maximum(1, (rows > 0).sum(axis=1))
    found: Floats = means - common[:, None]
    return found
