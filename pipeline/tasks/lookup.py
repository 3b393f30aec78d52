"""From the records of a call to the columns that a model takes, without pandas.

Everything that can be computed from the history alone is computed once, when a lookup is made:
a call only picks from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RecordError
from pipeline.schema import Schema
from pipeline.tasks import timesteps

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks.forecasting import Forecasting

Columns = dict[str, NDArray[Any]]
"""One array a column, a value a record: objects for text, float64 for numbers (NaN: not given),
datetime64[us] in UTC for times."""

MISSING: Final[dict[str, Any]] = {
    "category": None,
    "text": None,
    "time": np.datetime64("NaT", "us"),
}
"""What stands for no value of a kind, where that isn't NaN."""


class Lookup(Protocol):
    """What a service asks before it predicts."""

    def __call__(self, records: Columns) -> Columns:
        """The columns of the model's frame for the records of a call; raises `RecordError` for a
        record that can't be predicted, with the field named.
        """

    def values(self) -> dict[str, list[str]]:
        """Of columns of which only some values can be predicted: these, as JSON writes them."""


class RecordLookup:
    """For tasks that look at no past: the records are all there is to know."""

    def __init__(self, schema: Schema) -> None:
        self._missing = {column.name: MISSING.get(column.kind, np.nan) for column in schema.columns}

    def __call__(self, records: Columns) -> Columns:
        """Every column of the schema; what a record doesn't hold is missing."""
        count = len(next(iter(records.values())))
        return {
            name: records[name] if name in records else np.full(count, missing)
            for name, missing in self._missing.items()
        }

    def values(self) -> dict[str, list[str]]:
        return {}


class PastLookup:
    """For forecasts: every step of the horizon of every series, computed once as in training."""

    def __init__(self, task: Forecasting, history: pd.DataFrame, schema: Schema) -> None:
        import pandas as pd

        from pipeline.tasks.forecasting import utc

        self._task, self._schema, self._time = task, schema, str(schema.time)
        self._first = int(task.ordinals(utc(history, schema)).max()) + 1
        newest, self._series = self._newest(history)
        past = history.astype({schema.target: np.float64})
        whole = pd.concat([past, self._ahead(newest, past)], ignore_index=True)
        frame = task.frame(whole, schema).tail(len(newest) * task.horizon)
        fixed = [c.name for c in schema.columns if c.fixed and c.name not in schema.series]
        self._known = {name: frame[name].to_numpy() for name in (*fixed, *task.history_columns)}

    def __call__(self, records: Columns) -> Columns:
        """Raises `RecordError` for a series that isn't known and a time that can't be forecast."""
        names = [records[name] for name in self._schema.series]
        keys = zip(*names, strict=True) if names else repeat((), len(records[self._time]))
        series = np.array([self._series.get(key, -1) for key in keys])
        ordinals = self._task.ordinals(records[self._time])
        problems = list(self._problems(names, series, records[self._time], ordinals))
        if problems:
            raise RecordError(problems)
        places = series * self._task.horizon + (ordinals - self._first)
        known = {name: values[places] for name, values in self._known.items()}
        unknown = np.full(len(places), np.nan)
        given = {name: records.get(name, unknown) for name in self._schema.names}
        return given | known

    def values(self) -> dict[str, list[str]]:
        """The series, and the times from the one after the history to the horizon."""
        columns = zip(*self._series, strict=True)
        known = {
            name: sorted({str(value) for value in values})
            for name, values in zip(self._schema.series, columns, strict=True)
        }
        return {**known, self._time: [_written(moment) for moment in self._moments()]}

    def _newest(self, history: pd.DataFrame) -> tuple[pd.DataFrame, dict[tuple[Any, ...], int]]:
        """The last row of each series, and the places of the series there."""
        in_order = history.sort_values(self._time, kind="stable")
        if not self._schema.series:
            return in_order.tail(1), {(): 0}
        newest = in_order.drop_duplicates(list(self._schema.series), keep="last")
        names = newest[list(self._schema.series)].itertuples(index=False, name=None)
        return newest, {name: number for number, name in enumerate(names)}

    def _moments(self) -> NDArray[np.datetime64]:
        steps = np.arange(self._first, self._first + self._task.horizon)
        return timesteps.starts(steps, self._task.every)

    def _ahead(self, newest: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
        """The rows that may be asked for, by series and then by time, without a target."""
        import pandas as pd

        rows = newest.loc[newest.index.repeat(self._task.horizon), list(self._schema.names)]
        moments = pd.to_datetime(np.tile(self._moments(), len(newest)), utc=True)
        blank = [
            c.name for c in self._schema.columns if c.name not in self._schema.key and not c.fixed
        ]
        rows = rows.assign(**{self._time: moments, **dict.fromkeys(blank)})
        return rows.astype(past.dtypes.to_dict())

    def _problems(
        self,
        names: list[NDArray[Any]],
        series: NDArray[np.int64],
        times: NDArray[np.datetime64],
        ordinals: NDArray[np.int64],
    ) -> Iterator[tuple[int, str, str]]:
        for place in np.flatnonzero(series < 0).tolist():
            named = ", ".join(repr(values[place]) for values in names)
            field = self._schema.series[0]
            yield place, field, f"{named} is not a series that this model knows"
        first, last = _written(self._moments()[0]), _written(self._moments()[-1])
        ahead = ordinals - self._first
        for place in np.flatnonzero((ahead < 0) | (ahead >= self._task.horizon)).tolist():
            which = "lies in the past" if ahead[place] < 0 else "is too far ahead"
            found = f"{_written(times[place])} {which}; choose from {first} to {last}"
            yield place, self._time, found
        whole = timesteps.starts(ordinals, self._task.every) == times
        for place in np.flatnonzero(~whole).tolist():
            begins = timesteps.starts(ordinals[place : place + 1], self._task.every)[0]
            found = (
                f"{_written(times[place])} is not the start of {timesteps.a(self._task.every)}; "
                f"one begins at {_written(begins)}"
            )
            yield place, self._time, found


def frame_of(columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """The columns as the table that models were fitted on: times carry their zone, text is text.
    Objects of another kind, such as pictures, stay what they are.
    """
    import pandas as pd

    def typed(values: NDArray[Any]) -> Any:
        if values.dtype.kind == "M":
            return pd.to_datetime(values, utc=True)
        return pd.Series(values, dtype="str") if _is_text(values) else values

    return pd.DataFrame({name: typed(values) for name, values in columns.items()})


def _is_text(values: NDArray[Any]) -> bool:
    """Objects that are texts or missing, not such as pictures."""
    return values.dtype == object and all(
        value is None or isinstance(value, (str, float)) for value in values
    )


def _written(moment: np.datetime64) -> str:
    return f"{np.datetime_as_string(moment.astype('datetime64[s]'))}+00:00"
