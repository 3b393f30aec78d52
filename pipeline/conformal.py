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
from pipeline.residuals import Coded, Labels, Residuals, Values, coded_labels, finite

TAIL_PRIOR: Final = 200.0
"""Rows that a member needs for its own tails to count as much as everybody's."""


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
    """By grouping and label. A label that is not here has the largest of its grouping, since nobody
    knows how wrong the model is there; 1 in a row of a member that was never seen."""
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
    def of(cls, residuals: Residuals, level: float) -> Self:
        """Calibrates for one of several levels on the same rows.

        Raises `StepError` for fewer rows than the level needs: 2 / (1 - level) - 1, counted with
        their weights by age. Rows that hang together are counted one by one here: Kish's number is
        the least that they can be worth, as if those of a group were copies. Where that is less
        than the level needs, the outermost scores are the ends, which hold less than `level` where
        they are copies indeed; what they hold is on the page beside them.
        """
        if not 0 < level < 1:
            raise StepError(f"level is {level!r}; give a share above 0 and below 1.")
        needed = math.ceil(round(2 / (1 - level), 9)) - 1
        if residuals.weight < needed:
            raise StepError(
                f"{residuals.rows} calibration rows, worth {residuals.weight:.1f} new ones, can't "
                f"give intervals of level {level!r}: {needed} are needed. Hold out more rows or "
                "ask for a lower level."
            )
        low, high = everybody = residuals.everybody.ends(level)
        found = residuals.newcomers.ends(level)
        return cls(
            level=level,
            edges=tuple(residuals.edges.tolist()),
            spreads=tuple(residuals.spreads.tolist()),
            factors=residuals.factors,
            member=residuals.member,
            tails={
                label: _blended(own.ends(level), everybody, rows)
                for label, (own, rows) in residuals.members.items()
            },
            everybody=everybody,
            newcomer=(min(found[0], low), max(found[1], high)),
        )

    def interval(
        self, predicted: ArrayLike, groups: Labels, *, floor: float | None = None
    ) -> tuple[Values, Values]:
        """Lower and upper ends, one a row, in the unit of `predicted`.

        The prediction always lies within; only where it is below `floor`, the least value that
        the truth can take, both ends are clipped to the floor. Raises `StepError` for a prediction
        that is not finite or a grouping that is missing.
        """
        guessed, _ = finite(predicted, predicted)
        if missing := sorted(set(self.factors) - set(groups)):
            raise StepError(f"No labels were given for the groupings {missing!r}; add them.")
        coded = {name: coded_labels(groups[name], len(guessed)) for name in self.factors}
        spreads = self._row_spreads(guessed, coded)
        low, high = self._row_tails(coded, len(guessed))
        lower = guessed + np.minimum(low, 0.0) * spreads
        upper = guessed + np.maximum(high, 0.0) * spreads
        if floor is None:
            return lower, upper
        return np.maximum(lower, floor), np.maximum(upper, floor)

    def _row_spreads(self, predicted: Values, coded: Mapping[str, Coded]) -> Values:
        spreads = np.array(self.spreads)[np.searchsorted(self.edges, predicted, side="right")]
        newcomers = self._newcomers(coded, len(predicted))
        for name, (labels, place) in coded.items():
            known = self.factors[name]
            factors = np.array([known.get(label, np.nan) for label in labels])[place]
            unseen = np.where(newcomers, 1.0, max(known.values(), default=1.0))
            spreads = spreads * np.where(np.isnan(factors), unseen, factors)
        return np.asarray(spreads, dtype=np.float64)

    def _newcomers(self, coded: Mapping[str, Coded], rows: int) -> NDArray[np.bool_]:
        """Rows of a member that was never seen, whose tails are wide for that already."""
        if not self.member:
            return np.zeros(rows, dtype=np.bool_)
        labels, place = coded[self.member]
        return np.array([label not in self.tails for label in labels], dtype=np.bool_)[place]

    def _row_tails(self, coded: Mapping[str, Coded], rows: int) -> tuple[Values, Values]:
        if not self.member:
            return np.full(rows, self.everybody[0]), np.full(rows, self.everybody[1])
        labels, place = coded[self.member]
        ends = np.array([self.tails.get(label, self.newcomer) for label in labels])
        return ends[place, 0], ends[place, 1]

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


def _blended(
    own: tuple[float, float], everybody: tuple[float, float], rows: float
) -> tuple[float, float]:
    share = rows / (rows + TAIL_PRIOR)
    low, high = (
        share * mine + (1 - share) * all_ for mine, all_ in zip(own, everybody, strict=True)
    )
    return float(low), float(high)
