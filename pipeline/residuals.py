"""Residuals made comparable: divided by the spread of rows like theirs, and sorted once for all
levels whose tails are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]
Labels = Mapping[str, ArrayLike]
Places = NDArray[np.intp]
Coded = tuple[list[str], Places]
"""Labels, and the place of each row's label among them."""

FEWEST: Final = 2
ROWS_A_BIN: Final = 100
ROUNDS: Final = 3
FACTOR_PRIOR: Final = 50.0
"""Rows that a group needs for its own spread to count as much as everybody's."""
MANY_LABELS: Final = 1 << 16
SPARSE: Final = 8
"""Numbers that reach this many times as far as there are rows are ranked by sorting."""
LEAST_SPREAD: Final = 0.02
"""Least spread of a bin, as a share of the spread of all rows: a dead sensor has none."""

LEAST_SHARE: Final = 1e-6
"""Share of the weight of a cell below which rows are too old to tell its mean."""


@dataclass(frozen=True, kw_only=True)
class Tails:
    """Scores in order, with the weight of all up to each and of all from each on."""

    scores: Values
    up_to: Values
    onwards: Values
    weight: float

    @classmethod
    def of(cls, scores: Values, weights: Values) -> Self:
        return cls.at(_rising(scores), scores, weights)

    @classmethod
    def at(cls, order: Places, scores: Values, weights: Values) -> Self:
        """Of the rows at these places, where the scores rise."""
        mass = np.cumsum(weights[order])
        return cls(
            scores=scores[order],
            up_to=np.round(mass, 9),
            onwards=np.round(mass[-1] - np.concatenate([[0.0], mass[:-1]]), 9),
            weight=float(mass[-1]),
        )

    def ends(self, level: float) -> tuple[float, float]:
        """Weighted conformal quantiles of both; the outermost score where rows are too few."""
        wanted = round((self.weight + 1) * (1 + level) / 2, 9)
        upper = min(int(np.searchsorted(self.up_to, wanted)), len(self.scores) - 1)
        lower = int(np.flatnonzero(self.onwards >= min(wanted, self.onwards[0]))[-1])
        return float(self.scores[lower]), float(self.scores[upper])


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """What a calibration learns from its rows, whatever the level."""

    edges: Values
    """Inner edges of the bins of predictions, rising."""
    spreads: Values
    """Mean absolute residual of each bin."""
    factors: dict[str, dict[str, float]]
    """By grouping and label."""
    everybody: Tails
    members: dict[str, tuple[Tails, float]]
    """By label of the members' grouping, with the sum of its weights."""
    member: str
    """The grouping whose labels have tails of their own; empty for none."""
    newcomers: Tails
    """As if every row had been predicted by the mean of its groups without its own member, since
    no row of a newcomer is known."""
    rows: int
    weight: float
    """What the rows are worth, in new ones."""

    @classmethod
    def of(
        cls,
        predicted: ArrayLike,
        truth: ArrayLike,
        *,
        groups: Labels,
        member: str = "",
        age: ArrayLike | None = None,
        half_life: float | None = None,
        together: ArrayLike | None = None,
        bins: int = 20,
    ) -> Self:
        """Of rows that the model has not learned from.

        `groups` holds a label per row for each grouping, `age` how long ago each row was; a row
        `half_life` old counts half (the unit is the caller's). Rows of one label of `together` are
        not independent of one another. Raises `StepError` for values that are not finite, or
        lengths that differ.
        """
        guessed, known = finite(predicted, truth)
        weights = _weights(age, half_life, len(guessed))
        if member and member not in groups:
            raise StepError(f"member is {member!r}; choose among the groups {sorted(groups)!r}.")
        weight = float(weights.sum())
        if weight < FEWEST:
            raise StepError(
                f"{len(guessed)} calibration rows, worth {weight:.1f} new ones, can't give "
                f"intervals of any level: {FEWEST} are needed at least. Hold out more rows."
            )
        coded = {name: coded_labels(labels, len(guessed)) for name, labels in groups.items()}
        residuals = known - guessed
        edges = _edges(guessed, bins)
        spreads = _spreads(guessed, np.abs(residuals), weights, edges)
        of_bins = spreads[np.searchsorted(edges, guessed, side="right")]
        factors = _factors(np.abs(residuals), of_bins, weights, coded)
        weights = weights * _worth(together, len(guessed))
        scores = residuals / _times_factors(of_bins, factors, coded)
        order = _rising(scores)
        everybody, newcomers = Tails.at(order, scores, weights), None
        if member:
            others = {name: found for name, found in coded.items() if name != member}
            mean = _means_of_others(known, weights, _cells(others, len(guessed)), coded[member])
            of_means = spreads[np.searchsorted(edges, mean, side="right")]
            newcomers = Tails.of(
                (known - mean) / _times_factors(of_means, factors, others), weights
            )
        return cls(
            edges=edges,
            spreads=spreads,
            factors={
                name: dict(zip(labels, factors[name].tolist(), strict=True))
                for name, (labels, _) in coded.items()
            },
            everybody=everybody,
            members=_members(order, scores, weights, coded[member]) if member else {},
            member=member,
            newcomers=newcomers or everybody,
            rows=len(guessed),
            weight=weight,
        )


