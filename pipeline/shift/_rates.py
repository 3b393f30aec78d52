"""From several p-values to one, and to alarms whose rate is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjusted p-values: rejecting those at most q keeps the false discovery rate at q.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", in the step-up form of
    Yekutieli & Benjamini 1999: the least p * m / rank among this and all larger p-values. When
    nothing has changed at all, the share of runs with an alarm is at most q too (Simes 1986).

    >>> benjamini_hochberg(np.array([0.01, 0.5, 0.02]))
    array([0.03, 0.5 , 0.03])
    """
    order = np.argsort(p_values)
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def cauchy_combination(p_values: Floats, weights: Floats | None = None) -> Floats:
    """One p-value for "none of these has changed", valid in the tail however they depend.

    Liu & Xie 2020, "Cauchy combination test", eq. 1; combines along the first axis, with even
    weights unless others are given.

    >>> float(cauchy_combination(np.array([0.02, 0.02])).round(12))
    0.02
    """
    # A p-value of one would outweigh all others: it counts as 1 - 1 / tests, as its authors advise.
    small = np.clip(p_values, 1e-300, np.maximum(0.9, 1 - 1 / len(p_values)))
    with np.errstate(over="ignore"):
        # tan((1/2 - p) pi) is 1 / (p pi) for small p, where the subtraction would lose it.
        heavy = np.where(small < 1e-15, 1 / (small * np.pi), np.tan((0.5 - small) * np.pi))
    mean = np.average(heavy, axis=0, weights=weights)
    with np.errstate(divide="ignore"):
        combined: Floats = np.where(mean > 1e14, 1 / (mean * np.pi), 0.5 - np.arctan(mean) / np.pi)
    return np.where((p_values == 1).all(axis=0), 1.0, combined)


def simes(p_values: Floats) -> float:
    """One p-value for "none of these has changed": the least p * m / rank, which keeps its level
    at all of it where tests are independent or depend positively (Simes 1986, "An improved
    Bonferroni procedure"; Sarkar 1998), as Cauchy's does only far out in the tail.

    >>> simes(np.array([0.01, 0.5, 0.02]))
    0.03
    """
    return float(benjamini_hochberg(p_values).min())


def weighted_bonferroni(p_values: Floats, weights: Floats) -> float:
    """The least p / weight, weights summing to 1: Rosenthal & Rubin 1983, "Ensemble-adjusted p
    values".

    >>> weighted_bonferroni(np.array([0.008, 0.5]), np.array([0.8, 0.2]))
    0.01
    """
    return float(min(1.0, np.min(p_values / (weights / weights.sum()))))


def chance_of_occurrences(found: Floats, blocks: int, before: Floats, blocks_before: int) -> Floats:
    """Probability of as many blocks, or more, with an occurrence as were found.

    Predictive distribution of the binomial under Jeffreys' prior (beta-binomial): Gelman et al.
    2013, "Bayesian Data Analysis", 2.4. With none in 730 days before, one day of seven with an
    occurrence has a probability of 0.5 %, two days of 0.004 %.
    """
    from scipy.stats import betabinom

    tails = betabinom.sf(found - 1, blocks, before + 0.5, blocks_before - before + 0.5)
    return np.asarray(tails, dtype=np.float64)
