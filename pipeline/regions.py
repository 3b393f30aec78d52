"""What surrounds a prediction: an interval of numbers or a set of classes, and how it is made.

A `Calibration` is kept in records and in a champion's card; the task turns it into the `Regions`
of some predictions. A new way of calibrating is one more member of the union.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from pipeline.conformal import GroupedConformal
from pipeline.errors import StepError
from pipeline.intervals import LevelConformal
from pipeline.prediction_sets import ClassConformal, class_places

Floats = NDArray[np.float64]
Calibration = Annotated[
    LevelConformal | GroupedConformal | ClassConformal, Field(discriminator="kind")
]
"""Frozen, with a `kind` of its own and the `level` that it was made for."""
LEVELS: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
"""Shares of the truth that a caller may ask for, each with a calibration of its own."""
LADDER: Final = TypeAdapter(tuple[Calibration, ...])
"""Calibrations of one model at several levels, as JSON."""
LADDERS: Final = "levels"
"""The file of an evaluation that holds a ladder for each system."""


def where_enough(
    levels: Sequence[float], calibrate: Callable[[float], Calibration]
) -> tuple[Calibration, ...]:
    """The calibrations for those levels for which there are rows enough."""
    found = []
    for level in levels:
        with suppress(StepError):
            found.append(calibrate(level))
    return tuple(found)


class Regions(Protocol):
    """One region a row, in the order of the predictions."""

    def holds(self, truth: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each row's region holds its truth."""

    def size(self) -> Floats:
        """Width in the unit of the target, or number of classes."""

    def columns(self) -> dict[str, list[Any]]:
        """What answers and tables show of the regions, one value a row."""

    def joined(self, others: Sequence[Self], order: NDArray[np.intp]) -> Self:
        """These and others of the same kind, one after the other, and of all of them those at the
        positions of `order`.
        """


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """From low to high, both included, in the unit of the target."""

    low: Floats
    high: Floats

    def holds(self, truth: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((self.low <= truth) & (truth <= self.high))

    def size(self) -> Floats:
        return np.asarray(self.high - self.low)

    def columns(self) -> dict[str, list[Any]]:
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    def joined(self, others: Sequence[Self], order: NDArray[np.intp]) -> Self:
        parts = (self, *others)
        return type(self)(
            low=np.concatenate([part.low for part in parts])[order],
            high=np.concatenate([part.high for part in parts])[order],
        )


@dataclass(frozen=True, kw_only=True)
class ClassSets:
    """Some of the classes, never none."""

    classes: Sequence[str]
    members: NDArray[np.bool_]
    """Shape (rows, classes)."""

    def holds(self, truth: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(self.members[np.arange(len(truth)), class_places(truth, self.classes)])

    def size(self) -> Floats:
        return np.asarray(self.members.sum(axis=1), dtype=np.float64)

    def columns(self) -> dict[str, list[Any]]:
        names = np.array(self.classes, dtype=object)
        return {"set": [names[row].tolist() for row in self.members]}

    def joined(self, others: Sequence[Self], order: NDArray[np.intp]) -> Self:
        members = np.concatenate([part.members for part in (self, *others)])
        return type(self)(classes=self.classes, members=members[order])
