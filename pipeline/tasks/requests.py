"""Records of a call: what may be sent, and the frame that a forecast of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from pipeline.errors import RecordError
from pipeline.schema import Column, Kind, Schema

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks.forecasting import Forecasting

PYTHON_TYPES: dict[Kind, Any] = {
    "category": Annotated[str, Field(min_length=1, max_length=200)],
    "text": Annotated[str, Field(max_length=1000)],
    "number": Annotated[float, Field(allow_inf_nan=False)],
    "integer": int,
    "boolean": bool,
    "time": AwareDatetime,
}


def record_model(schema: Schema, name: str) -> type[BaseModel]:
    """The key is required; columns that are known ahead may be given."""
    fields: dict[str, Any] = {
        column.name: record_field(column, required=column.name in schema.key)
        for column in schema.columns
        if column.name in schema.key or (column.known_ahead and not column.fixed)
    }
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model(name, __config__=config, **fields)


def join_history(
    task: Forecasting, records: pd.DataFrame, history: pd.DataFrame, schema: Schema
) -> pd.DataFrame:
    """The history and after it the records, with the fixed columns of their series.

    A record whose time lies within the history takes that row's place: its value is not used for
    itself, since every column looks back a whole horizon. Raises `RecordError`.
    """
    import pandas as pd

    problems = list(_problems(task, records, history, schema))
    if problems:
        raise RecordError(problems)
    series = list(schema.series)
    fixed = [column.name for column in schema.columns if column.fixed]
    places = history.drop_duplicates(series, keep="last")[[*series, *fixed]]
    asked = records.reset_index(drop=True).merge(places, on=series, how="left")
    asked = asked.reindex(columns=list(schema.names))
    known = _keys(history, schema).isin(_keys(asked, schema))
    past = history.loc[~known, list(schema.names)]
    values = history.loc[known].drop_duplicates(list(schema.key))
    asked[schema.target] = (
        asked[list(schema.key)]
        .merge(values[[*schema.key, schema.target]], on=list(schema.key), how="left")[schema.target]
        .to_numpy(dtype=np.float64, na_value=np.nan)
    )
    past = past.assign(**{schema.target: past[schema.target].astype(np.float64)})
    frame: pd.DataFrame = pd.concat([past, asked.astype(past.dtypes.to_dict())], ignore_index=True)
    return frame


def _keys(rows: pd.DataFrame, schema: Schema) -> Any:
    import pandas as pd

    return pd.MultiIndex.from_frame(rows[list(schema.key)])


def _problems(
    task: Forecasting, records: pd.DataFrame, history: pd.DataFrame, schema: Schema
) -> Iterator[tuple[int, str, str]]:
    time = str(schema.time)
    earliest, latest = task.reach(history[time].min(), history[time].max())
    known = set(map(tuple, history[list(schema.series)].drop_duplicates().to_numpy()))
    rows = zip(records[list(schema.series)].to_numpy(), records[time], strict=True)
    for place, (series, moment) in enumerate(rows):
        if tuple(series) not in known:
            named = ", ".join(map(repr, series))
            yield place, schema.series[0], f"{named} is not a series that this model knows"
        if not earliest <= moment <= latest:
            yield (
                place,
                time,
                f"{moment.isoformat()} can't be forecast; choose from {earliest.isoformat()} "
                f"to {latest.isoformat()}",
            )
        if task.off_grid(moment):
            yield place, time, f"{moment.isoformat()} is not the start of a step ({task.every})"


def record_field(column: Column, *, required: bool) -> tuple[Any, Any]:
    """Type and description of a column in a call."""
    kind = PYTHON_TYPES[column.kind]
    unit = f" ({column.unit})" if column.unit else ""
    words = f"{column.description}{unit}"
    if required:
        return kind, Field(description=words)
    return kind | None, Field(None, description=f"{words}; may be left out")
