"""A kind of problem, as an object: it holds the verbs, so that one notebook serves all cases.

Truth is an array of one value a row: numbers, or labels. A prediction is an array of one number a
row, or of one probability a row and class, shape (rows, classes). Only the task looks inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.bounds import Bound
from pipeline.figures import Figure
from pipeline.regions import Calibration, Regions
from pipeline.schema import Schema
from pipeline.splits import Fold, Stretch

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from pipeline.tasks.lookup import Lookup

Floats = NDArray[np.float64]
Truth = NDArray[Any]


ALIKE = "rows alike"
"""Column that says for how many rows a row stands; without it, each stands for itself."""


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
        """How far back a prediction looks; a service carries as much. Zero: not at all."""

    @property
    def bound(self) -> Bound:
        """Which rows models learn from and are compared on where there are many; a case may say
        otherwise.
        """

    @property
    def floor(self) -> float | None:
        """Lowest possible value of the target; `None` where there is no limit."""

    @property
    def baseline_name(self) -> str:
        """What the baseline is, in words: 'same hour a week before'."""

    @property
    def region_name(self) -> str:
        """What surrounds a prediction: 'interval', 'prediction set'."""

    def frame(self, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        """The table that models take, in the order of the observations: the schema's columns and
        what is known of the past when each row is to be predicted.
        """

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Training and test rows of a backtest that ends at `end`; none of them is held out.

        `length` is that of a fold in time; a task that divides otherwise leaves it aside.
        """

    def held_out(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        """What is learned from before `start`, and the window that no candidate has seen.

        Without a time column: the same division of the rows whenever it is asked for, so that
        what one run holds out no other run learns from.
        """

    def truth(self, frame: pd.DataFrame, schema: Schema) -> Truth:
        """The target of every row."""

    def baseline(self, schema: Schema) -> Any:
        """What every model has to beat, as an unfitted estimator on the frame."""

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """A prediction for every row of the frame."""

    def calibrate(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats, *, level: float
    ) -> Calibration:
        """From predictions of rows that their model had not learned from, to what makes regions
        that hold a share `level` of the truth.
        """

    def calibrations(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        *,
        levels: Sequence[float],
    ) -> tuple[Calibration, ...]:
        """As `calibrate`, for each of the levels for which the rows are enough."""

    def refreshes(self, frame: pd.DataFrame, schema: Schema, *, first: int) -> Sequence[Stretch]:
        """The rows from position `first` on, in the stretches that one calibration serves, each
        with the rows whose truth was known before it; in order of time. Where it isn't time that
        divides: one stretch, and the rows before `first`.
        """

    def regions(
        self,
        calibration: Calibration,
        frame: pd.DataFrame,
        schema: Schema,
        predicted: Floats,
        *,
        level: float,
    ) -> Regions:
        """The regions around predictions; raises `StepError` for a level or a kind of calibration
        that it can't be made for.
        """

    def columns(self, predicted: Floats) -> dict[str, list[Any]]:
        """What answers and tables show of the predictions, `prediction` first, a value a row."""

    def metrics(self, truth: Truth, predicted: Floats) -> dict[str, float]:
        """The task's scores by name, all finite."""

    def metrics_by(
        self, labels: NDArray[Any], truth: Truth, predicted: Floats
    ) -> dict[Any, dict[str, float]]:
        """`metrics` of the rows of each label, sorted by label."""

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Floats:
        """Loss by origin in time order, or by group of rows that hang together: what a paired
        test compares. Their mean is the mean loss of a row or of an origin.
        """

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        """Labels by which scores are broken down: one array a breakdown, one label a row."""

    def leads(self, frame: pd.DataFrame, schema: Schema) -> tuple[str, NDArray[np.int64]] | None:
        """How far each row lies ahead of the origin that its forecast was made at, and in what:
        'hours ahead'; `None` where nothing is foretold.
        """

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        """The columns whose distribution is watched; the target among them."""

    def drift_errors(
        self, frame: pd.DataFrame, schema: Schema, predicted: Floats
    ) -> dict[str, NDArray[Any]]:
        """What is watched of a model, in numbers by row: its predictions and its errors. They are
        named as a sentence says them.
        """

    def volume_columns(self, schema: Schema) -> tuple[str, ...] | None:
        """What `volume` needs of many rows: of those that agree in these columns, one will do that
        says in `ALIKE` how many they are. `None`: it needs every row.
        """

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        """What arrived over time."""

    def figures(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        regions: Regions,
    ) -> Sequence[Figure]:
        """How predictions lie beside the truth, on held-out rows; the first tells most."""

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        """One record of a call of the service: strict, unknown fields refused."""

    def answer_model(self, name: str) -> type[BaseModel]:
        """One answer of the service: the columns of predictions and of regions."""

    def lookup(self, history: pd.DataFrame, schema: Schema) -> Lookup:
        """From the records of a call to the columns of the frame, with the history that the
        service carries; whatever can be computed before a call comes is computed here.
        """
