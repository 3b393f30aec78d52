"""Classification: one of a few known classes for each row, with probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.bounds import Bound, Drawn
from pipeline.class_metrics import classification_metrics, log_losses
from pipeline.errors import CaseError, StepError
from pipeline.figures import Figure
from pipeline.prediction_sets import ClassConformal, class_places
from pipeline.regions import Calibration, ClassSets, Regions, where_enough
from pipeline.schema import Schema
from pipeline.splits import Fold, stratified_folds
from pipeline.tasks import Floats, Truth
from pipeline.tasks.divisions import Division, placed
from pipeline.tasks.tables import OwnRows, first_time, group_losses, segment_labels

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel


FEWEST_CLASSES = 2


@dataclass(frozen=True, kw_only=True)
class Classification(OwnRows):
    """Rows are divided by group, with the classes in the proportions of the whole in each fold.

    Columns that are `known_ahead` are what a model may take and what a call sends.
    """

    classes: tuple[str, ...]
    """All labels that the target may have; probabilities have one column for each, in this order.
    """
    division: Division = field(default_factory=Division)
    segments_by: tuple[str, ...] = ()
    """Columns by which errors are broken down, before the classes themselves."""
    primary: str = "log_loss"
    kind: str = "classification"
    region_name: str = "prediction set"
    baseline_name: str = "the commonest class, with the shares of all"
    floor: float | None = None
    losses_hang_together: int = 0
    history: timedelta = timedelta(0)
    bound: Bound = field(default_factory=Drawn)

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(FEWEST_CLASSES, len(self.classes)):
            raise CaseError(f"The classes are {self.classes!r}; give two or more, each once.")

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Stratified folds over the rows that are not held out; `length` is left aside."""
        rows = self.division.learnable(frame, schema, end=end)
        dealt = stratified_folds(
            self.truth(frame, schema)[rows],
            folds=count,
            start=first_time(frame.iloc[rows], schema),
            end=end,
            groups=self.division.labels(frame, schema)[rows] if self.division.groups else None,
        )
        return placed(dealt, rows, self.division.words)

    def baseline(self, schema: Schema) -> Any:
        from pipeline.tasks.constants import ClassShares

        return ClassShares()

    def truth(self, frame: pd.DataFrame, schema: Schema) -> Truth:
        """Labels; raises `StepError` for one that is not among the classes."""
        labels = frame[schema.target].astype("string").to_numpy(dtype=object, na_value="")
        class_places(labels, self.classes)
        return np.asarray(labels.astype(str))

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """Probabilities; a class that the model has not met has none. Raises `StepError` for a
        model of other classes.
        """
        met = [str(name) for name in model.classes_]
        places = class_places(np.array(met, dtype=object), self.classes)
        given = np.asarray(model.predict_proba(frame))
        found = np.zeros((len(given), len(self.classes)))
        found[:, places] = given
        return found

    def calibrate(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats, *, level: float
    ) -> Calibration:
        return ClassConformal.fit(predicted, truth, classes=self.classes, level=level)

    def calibrations(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        *,
        levels: Sequence[float],
    ) -> tuple[Calibration, ...]:
        return where_enough(
            levels,
            lambda level: self.calibrate(frame, schema, truth, predicted, level=level),
        )

    def regions(
        self,
        calibration: Calibration,
        frame: pd.DataFrame,
        schema: Schema,
        predicted: Floats,
        *,
        level: float,
    ) -> Regions:
        if not isinstance(calibration, ClassConformal) or calibration.level != level:
            raise StepError(
                f"A {type(calibration).__name__} of level {calibration.level!r} makes no sets of "
                f"level {level!r}. Train again with that level."
            )
        return ClassSets(classes=self.classes, members=calibration.members(predicted))

    def columns(self, predicted: Floats) -> dict[str, list[Any]]:
        likeliest = np.argmax(predicted, axis=1).tolist()
        return {
            "prediction": [self.classes[place] for place in likeliest],
            "probabilities": [
                dict(zip(self.classes, row, strict=True)) for row in predicted.tolist()
            ],
        }

    def metrics(self, truth: Truth, predicted: Floats) -> dict[str, float]:
        return classification_metrics(truth, predicted, self.classes)

    def metrics_by(
        self, labels: NDArray[Any], truth: Truth, predicted: Floats
    ) -> dict[Any, dict[str, float]]:
        return {
            label: self.metrics(truth[labels == label], predicted[labels == label])
            for label in np.unique(labels).tolist()
        }

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Floats:
        """Log losses by group, weighted so that their mean is the log loss of a row."""
        losses = log_losses(truth, predicted, self.classes)
        return group_losses(self.division.labels(frame, schema), losses)

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        named = segment_labels(frame, self.segments_by) if self.segments_by else {}
        return named | segment_labels(frame, (schema.target,))

    def drift_errors(
        self, frame: pd.DataFrame, schema: Schema, predicted: Floats
    ) -> dict[str, NDArray[Any]]:
        given = {
            f"probability of {name}": predicted[:, place] for place, name in enumerate(self.classes)
        }
        losses = log_losses(self.truth(frame, schema), predicted, self.classes)
        return given | {"log loss of the champion": losses}

    def volume_columns(self, schema: Schema) -> tuple[str, ...] | None:
        return (schema.time or schema.target,)

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        from pipeline.tasks.table_views import volume_figure

        return volume_figure(observations, schema, (schema.target,))

    def figures(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        regions: Regions,
    ) -> Sequence[Figure]:
        from pipeline.tasks.class_views import confusion_figure, reliability_figure

        return [
            confusion_figure(truth, predicted, self.classes),
            reliability_figure(truth, predicted, self.classes),
        ]

    def answer_model(self, name: str) -> type[BaseModel]:
        from pipeline.tasks.tables import class_answer

        return class_answer(name)