def coded_labels(labels: ArrayLike, rows: int) -> Coded:
    import pandas as pd

    names = np.asarray(labels)
    if names.shape != (rows,):
        raise StepError(f"The labels have shape {names.shape!r} for {rows} rows; give one a row.")
    whole = names.dtype.kind in "iu"
    place, found = pd.factorize(names if whole else names.astype(object), sort=False)
    return [str(name) for name in found], place.astype(np.intp)


def finite(first: ArrayLike, second: ArrayLike) -> tuple[Values, Values]:
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


def _weights(age: ArrayLike | None, half_life: float | None, rows: int) -> Values:
    if age is None or half_life is None:
        return np.ones(rows)
    (ages, _) = finite(age, age)
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
    labels, place = coded_labels(together, rows)
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


def _members(
    order: Places, scores: Values, weights: Values, coded: Coded
) -> dict[str, tuple[Tails, float]]:
    """Sorted once for all of them: each has its part of `order`, in which the scores rise."""
    labels, place = coded
    ordered = place[order]
    # Numbers of 16 bits are sorted by counting.
    small = ordered.astype(np.uint16) if len(labels) <= MANY_LABELS else ordered
    ends = np.cumsum(np.bincount(place, minlength=len(labels)))[:-1]
    parts = np.split(order[np.argsort(small, kind="stable")], ends)
    return {
        label: (Tails.at(rows, scores, weights), float(weights[np.sort(rows)].sum()))
        for label, rows in zip(labels, parts, strict=True)
    }


def _times_factors(
    spreads: Values, factors: Mapping[str, Values], coded: Mapping[str, Coded]
) -> Values:
    for name, (_, place) in coded.items():
        spreads = spreads * factors[name][place]
    return spreads


def _cells(coded: Mapping[str, Coded], rows: int) -> Places:
    """One number for each combination of labels, from 0 without a gap."""
    cell = np.zeros(rows, dtype=np.intp)
    for labels, place in coded.values():
        cell = _ranks(cell * len(labels) + place)
    return cell


def _means_of_others(known: Values, weights: Values, cell: Places, member: Coded) -> Values:
    """Of each row, the weighted mean of the other members' rows in its cell; of all cells, where a
    member is alone in its own, and of all rows, where there is no other member.
    """
    found = np.full(len(known), np.average(known, weights=weights))
    for cells in (np.zeros_like(cell), cell):
        means, is_alone = _means_without(known, weights, cells, member[1])
        found = np.where(is_alone, found, means)
    return found


def _means_without(
    known: Values, weights: Values, cell: Places, member: Places
) -> tuple[Values, NDArray[np.bool_]]:
    """The mean over the other members of a cell, and where there are none, or none that is young
    enough to weigh anything.
    """
    own = _ranks(cell * (int(member.max(initial=0)) + 1) + member)
    whole = np.bincount(cell, weights)[cell]
    mass = whole - np.bincount(own, weights)[own]
    is_alone = mass <= LEAST_SHARE * whole
    total = np.bincount(cell, weights * known)[cell] - np.bincount(own, weights * known)[own]
    return np.divide(total, mass, out=np.zeros_like(mass), where=~is_alone), is_alone


def _ranks(numbers: Places) -> Places:
    """The rank of each among those that there are; by counting, where they are not far between."""
    if numbers.max(initial=0) > SPARSE * len(numbers):
        return np.unique(numbers, return_inverse=True)[1].astype(np.intp)
    there = np.bincount(numbers) > 0
    return np.asarray((np.cumsum(there) - 1)[numbers], dtype=np.intp)


def _rising(scores: Values) -> Places:
    """Places of the scores in their order, equal ones as they came: what a stable sort gives, but
    by the faster one that is not.
    """
    order = np.argsort(scores)
    ordered = scores[order]
    again = np.concatenate([[False], ordered[1:] == ordered[:-1]])
    if again.any():
        tied = again | np.append(again[1:], False)
        places = order[tied]
        order[tied] = places[np.lexsort((places, np.cumsum(~again)[tied]))]
    return order
