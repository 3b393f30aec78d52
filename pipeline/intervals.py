"""Prediction intervals that widen with the level of the prediction and keep their coverage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LevelConformal:
    """Split-conformal intervals with quantiles of the signed residuals per bin of the prediction.

    Covers at least a share `level` in each bin when calibration rows and new rows are
    exchangeable. Mondrian conformal prediction: Vovk, Gammerman & Shafer 2005, "Algorithmic
    learning in a random world", section 4.5. One correction per tail: Romano, Patterson & Candès
    2019, "Conformalized quantile regression", theorem 2.
    """

    kind: Literal["level_conformal"] = "level_conformal"
    level: float
    """Share of the truth to be covered, above 0 and below 1; half of the rest in each tail."""
    edges: tuple[float, ...]
    """Inner edges of the bins, rising; a prediction on an edge is in the bin above it."""
    low: tuple[float, ...]
    """Residual (truth minus prediction) at the lower end, one per bin."""
    high: tuple[float, ...]

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
        bins: int = 10,
        smallest_bin: int = 100,
    ) -> Self:
        """Calibrates on rows that the model has not learned from.

        Bins start as `bins` quantiles of `predicted`, and neighbours are joined until each holds
        `smallest_bin` rows and as many as the level needs (2 / (1 - level) - 1). Raises
        `StepError` for fewer rows than that in all, values that are not finite, or lengths that
        differ.
        """
        guessed, known = _checked(predicted=predicted, truth=truth)
        needed = _rows_needed(level)
        if len(guessed) < needed:
            raise StepError(
                f"{len(guessed)} calibration rows can't give intervals of level {level!r}: "
                f"{needed} are needed. Hold out more rows or ask for a lower level."
            )
        edges = _joined(_quantile_edges(guessed, bins), guessed, max(smallest_bin, needed))
        position = np.searchsorted(edges, guessed, side="right")
        ends = [
            _tails((known - guessed)[position == index], level) for index in range(len(edges) + 1)
        ]
        return cls(
            level=level,
            edges=tuple(edges.tolist()),
            low=tuple(low for low, _ in ends),
            high=tuple(high for _, high in ends),
        )

    def interval(
        self, predicted: ArrayLike, *, floor: float | None = None
    ) -> tuple[Values, Values]:
        """Lower and upper ends, of the shape and in the unit of `predicted`.

        The prediction always lies within; only where it is below `floor`, the least value that
        the truth can take, both ends are clipped to the floor. Raises `StepError` for a prediction
        that is not finite.
        """
        (guessed,) = _checked(predicted=predicted)
        position = np.searchsorted(self.edges, guessed, side="right")
        low = guessed + np.minimum(self.low, 0.0)[position]
        high = guessed + np.maximum(self.high, 0.0)[position]
        if floor is None:
            return low, high
        return np.maximum(low, floor), np.maximum(high, floor)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON holds them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if name != "kind"
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The opposite of `to_dict`; raises `StepError` for other keys or numbers that clash."""
        names = {field.name for field in fields(cls)} - {"kind"}
        if set(stored) != names:
            raise StepError(
                f"Stored intervals have the keys {sorted(stored)!r} where {sorted(names)!r} are "
                "expected; fit them again."
            )
        return cls(
            level=float(stored["level"]),
            edges=tuple(map(float, stored["edges"])),
            low=tuple(map(float, stored["low"])),
            high=tuple(map(float, stored["high"])),
        )

    def _problems(self) -> Iterator[str]:
        if not 0 < self.level < 1:
            yield f"level is {self.level!r}, not between 0 and 1"
        if not all(map(math.isfinite, (*self.edges, *self.low, *self.high))):
            yield "a number is not finite"
        if list(self.edges) != sorted(set(self.edges)):
            yield f"edges do not rise: {self.edges!r}"
        if not len(self.edges) + 1 == len(self.low) == len(self.high):
            found = f"{len(self.edges)} edges, {len(self.low)} low, {len(self.high)} high"
            yield f"{found}: there must be one more low and high than edges"
        elif any(low > high for low, high in zip(self.low, self.high, strict=True)):
            yield "a low residual is above the high one"


def _rows_needed(level: float) -> int:
    if not 0 < level < 1:
        raise StepError(f"level is {level!r}; give a share above 0 and below 1.")
    return math.ceil(_exact(2 / (1 - level))) - 1


def _tails(residuals: Values, level: float) -> tuple[float, float]:
    """The ceil((n + 1)(1 - a / 2))-th smallest residual and its mirror, with a = 1 - level."""
    rank = math.ceil(_exact((len(residuals) + 1) * (1 + level) / 2))
    ordered = np.sort(residuals)
    return float(ordered[len(ordered) - rank]), float(ordered[rank - 1])


def _exact(number: float) -> float:
    """Without the last digits, so that (19 + 1) * 0.95 is 19 and not the next rank up."""
    return round(number, 9)


def _quantile_edges(predicted: Values, bins: int) -> Values:
    if bins < 1:
        raise StepError(f"bins is {bins!r}; ask for 1 or more.")
    return np.unique(np.quantile(predicted, np.arange(1, bins) / bins))


def _joined(edges: Values, predicted: Values, smallest: int) -> Values:
    """The edges that are left when bins below `smallest` rows are joined with a neighbour."""
    below = np.searchsorted(np.sort(predicted), edges, side="left").tolist()
    kept: list[int] = []
    started = 0
    for index, rows in enumerate(below):
        if rows - started >= smallest and len(predicted) - rows >= smallest:
            kept.append(index)
            started = rows
    return edges[kept]


def _checked(**arguments: ArrayLike) -> list[Values]:
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in arguments.items()}
    problems = [
        f"{name} holds {int((~np.isfinite(values)).sum())} of {values.size} values not finite"
        for name, values in arrays.items()
        if not np.isfinite(values).all()
    ]
    if len({values.shape for values in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {values.shape!r}" for name, values in arrays.items())
        problems.append(f"the shapes differ: {shapes}")
    if problems:
        raise StepError.for_problems("These values can't have intervals:", problems)
    return list(arrays.values())
