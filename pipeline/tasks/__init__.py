"""A kind of problem, as an object: it holds the verbs, so that one notebook serves all cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import Figure
from pipeline.schema import Schema
from pipeline.splits import Fold

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

Floats = NDArray[np.float64]


class Task(Protocol):
    """What the steps ask of a kind of problem. Tables are pandas frames, a row an observation."""

    @property
    def kind(self) -> str:
        """One word for pages: forecasting, regression, classification."""

    @property
    def primary(self) -> str:
        """Name of the score that decides; lower is better."""

    @property
    def losses_hang_together(self) -> int:
        """How many neighbouring losses depend on one another, for the paired test."""

    @property
    def history(self) -> timedelta:
        """How far back a prediction looks; a service carries as much."""

    @property
    def floor(self) -> float | None:
        """Lowest possible value of the target; `None` where there is no limit."""

    @property
    def season_name(self) -> str:
        """What the baseline is, in words: 'same hour a week before'."""

    def frame(self, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        """The table that models take, in the order of the observations: the schema's columns and
        what is known of the past when each row is to be predicted.
        """

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Training and test rows of a backtest that ends at `end`."""

    def held_out(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        """What is learned from before `start`, and the window that no candidate has seen."""

    def baseline(self, schema: Schema) -> Any:
        """What every model has to beat, as an unfitted estimator on the frame."""

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """A prediction for every row of the frame."""

    def metrics(self, truth: Floats, predicted: Floats) -> dict[str, float]:
        """The task's scores by name, all finite."""

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Floats, predicted: Floats
    ) -> Floats:
        """Mean loss by origin, in time order: what a paired test compares."""

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        """Labels by which scores are broken down: one array a breakdown, one label a row."""

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        """The columns whose distribution is watched; the target among them."""

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        """What arrived over time."""

    def example(
        self, frame: pd.DataFrame, schema: Schema, predicted: Floats, low: Floats, high: Floats
    ) -> Figure:
        """Predictions and their intervals beside the truth, on the newest stretch."""

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        """One record of a call of the service: strict, unknown fields refused."""

    def answer_frame(
        self, records: pd.DataFrame, history: pd.DataFrame, schema: Schema
    ) -> pd.DataFrame:
        """The frame for the records of a call, from the history that the service carries; raises
        `ServiceError` for a record that can't be predicted, with the field named.
        """
