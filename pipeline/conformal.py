"""Intervals from residuals that are made comparable first: by level, by group, by age.

A residual is divided by the spread that was learnt for rows like it; what is left is near one
distribution, whose tails are taken for each member (a counter, a make) as far as its own rows
can tell them.

MAPIE's conformal regressors are not used: they calibrate over exchangeable rows, without weights by
age, without a spread by level and group, and hold a fitted model each, where a record holds a few
hundred numbers that a service reads without any library. Nor is adaptive conformal inference
(Gibbs & Candès 2021): it moves one level for all series after each truth, and truth comes a day or
a year late; weights by age follow a change as soon as its first errors are known, series by series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]
Labels = Mapping[str, ArrayLike]
Places = NDArray[np.intp]

ROWS_A_BIN: Final = 100
ROUNDS: Final = 3
FACTOR_PRIOR: Final = 50.0
"""Rows that a group needs for its own spread to count as much as everybody's."""
TAIL_PRIOR: Final = 200.0
"""Rows that a member needs for its own tails to count as much as everybody's."""
LEAST_SPREAD: Final = 0.02
"""Least spread of a bin, as a share of the spread of all rows: a dead sensor has none."""


@dataclass(frozen=True, kw_only=True)
class GroupedConformal:
    """Split-conformal intervals on normalised residuals, calibrated by group and to time.

    The spread of a row is the mean absolute residual of rows with a prediction of its size, times
    a factor for its label in every grouping. Normalised scores: Lei, G'Sell, Rinaldo, Tibshirani &
    Wasserman 2018, "Distribution-free predictive inference for regression", section 5.2. Factors
    are ratios of what was found to what was expected, shrunk towards 1 by credibility (Bühlmann
    1967, "Experience rating and credibility"). Each tail has half of the miscoverage (Romano,
    Patterson & Candès 2019, "Conformalized quantile regression", theorem 2), and its quantile
    weights rows by age, a new row counting 1 (Barber, Candès, Ramdas & Tibshirani 2023, "Conformal
    prediction beyond exchangeability", equation 11). Rows that hang together, such as cars of one
    approval, tell the tails no more than a few rows would: they count as Kish's effective number
    (Kish 1965, "Survey sampling", section 11.7). Where rows are exchangeable and the spread
    was learnt elsewhere, coverage is at least `level`; here the spread is learnt from the same
    rows, from few numbers against thousands of rows, and rows drift: `benchmarks.coverage`
    measures what is kept.
    """

    kind: Literal["grouped_conformal"] = "grouped_conformal"
    level: float
    """Share of the truth to be covered, above 0 and below 1; half of the rest in each tail."""
    edges: tuple[float, ...]
    """Inner edges of the bins, rising; a prediction on an edge is in the bin above it."""
    spreads: tuple[float, ...]
    """Mean absolute residual of each bin, in the unit of the target."""
    factors: dict[str, dict[str, float]]
    """By grouping and label; 1 for a label that is not here."""
    member: str
    """The grouping whose labels have tails of their own; empty for none."""
    tails: dict[str, tuple[float, float]]
    """Lower and upper residual of each member, in spreads."""
    everybody: tuple[float, float]
    """The same over all rows; used where there are no members."""
    newcomer: tuple[float, float]
    """The same for a member that was never seen: as wide as if every row had been predicted by the
    mean of its groups, which is all that is known of a newcomer."""

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise StepError.for_problems(
                "The intervals don't fit together; fit them again:", problems
            )

    @classmethod
    def fit(
        cls,
        predicted: ArrayLike,
        truth: ArrayLike,
        *,
        level: float,
        groups: Labels,
        member: str = "",
        age: ArrayLike | None = None,
        half_life: float | None = None,
        together: ArrayLike | None = None,
        bins: int = 20,
    ) -> Self:
        """Calibrates on rows that the model has not learned from.

        `groups` holds a label per row for each grouping, `age` how long ago each row was; a row
        `half_life` old counts half (the unit is the caller's). Rows of one label of `together` are
        not independent of one another. Raises `StepError` for fewer rows
        than the level needs (2 / (1 - level) - 1, counted with their weights), values that are not
        finite, or lengths that differ.
        """
        guessed, known = _finite(predicted, truth)
        weights = _weights(age, half_life, len(guessed))
        if not 0 < level < 1:
            raise StepError(f"level is {level!r}; give a share above 0 and below 1.")
        needed = math.ceil(round(2 / (1 - level), 9)) - 1
        if weights.sum() < needed:
            raise StepError(
                f"{len(guessed)} calibration rows, worth {weights.sum():.1f} new ones, can't give "
                f"intervals of level {level!r}: {needed} are needed. Hold out more rows or ask for "
                "a lower level."
            )
        if member and member not in groups:
            raise StepError(f"member is {member!r}; choose among the groups {sorted(groups)!r}.")
        coded = {name: _coded(labels, len(guessed)) for name, labels in groups.items()}
        residuals = known - guessed
        edges = _edges(guessed, bins)
        spreads = _spreads(guessed, np.abs(residuals), weights, edges)
        row_spreads = spreads[np.searchsorted(edges, guessed, side="right")]
        factors = _factors(np.abs(residuals), row_spreads, weights, coded)
        for name, (_, place) in coded.items():
            row_spreads = row_spreads * factors[name][place]
        weights = weights * _worth(together, len(guessed))
        everybody = _tails(residuals / row_spreads, weights, level)
        found = cls(
            level=level,
            edges=tuple(edges.tolist()),
            spreads=tuple(spreads.tolist()),
            factors={
                name: dict(zip(coded[name][0], factors[name].tolist(), strict=True))
                for name in coded
            },
            member=member,
            tails=_member_tails(residuals / row_spreads, weights, level, coded, member, everybody),
            everybody=everybody,
            newcomer=everybody,
        )
        if not member:
            return found
        return found._with_newcomer(known, weights, coded)

    def interval(
        self, predicted: ArrayLike, groups: Labels, *, floor: float | None = None
    ) -> tuple[Values, Values]:
        """Lower and upper ends, one a row, in the unit of `predicted`.

        The prediction always lies within; only where it is below `floor`, the least value that
        the truth can take, both ends are clipped to the floor. Raises `StepError` for a prediction
        that is not finite or a grouping that is missing.
        """
        guessed, _ = _finite(predicted, predicted)
        if missing := sorted(set(self.factors) - set(groups)):
            raise StepError(f"No labels were given for the groupings {missing!r}; add them.")
        coded = {name: _coded(groups[name], len(guessed)) for name in self.factors}
        spreads = self._row_spreads(guessed, coded)
        low, high = self._row_tails(coded, len(guessed))
        lower = guessed + np.minimum(low, 0.0) * spreads
        upper = guessed + np.maximum(high, 0.0) * spreads
        if floor is None:
            return lower, upper
        return np.maximum(lower, floor), np.maximum(upper, floor)

    def _row_spreads(self, predicted: Values, coded: Mapping[str, Coded]) -> Values:
        spreads = np.array(self.spreads)[np.searchsorted(self.edges, predicted, side="right")]
        for name, (labels, place) in coded.items():
            known = self.factors[name]
            spreads = spreads * np.array([known.get(label, 1.0) for label in labels])[place]
        return np.asarray(spreads, dtype=np.float64)

    def _row_tails(self, coded: Mapping[str, Coded], rows: int) -> tuple[Values, Values]:
        if not self.member:
            return np.full(rows, self.everybody[0]), np.full(rows, self.everybody[1])
        labels, place = coded[self.member]
        ends = np.array([self.tails.get(label, self.newcomer) for label in labels])
        return ends[place, 0], ends[place, 1]

    def _with_newcomer(self, truth: Values, weights: Values, coded: Mapping[str, Coded]) -> Self:
        others = {name: found for name, found in coded.items() if name != self.member}
        cell = _cells(others, len(truth))
        mean = np.bincount(cell, weights * truth) / np.bincount(cell, weights)
        guessed = mean[cell]
        low, high = _tails(
            (truth - guessed) / self._row_spreads(guessed, others), weights, self.level
        )
        widest = (min(low, self.everybody[0]), max(high, self.everybody[1]))
        return type(self)(**{**vars(self), "newcomer": widest})

    def _problems(self) -> Iterator[str]:
        if not 0 < self.level < 1:
            yield f"level is {self.level!r}, not between 0 and 1"
        if list(self.edges) != sorted(set(self.edges)):
            yield f"edges do not rise: {self.edges!r}"
        if len(self.spreads) != len(self.edges) + 1:
            yield f"{len(self.edges)} edges and {len(self.spreads)} spreads: there must be one more"
        of_groups = (factor for labels in self.factors.values() for factor in labels.values())
        if not all(math.isfinite(spread) and spread > 0 for spread in (*self.spreads, *of_groups)):
            yield "a spread or a factor is not above zero"
        ends = (self.everybody, self.newcomer, *self.tails.values())
        if not all(
            math.isfinite(low) and math.isfinite(high) and low <= high for low, high in ends
        ):
            yield "a tail is not finite, or its low end is above the high one"
        if self.member and self.member not in self.factors:
            yield f"there is no grouping {self.member!r}"


