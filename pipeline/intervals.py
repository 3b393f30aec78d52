"""Intervals by the level of the prediction, as records of older versions hold them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LevelConformal:
    """Quantiles of the signed residuals per bin of the prediction.

    Homes of older versions hold champions with such intervals, which are still answered with; new
    ones are calibrated by `GroupedConformal`. Mondrian conformal prediction: Vovk, Gammerman &
    Shafer 2005, "Algorithmic learning in a random world", section 4.5.
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
