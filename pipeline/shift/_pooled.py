"""Several series that may have moved at once: are all of them together further off than chance?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hotelling(z_scores: Floats, residuals: Floats) -> float:
    """p-value of z' R^-1 z, R the correlation of the reference's block residuals.

    Hotelling 1931, in the form that refers T² to F. The blocks count as far as they are
    independent: n (1 - r²) / (1 + r²) with their mean correlation r from block to block
    (Bartlett 1935). R is shrunk to the identity by columns / blocks (Ledoit & Wolf 2004).
    """
    from scipy.special import fdtrc

    moving = residuals.std(axis=0) > 0
    count = int(moving.sum())
    series, scores = residuals[:, moving], z_scores[moving]
    if not count:
        return 1.0
    centred = series - series.mean(axis=0)
    lagged = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
    square = float(np.mean(np.clip(lagged, 0, 0.99)) ** 2)
    effective = len(series) * (1 - square) / (1 + square)
    if effective < 2 * count + 2:
        return 1.0
    shrunk = min(1.0, count / effective)
    correlation = np.corrcoef(series, rowvar=False).reshape(count, count)
    correlation = (1 - shrunk) * correlation + shrunk * np.eye(count)
    squared = float(scores @ np.linalg.solve(correlation, scores))
    ratio = squared * (effective - count) / (count * (effective - 1))
    return float(fdtrc(count, effective - count, ratio))
