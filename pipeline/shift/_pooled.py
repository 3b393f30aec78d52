"""Several series that may have moved at once: are all of them together further off than chance?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SPREAD = 0.25
"""Directions in which the series move together by less than this share of one of them are left
out: differences from a common mean have one without any spread, and z-scores that each have their
own model of chance are never exactly as dependent as the series."""


def hotelling(z_scores: Floats, residuals: Floats) -> Floats:
    """p-values of z' R^-1 z by row of `z_scores` (questions x series), R the correlation of the
    reference's block residuals.

    Hotelling 1931, in the form that refers T² to F. The blocks count as far as they are
    independent: n (1 - r²) / (1 + r²) with their mean correlation r from block to block
    (Bartlett 1935). R is shrunk to the identity by columns / blocks (Ledoit & Wolf 2004), and
    directions of `LEAST_SPREAD` are left out.
    """
    from scipy.special import fdtrc

    moving = residuals.std(axis=0) > 0
    count = int(moving.sum())
    series, scores = residuals[:, moving], z_scores[:, moving]
    if not count:
        return np.ones(len(z_scores))
    centred = series - series.mean(axis=0)
    lagged = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
    square = float(np.mean(np.clip(lagged, 0, 0.99)) ** 2)
    effective = len(series) * (1 - square) / (1 + square)
    if effective < 2 * count + 2:
        return np.ones(len(z_scores))
    shrunk = min(1.0, count / effective)
    correlation = np.corrcoef(series, rowvar=False).reshape(count, count)
    correlation = (1 - shrunk) * correlation + shrunk * np.eye(count)
    sizes, directions = np.linalg.eigh(correlation)
    kept = sizes > LEAST_SPREAD
    free = int(kept.sum())
    squared = ((scores @ directions[:, kept]) ** 2 / sizes[kept]).sum(axis=1)
    ratio = squared * (effective - free) / (free * (effective - 1))
    p_values: Floats = fdtrc(free, effective - free, ratio)
    return p_values
