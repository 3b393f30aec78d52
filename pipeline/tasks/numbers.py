"""What tasks share whose target is a number: intervals around a prediction, and their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, create_model

from pipeline.conformal import GroupedConformal, Labels
from pipeline.errors import StepError
from pipeline.intervals import LevelConformal
from pipeline.regions import Calibration, Intervals

if TYPE_CHECKING:
    from pipeline.tasks import Floats


def intervals_of(
    calibration: Calibration,
    predicted: Floats,
    groups: Labels,
    *,
    level: float,
    floor: float | None,
) -> Intervals:
    """The intervals of a level; raises `StepError` when the calibration is for another.

    `groups` holds the labels that the calibration was made with, of the rows to be predicted.
    """
    if calibration.level == level:
        if isinstance(calibration, GroupedConformal):
            low, high = calibration.interval(predicted, groups, floor=floor)
            return Intervals(low=low, high=high)
        if isinstance(calibration, LevelConformal):
            low, high = calibration.interval(predicted, floor=floor)
            return Intervals(low=low, high=high)
    raise StepError(
        f"A {type(calibration).__name__} of level {calibration.level!r} makes no intervals of "
        f"level {level!r}. Train again with that level."
    )


def interval_answer(name: str) -> type[BaseModel]:
    """A value with the interval that holds the truth in a share `level` of the cases."""
    return create_model(
        name,
        __config__=ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False),
        __doc__=interval_answer.__doc__,
        prediction=(float, Field(description="in the unit of the target")),
        low=(float, Field(description="lower end of the interval")),
        high=(float, Field(description="upper end of the interval")),
    )
