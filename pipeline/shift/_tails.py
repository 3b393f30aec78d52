"""How unlikely a ratio is: Student's tails from a table, and those of means that are not normal."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL_STEPS = 8_192
LEAST_LOG = -690.0
FEWEST_STRETCHES = 4
LEAST_KURTOSIS = 0.01


def normal_quantiles(p_values: Floats) -> Floats:
    """How far out a standard normal must be for its two-sided p-value to be these.

    >>> normal_quantiles(np.array([1.0, 0.05])).round(3) + 0.0
    array([0.  , 1.96])
    """
    from scipy.special import ndtri

    quantiles: Floats = -ndtri(np.clip(p_values, 1e-300, 1.0) / 2)
    return quantiles


def student_tails(squares: Floats, degrees: float) -> Floats:
    """Two-sided p-values of squared Student ratios, from a table: off by less than 1e-4 of them.

    >>> student_tails(np.array([0.0, 2.228**2]), 10.0).round(4)
    array([1.  , 0.05])
    """
    step, logs = _tail_table(degrees)
    places = np.sqrt(np.log1p(squares / degrees)) * (1 / step)
    places = np.minimum(places, len(logs) - 1.001)
    low = places.astype(np.intp)
    share = places - low
    tails: Floats = np.exp(logs[low] * (1 - share) + logs[low + 1] * share)
    return tails


@lru_cache(maxsize=64)
def _tail_table(degrees: float) -> tuple[float, Floats]:
    """Logarithms of the tails over even steps of sqrt(log(1 + t^2 / degrees)), in which they are
    nearly parabolas: t^-degrees far out.
    """
    from scipy.special import stdtr

    highest = np.sqrt(min(-2 * LEAST_LOG / degrees, -LEAST_LOG))
    grid = np.linspace(0, highest, TAIL_STEPS)
    with np.errstate(divide="ignore"):
        logs = np.log(2 * stdtr(degrees, -np.sqrt(degrees * np.expm1(grid**2))))
    return float(grid[1]), np.maximum(logs, LEAST_LOG)


def excess_kurtosis(residuals: Floats, length: int) -> float:
    """Of means of `length` blocks in a row, over all series (blocks x series) together; 0 where
    they are no wider than normal, or too few to tell.

    The fourth moment over the square of the second, whose expectation for n normal values is
    3 (n - 1) / (n + 1) (Fisher 1930, "The moments of the distribution for normal samples of
    measures of departure from normality").
    """
    stretches = len(residuals) // length
    if stretches < FEWEST_STRETCHES:
        return 0.0
    means = residuals[-stretches * length :].reshape(stretches, length, -1).mean(axis=1)
    means = means - means.mean(axis=0)
    second, fourth = (means**2).mean(axis=0), (means**4).mean(axis=0)
    moving = second > 0
    if not moving.any():
        return 0.0
    found = float((fourth[moving] / second[moving] ** 2).mean())
    return max(0.0, found * (stretches + 1) / (stretches - 1) - 3)


def heavier(p_values: Floats, kurtosis: float) -> Floats:
    """p-values that take a mean for normal, made those of one of such excess kurtosis: Student's
    with 4 + 6 / kurtosis degrees, which has it, scaled to the same variance.

    >>> heavier(np.array([0.05, 0.001]), 1.0).round(4)
    array([0.0532, 0.0043])
    """
    if kurtosis < LEAST_KURTOSIS:
        return p_values
    degrees = 4 + 6 / kurtosis
    squares = normal_quantiles(p_values) ** 2 * degrees / (degrees - 2)
    return student_tails(squares, degrees)
