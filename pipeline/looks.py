"""Looking again as evidence comes in, without finding by patience what is not there.

The question "is b better than a?" is asked anew in every run. Each look gets a level of its own,
so that all looks together keep the one level that was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]

POINTS = 32
"""Points of a sum come in multiples of it, since finding them costs more than the sum."""
LOWEST = -6.0
"""Statistics below this many standard errors are no part of any answer."""
POWER = 0.125
"""Of the share of rows seen, by which errors allowed are spent. With the same errors over thirteen
weekly looks, 0.125 finds 95 % of what an oracle finds in four, and 1 finds 86 %."""
EXACT = 1e-9
"""Standard errors to which an end is computed."""
LEAST_GROWTH = 1e-3
"""Information grows by this share at least from look to look; a look at less is counted as this,
which makes its level a little lower."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """The looks at one question so far, the newest last."""

    first: int
    """Rows of evidence at the first look."""
    planned: int
    """New rows after which the question is asked from the start."""
    information: tuple[float, ...]
    """At each look, in units of the first."""
    spent: tuple[float, ...]
    """Share of wrong answers allowed up to each look."""
    levels: tuple[float, ...]
    """p-value at or below which each look answers yes."""

    @property
    def level(self) -> float:
        """That of the newest look."""
        return self.levels[-1]


def look(before: Looks | None, *, rows: int, kept: int, planned: int, alpha: float) -> Looks:
    """One more look, at `rows` of evidence of which the first look had seen `kept`.

    The allowance `alpha` is spent by a power of the rows seen, first rows and new ones over first
    rows and `planned` (Kim & DeMets 1987, "Design and analysis of group sequential tests based on
    the type I error spending rate function"): most of it at the first look, since the later ones
    rest on nearly the same rows. After `planned` new rows, or when
    `before` is `None`, the first look of a new sequence is taken. A look at nothing new is the
    last one again. Raises `StepError` for counts or an alpha that can't be.
    """
    if not (0 < alpha < 1 and rows > 0 and planned > 0 and 0 <= kept <= rows):
        raise StepError(
            f"A look at {rows!r} rows, {kept!r} of them known, {planned!r} planned, alpha "
            f"{alpha!r}: give counts above zero, no more known than there are, and a share."
        )
    new = rows - kept
    if before is None or new > before.planned or not kept:
        return _first_look(rows, planned, alpha)
    # Two means over overlapping stretches are correlated by kept / sqrt(first * rows).
    information = max(before.first * rows / kept**2, 1.0)
    if information <= before.information[-1]:
        return before
    gathered = (*before.information, information)
    spent = (
        *before.spent,
        max(before.spent[-1], alpha * _share(before.first, new, before.planned)),
    )
    return Looks(
        first=before.first,
        planned=before.planned,
        information=gathered,
        spent=spent,
        levels=nominal_levels(gathered, spent),
    )


def nominal_levels(information: Sequence[float], spent: Sequence[float]) -> tuple[float, ...]:
    """The level of each look at a normal statistic that makes a wrong yes by look k happen with
    probability `spent[k]`.

    Statistics of two looks are correlated by the root of the ratio of their information, as means
    of ever more independent rows are. The levels follow from one another by integration over the
    statistics that did not answer yes (Armitage, McPherson & Rowe 1969, "Repeated significance
    tests on accumulating data"; Jennison & Turnbull 2000, "Group sequential methods", chapter 19).
    A look that may spend nothing has level 0. Raises `StepError` for numbers that fall.
    """
    ordered = list(information) == sorted(information) and list(spent) == sorted(spent)
    fits = len(information) == len(spent) > 0
    if not (fits and ordered and information[0] > 0 and spent[0] >= 0 and spent[-1] < 1):
        raise StepError(
            f"Information {tuple(information)!r} and shares spent {tuple(spent)!r} make no looks: "
            "both have to rise, one of each a look, the shares below 1."
        )
    return _levels(tuple(map(float, information)), tuple(map(float, spent)))


@lru_cache(maxsize=256)
def _levels(information: tuple[float, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    from scipy.special import ndtr, ndtri

    unanswered = _Unanswered.after_first(float(-ndtri(spent[0])))
    levels, grown = [spent[0]], information[0]
    for index in range(1, len(spent)):
        last, grown = grown, max(information[index], grown * (1 + LEAST_GROWTH))
        unanswered, end = unanswered.after(last / grown, spent[index] - spent[index - 1])
        levels.append(float(ndtr(-end)))
    return tuple(levels)


@dataclass(frozen=True, kw_only=True)
class _Unanswered:
    """How likely the statistic of a look is where, when no look up to it has answered yes."""

    end: float
    """Above it, this look answers yes."""
    density: Callable[[Values], Values]
    """Below it."""

    @classmethod
    def after_first(cls, end: float) -> Self:
        return cls(end=min(end, -LOWEST), density=_normal_density)

    def after(self, ratio: float, allowed: float) -> tuple[Self, float]:
        """At the next look, with `ratio` of its information seen before, and the end above which
        the answer is yes with probability `allowed`.
        """
        from scipy.special import ndtr

        root, spread = math.sqrt(ratio), math.sqrt(1 - ratio)
        points, weights = _nodes(LOWEST, self.end, spread / root)
        mass = weights * self.density(points)

        def above(end: float) -> float:
            return float(ndtr((root * points - end) / spread) @ mass)

        def density(at: Values) -> Values:
            apart = (at[:, None] - root * points) / spread
            return np.asarray(_normal_density(apart) @ mass / spread, dtype=np.float64)

        end = _falls_to(above, allowed) if allowed > 0 else -LOWEST
        return type(self)(end=end, density=density), end


def _nodes(low: float, high: float, spread: float) -> tuple[Values, Values]:
    """Points and weights of Gauss and Legendre, close enough for a normal density so wide."""
    points, weights = _legendre(POINTS * math.ceil(1 + 2 * (high - low) / spread / POINTS))
    half = (high - low) / 2
    return low + half * (points + 1), half * weights


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Values, Values]:
    return np.polynomial.legendre.leggauss(count)


def _normal_density(at: Values) -> Values:
    return np.asarray(np.exp(-at * at / 2) / math.sqrt(2 * math.pi), dtype=np.float64)


def _falls_to(share: Callable[[float], float], sought: float) -> float:
    """Where a share that falls comes to the one sought, by halving."""
    low, high = LOWEST, -LOWEST
    while high - low > EXACT:
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) > sought else (low, middle)
    return (low + high) / 2


def _first_look(rows: int, planned: int, alpha: float) -> Looks:
    spent = alpha * _share(rows, 0, planned)
    return Looks(first=rows, planned=planned, information=(1.0,), spent=(spent,), levels=(spent,))


def _share(first: int, new: int, planned: int) -> float:
    return float(min(1.0, (first + new) / (first + planned)) ** POWER)