Coded = tuple[list[str], Places]
"""Labels, and the place of each row's label among them."""


def _coded(labels: ArrayLike, rows: int) -> Coded:
    import pandas as pd

    names = np.asarray(labels)
    if names.shape != (rows,):
        raise StepError(f"The labels have shape {names.shape!r} for {rows} rows; give one a row.")
    whole = names.dtype.kind in "iu"
    place, found = pd.factorize(names if whole else names.astype(object), sort=False)
    return [str(name) for name in found], place.astype(np.intp)


def _cells(coded: Mapping[str, Coded], rows: int) -> Places:
    """One number for each combination of labels."""
    cell = np.zeros(rows, dtype=np.intp)
    for labels, place in coded.values():
        cell = np.unique(cell * len(labels) + place, return_inverse=True)[1].astype(np.intp)
    return cell


def _weights(age: ArrayLike | None, half_life: float | None, rows: int) -> Values:
    if age is None or half_life is None:
        return np.ones(rows)
    (ages, _) = _finite(age, age)
    if len(ages) != rows or half_life <= 0 or (rows and ages.min() < 0):
        raise StepError(
            f"{len(ages)} ages for {rows} rows with a half-life of {half_life!r}: give one age a "
            "row, from 0, and a half-life above 0."
        )
    return np.asarray(0.5 ** (ages / half_life), dtype=np.float64)


