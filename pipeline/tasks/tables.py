"""What tasks share whose rows stand for themselves: their segments, requests and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model

from pipeline.schema import Schema
from pipeline.splits import Fold, Stretch, one_stretch
from pipeline.tasks.requests import record_field

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks import Floats
    from pipeline.tasks.divisions import Division
    from pipeline.tasks.lookup import Lookup

ALL_ROWS = "all rows"
MISSING = "(missing)"


class OwnRows:
    """The verbs of a task whose rows stand for themselves: what a model takes is in the row."""

    division: Division

    def frame(self, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        return observations

    def held_out(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        return self.division.held_out_fold(frame, schema, start=start, end=end)

    def refreshes(self, frame: pd.DataFrame, schema: Schema, *, first: int) -> Sequence[Stretch]:
        return one_stretch(len(frame), first=first)

    def leads(self, frame: pd.DataFrame, schema: Schema) -> None:
        """Nothing is foretold."""

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        return watched_columns(frame, schema)

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        return row_model(schema, name)

    def lookup(self, history: pd.DataFrame, schema: Schema) -> Lookup:
        from pipeline.tasks.lookup import RecordLookup

        return RecordLookup(schema)


def row_model(schema: Schema, name: str) -> type[BaseModel]:
    """One row of a call: the columns that are known ahead, those that are nullable optional."""
    fields: dict[str, Any] = {
        column.name: record_field(column, required=not column.nullable)
        for column in schema.columns
        if column.known_ahead and column.name != schema.target
    }
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model(name, __config__=config, **fields)


def first_time(frame: pd.DataFrame, schema: Schema) -> datetime | None:
    """The oldest time of some rows; `None` where rows carry none."""
    if schema.time is None:
        return None
    found: datetime = frame[schema.time].min().to_pydatetime()
    return found


def group_losses(groups: NDArray[np.uint64], losses: Floats) -> Floats:
    """Sums by group over the mean size of a group: their mean is the mean loss of a row."""
    names, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=losses)
    return np.asarray(sums * len(names) / len(losses), dtype=np.float64)


def segment_labels(
    frame: pd.DataFrame | Mapping[str, NDArray[Any]], columns: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Each column's values as texts; one segment of all rows where no column is named.

    Takes a frame, or one array a column where those named hold texts.
    """
    if not columns:
        rows = len(next(iter(frame.values()))) if isinstance(frame, Mapping) else len(frame)
        return {ALL_ROWS: np.full(rows, ALL_ROWS)}
    return {name: _texts(frame[name]) for name in columns}


def _texts(column: Any) -> NDArray[Any]:
    if not isinstance(column, np.ndarray):
        return np.asarray(
            column.astype("string").fillna(MISSING).to_numpy(dtype=object).astype(str)
        )
    if column.dtype != object:
        raise TypeError(f"an array of {column.dtype} has lost how its values are written")
    texts = [value if isinstance(value, str) else MISSING for value in column.tolist()]
    return np.array(texts, dtype=object)


def watched_columns(frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
    """What a model may take, and the target; identifiers, times and texts are not watched."""
    kinds = ("number", "integer", "category", "boolean")
    return {
        column.name: frame[column.name].to_numpy()
        for column in schema.columns
        if column.kind in kinds and (column.known_ahead or column.name == schema.target)
    }


def class_answer(name: str) -> type[BaseModel]:
    """The likeliest class, the probability of each, and the classes that the set holds."""
    return create_model(
        name,
        __config__=ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False),
        __doc__=class_answer.__doc__,
        prediction=(str, Field(description="the likeliest class")),
        probabilities=(dict[str, float], Field(description="by class; together 1")),
        set=(list[str], Field(description="holds the true class in a share `level` of the cases")),
    )
