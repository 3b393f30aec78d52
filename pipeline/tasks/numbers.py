"""What tasks share whose target is a number: intervals around a prediction, and their answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model

from pipeline.conformal import GroupedConformal
from pipeline.errors import StepError
from pipeline.intervals import LevelConformal
from pipeline.metrics import by_segment, regression_metrics
from pipeline.regions import Calibration, Intervals, Regions, where_enough
from pipeline.residuals import Labels, Residuals
from pipeline.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks import Floats, Truth


class NumberTarget(ABC):
    """The verbs of a task whose target is a number and whose regions are intervals."""

    floor: float | None
    """Lowest possible value; predictions and intervals are cut there."""
    prediction_name: str
    """What drift and its sentences call a prediction."""

    @abstractmethod
    def groups_of(self, frame: pd.DataFrame, schema: Schema) -> Labels:
        """Labels by which intervals are calibrated; the frame may be of arrays."""

    @abstractmethod
    def residuals(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Residuals:
        """What intervals of any level are calibrated on."""

    def calibrate(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats, *, level: float
    ) -> Calibration:
        return GroupedConformal.of(self.residuals(frame, schema, truth, predicted), level)

    def calibrations(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        *,
        levels: Sequence[float],
    ) -> tuple[Calibration, ...]:
        residuals = self.residuals(frame, schema, truth, predicted)
        return where_enough(levels, lambda level: GroupedConformal.of(residuals, level))

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        predicted = np.asarray(model.predict(frame), dtype=np.float64)
        return predicted if self.floor is None else np.maximum(predicted, self.floor)

    def truth(self, frame: pd.DataFrame, schema: Schema) -> Truth:
        return frame[schema.target].to_numpy(dtype=np.float64)

    def regions(
        self,
        calibration: Calibration,
        frame: pd.DataFrame,
        schema: Schema,
        predicted: Floats,
        *,
        level: float,
    ) -> Regions:
        groups = self.groups_of(frame, schema)
        return intervals_of(calibration, predicted, groups, level=level, floor=self.floor)

    def columns(self, predicted: Floats) -> dict[str, list[Any]]:
        return {"prediction": predicted.tolist()}

    def metrics(self, truth: Truth, predicted: Floats) -> dict[str, float]:
        return regression_metrics(truth, predicted)

    def metrics_by(
        self, labels: NDArray[Any], truth: Truth, predicted: Floats
    ) -> dict[Any, dict[str, float]]:
        return by_segment(labels, truth, predicted)

    def drift_errors(
        self, frame: pd.DataFrame, schema: Schema, predicted: Floats
    ) -> dict[str, NDArray[Any]]:
        known = frame[schema.target].to_numpy(dtype=np.float64, na_value=np.nan)
        residuals = known - predicted
        return {
            self.prediction_name: predicted,
            "residual of the champion": residuals,
            "absolute error of the champion": np.abs(residuals),
        }

    def answer_model(self, name: str) -> type[BaseModel]:
        return interval_answer(name)


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