def _worth(together: ArrayLike | None, rows: int) -> float:
    """Independent rows that a row is worth: rows over the sum of squared sizes of groups."""
    if together is None:
        return 1.0
    labels, place = _coded(together, rows)
    sizes = np.bincount(place, minlength=len(labels)).astype(np.float64)
    return float(rows / (sizes @ sizes))


def _edges(predicted: Values, bins: int) -> Values:
    number = max(1, min(bins, len(predicted) // ROWS_A_BIN))
    return np.unique(np.quantile(predicted, np.arange(1, number) / number))


def _spreads(predicted: Values, sizes: Values, weights: Values, edges: Values) -> Values:
    """Mean absolute residual by bin; an empty bin has that of all rows."""
    place = np.searchsorted(edges, predicted, side="right")
    everywhere = float(np.average(sizes, weights=weights)) or 1.0
    mass = np.bincount(place, weights, minlength=len(edges) + 1)
    found = np.bincount(place, weights * sizes, minlength=len(edges) + 1)
    means = np.divide(found, mass, out=np.full(len(mass), everywhere), where=mass > 0)
    return np.asarray(np.maximum(means, LEAST_SPREAD * everywhere), dtype=np.float64)


def _factors(
    sizes: Values, spreads: Values, weights: Values, coded: Mapping[str, Coded]
) -> dict[str, Values]:
    """Each grouping in turn, given the others, a few times over: they settle soon."""
    factors = {name: np.ones(len(labels)) for name, (labels, _) in coded.items()}
    rest = spreads.copy()
    for _ in range(ROUNDS):
        for name, (labels, place) in coded.items():
            rest /= factors[name][place]
            mass = np.bincount(place, weights, minlength=len(labels))
            ratio = np.bincount(place, weights * sizes / rest, minlength=len(labels))
            factors[name] = (ratio + FACTOR_PRIOR) / (mass + FACTOR_PRIOR)
            rest *= factors[name][place]
    return factors


def _member_tails(
    scores: Values,
    weights: Values,
    level: float,
    coded: Mapping[str, Coded],
    member: str,
    everybody: tuple[float, float],
) -> dict[str, tuple[float, float]]:
    if not member:
        return {}
    labels, place = coded[member]
    order = np.argsort(place, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(place, minlength=len(labels)))[:-1])
    return {
        label: _blended(_tails(scores[rows], weights[rows], level), everybody, weights[rows].sum())
        for label, rows in zip(labels, parts, strict=True)
    }


def _blended(
    own: tuple[float, float], everybody: tuple[float, float], rows: float
) -> tuple[float, float]:
    share = rows / (rows + TAIL_PRIOR)
    low, high = (
        share * mine + (1 - share) * all_ for mine, all_ in zip(own, everybody, strict=True)
    )
    return float(low), float(high)


def _tails(scores: Values, weights: Values, level: float) -> tuple[float, float]:
    """Weighted conformal quantiles of both tails; the outermost score where rows are too few."""
    order = np.argsort(scores, kind="stable")
    ordered, mass = scores[order], np.cumsum(weights[order])
    wanted = round((mass[-1] + 1) * (1 + level) / 2, 9)
    upper = min(int(np.searchsorted(np.round(mass, 9), wanted)), len(ordered) - 1)
    below = np.round(mass[-1] - np.concatenate([[0.0], mass[:-1]]), 9)
    lower = int(np.flatnonzero(below >= min(wanted, below[0]))[-1])
    return float(ordered[lower]), float(ordered[upper])


def _finite(first: ArrayLike, second: ArrayLike) -> tuple[Values, Values]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    problems = [
        f"{spoiled} of {values.size} values are not finite"
        for values in (one, other)
        if (spoiled := int((~np.isfinite(values)).sum()))
    ]
    if one.ndim != 1 or one.shape != other.shape:
        problems.append(f"the shapes are {one.shape!r} and {other.shape!r}; give two equal rows")
    if problems:
        raise StepError.for_problems("These values can't have intervals:", problems)
    return one, other
