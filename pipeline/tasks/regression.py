"""Regression: a number for each row of a table, from the row's own columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pipeline.bounds import Bound, Drawn
from pipeline.figures import Figure
from pipeline.regions import Regions
from pipeline.residuals import Labels, Residuals
from pipeline.schema import Schema
from pipeline.splits import Fold, grouped_folds
from pipeline.tasks import Floats, Truth
from pipeline.tasks.divisions import Division, placed
from pipeline.tasks.numbers import NumberTarget
from pipeline.tasks.tables import OwnRows, first_time, group_losses, segment_labels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Regression(NumberTarget, OwnRows):
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
    prediction_name: str = "prediction"
    region_name: str = "interval"
    losses_hang_together: int = 0
    """Losses are by group, and groups stand in no order."""
    history: timedelta = timedelta(0)
    bound: Bound = field(default_factory=Drawn)

    @property
    def baseline_name(self) -> str:
        alike = " and ".join(self.baseline_by)
        return f"median of rows of the same {alike}" if alike else "median of all rows"

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Folds by group over the rows that are not held out. With a `length`, they go forward in
        time too, as the held-out window does: for rows that change from year to year.
        """
        if length:
            return self.division.forward_folds(frame, schema, count=count, length=length, end=end)
        rows = self.division.learnable(frame, schema, end=end)
        groups = self.division.labels(frame, schema)[rows]
        dealt = grouped_folds(
            groups, folds=count, start=first_time(frame.iloc[rows], schema), end=end
        )
        return placed(dealt, rows, self.division.words)

    def baseline(self, schema: Schema) -> Any:
        from pipeline.tasks.constants import GroupMedian

        return GroupMedian(self.baseline_by)

    def residuals(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Residuals:
        """By the size of the prediction and the columns of the baseline, of which the first counts
        most. A new row is of a new group: as many groups as there are, not rows, tell its tails.
        """
        return Residuals.of(
            predicted,
            truth,
            groups=self.groups_of(frame, schema),
            member=self.baseline_by[0] if self.baseline_by else "",
            together=self.division.labels(frame, schema),
        )

    def groups_of(self, frame: pd.DataFrame, schema: Schema) -> Labels:
        return segment_labels(frame, self.baseline_by)

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Floats:
        """Squared errors by group, weighted so that their mean is the mean squared error."""
        return group_losses(self.division.labels(frame, schema), (truth - predicted) ** 2)

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        return segment_labels(frame, self.segments_by or self.division.groups)

    def volume_columns(self, schema: Schema) -> tuple[str, ...] | None:
        return (schema.time or (self.segments_by or (schema.target,))[-1],)

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
