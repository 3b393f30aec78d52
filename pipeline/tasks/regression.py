"""Regression: a number for each row of a table, from the row's own columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.conformal import GroupedConformal
from pipeline.figures import Figure
from pipeline.metrics import by_segment, regression_metrics
from pipeline.regions import Calibration, Regions
from pipeline.schema import Schema
from pipeline.splits import Fold, Stretch, grouped_folds, one_stretch
from pipeline.tasks import Floats, Truth
from pipeline.tasks.divisions import Division, placed
from pipeline.tasks.numbers import interval_answer, intervals_of
from pipeline.tasks.tables import (
    first_time,
    group_losses,
    segment_labels,
    watched_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from pipeline.tasks.lookup import Lookup


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Rows are divided by group; a column of time, where there is one, sets the windows.

    Columns that are `known_ahead` are what a model may take and what a call sends.
    """

    division: Division = field(default_factory=Division)
    segments_by: tuple[str, ...] = ()
    """Columns by which errors are broken down; the last is drawn, the first is tabulated."""
    baseline_by: tuple[str, ...] = ()
    """The baseline is the median of the training rows that agree in these columns."""
    floor: float | None = None
    """Lowest possible value; predictions and intervals are cut there."""
    primary: str = "rmse"
    kind: str = "regression"
    region_name: str = "interval"
    losses_hang_together: int = 0
    """Losses are by group, and groups stand in no order."""
    history: timedelta = timedelta(0)

    @property
    def baseline_name(self) -> str:
        alike = " and ".join(self.baseline_by)
        return f"median of rows of the same {alike}" if alike else "median of all rows"

    def frame(self, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        return observations

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Folds by group over the rows that are not held out; `length` is left aside."""
        rows = self.division.learnable(frame, schema, end=end)
        groups = self.division.labels(frame, schema)[rows]
        dealt = grouped_folds(
            groups, folds=count, start=first_time(frame.iloc[rows], schema), end=end
        )
        return placed(dealt, rows, self.division.words)

    def held_out(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        return self.division.held_out_fold(frame, schema, start=start, end=end)

    def baseline(self, schema: Schema) -> Any:
        from pipeline.tasks.constants import GroupMedian

        return GroupMedian(self.baseline_by)

    def truth(self, frame: pd.DataFrame, schema: Schema) -> Truth:
        return frame[schema.target].to_numpy(dtype=np.float64)

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        predicted = np.asarray(model.predict(frame), dtype=np.float64)
        return predicted if self.floor is None else np.maximum(predicted, self.floor)

    def calibrate(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats, *, level: float
    ) -> Calibration:
        """By the size of the prediction and the columns of the baseline, of which the first counts
        most. A new row is of a new group: as many groups as there are, not rows, tell its tails.
        """
        return GroupedConformal.fit(
            predicted,
            truth,
            level=level,
            groups=segment_labels(frame, self.baseline_by),
            member=self.baseline_by[0] if self.baseline_by else "",
            together=self.division.labels(frame, schema),
        )

    def refreshes(self, frame: pd.DataFrame, schema: Schema, *, first: int) -> Sequence[Stretch]:
        return one_stretch(len(frame), first=first)

    def regions(
        self,
        calibration: Calibration,
        frame: pd.DataFrame,
        schema: Schema,
        predicted: Floats,
        *,
        level: float,
    ) -> Regions:
        groups = segment_labels(frame, self.baseline_by)
        return intervals_of(calibration, predicted, groups, level=level, floor=self.floor)

    def columns(self, predicted: Floats) -> dict[str, list[Any]]:
        return {"prediction": predicted.tolist()}

    def metrics(self, truth: Truth, predicted: Floats) -> dict[str, float]:
        return regression_metrics(truth, predicted)

    def metrics_by(
        self, labels: NDArray[Any], truth: Truth, predicted: Floats
    ) -> dict[Any, dict[str, float]]:
        return by_segment(labels, truth, predicted)

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Floats:
        """Squared errors by group, weighted so that their mean is the mean squared error."""
        return group_losses(self.division.labels(frame, schema), (truth - predicted) ** 2)

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        return segment_labels(frame, self.segments_by or self.division.groups)

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        return watched_columns(frame, schema)

    def drift_errors(
        self, frame: pd.DataFrame, schema: Schema, predicted: Floats
    ) -> dict[str, NDArray[Any]]:
        residuals = self.truth(frame, schema) - predicted
        return {
            "prediction": predicted,
            "residual of the champion": residuals,
            "absolute error of the champion": np.abs(residuals),
        }

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        from pipeline.tasks.table_views import volume_figure

        return volume_figure(observations, schema, self.segments_by)

    def figures(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        regions: Regions,
    ) -> Sequence[Figure]:
        from pipeline.tasks.table_views import observed_figure, spread_figure

        return [
            observed_figure(schema, truth, predicted),
            spread_figure(schema, truth, predicted, regions),
        ]

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        from pipeline.tasks.tables import row_model

        return row_model(schema, name)

    def answer_model(self, name: str) -> type[BaseModel]:
        return interval_answer(name)

    def lookup(self, history: pd.DataFrame, schema: Schema) -> Lookup:
        from pipeline.tasks.lookup import RecordLookup

        return RecordLookup(schema)
