"""What the drift step compares: the columns of the observations, and the champion's errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.records import FittedModel
from pipeline.schema import Schema
from pipeline.shift import ColumnShift, Measured, Table, Watched, compare, judge
from pipeline.steps.run import Run

if TYPE_CHECKING:
    import pandas as pd


ERRORS = "of the champion"
"""How the names of errors end in what a task watches of a model; other names are predictions."""


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """Everything that one run judges together, at one rate of false alarms."""

    columns: tuple[ColumnShift, ...]
    together: ColumnShift | None
    """All number columns at once; `None` for fewer than two of them."""
    champion: tuple[ColumnShift, ...]
    """The champion's predictions and errors; empty without rows that it had not learned from."""

    @property
    def all(self) -> tuple[ColumnShift, ...]:
        return (*self.columns, *([self.together] if self.together else []), *self.champion)

    @property
    def alarms(self) -> tuple[ColumnShift, ...]:
        return tuple(shift for shift in self.all if shift.alarm)


def compare_windows(
    case: Case,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    alpha: float,
    material: float = 0.1,
    errors: tuple[Measured, ...] = (),
    only: frozenset[str] | None = None,
) -> Shifts:
    """The shift of every watched column, or of those in `only`, judged together with what
    `measure_errors` found.
    """
    schema, task = case.schema, case.task
    before, now = (
        {
            name: values
            for name, values in task.drift_view(rows, schema).items()
            if only is None or name in only
        }
        for rows in (reference, current)
    )
    watched = [_watched(schema, name) for name in before]
    measured = compare(
        table_of(case, reference, before),
        table_of(case, current, now),
        watched,
        block=case.windows.block,
    )
    judged = judge((*measured, *errors), alpha=alpha, material=material)
    columns, rest = judged[: len(watched)], judged[len(watched) : len(measured)]
    return Shifts(
        columns=columns, together=rest[0] if rest else None, champion=judged[len(measured) :]
    )


def measure_errors(
    run: Run, champion: FittedModel | None, observations: pd.DataFrame, start: datetime
) -> tuple[Measured, ...]:
    """The champion's predictions and errors from `start` on, against those of the rows before
    that it had not learned from either; nothing where there are none.
    """
    learned = champion.ref.learned.end if champion else None
    if champion is None or learned is None or run.case.schema.time is None or learned >= start:
        return ()
    frame = run.case.task.frame(observations, run.case.schema)
    model = run.model(champion.ref)
    return errors_of(run.case, frame, model, learned=learned, start=start, end=run.as_of)


def errors_of(
    case: Case,
    frame: pd.DataFrame,
    model: Any,
    *,
    learned: datetime,
    start: datetime,
    end: datetime,
) -> tuple[Measured, ...]:
    """Predictions and errors of a model that learned until `learned`: those from `start` to `end`
    against those before; nothing where one side is empty.
    """
    fold = case.task.held_out(frame, case.schema, start=learned, end=end)
    rows = frame.iloc[fold.test]
    is_now = (rows[str(case.schema.time)] >= start).to_numpy()
    if not is_now.any() or is_now.all():
        return ()
    predicted = case.task.predict(model, rows)
    errors = case.task.drift_errors(rows, case.schema, predicted)
    unit = case.schema.column(case.schema.target).unit
    # Predictions have the seasons of what they predict; errors should have none. A prediction
    # follows its series for weeks: which series parts from the others is seen in the target first.
    is_error = {name: name.endswith(ERRORS) for name in errors}
    watched = [
        Watched(name=name, kind="number", unit=unit, seasonal=not error, beside=error)
        for name, error in is_error.items()
    ]
    before, now = (
        table_of(case, rows[chosen], {name: values[chosen] for name, values in errors.items()})
        for chosen in (~is_now, is_now)
    )
    measured = compare(before, now, watched, block=case.windows.block)
    return measured[: len(watched)]


def _watched(schema: Schema, name: str) -> Watched:
    """What a task watches beside the columns of the schema is a number without a unit."""
    if name not in schema.names:
        return Watched(name=name, kind="number", unit="")
    column = schema.column(name)
    return Watched(name=name, kind=column.kind, unit=column.unit, period=column.period)


def table_of(case: Case, rows: pd.DataFrame, columns: Mapping[str, NDArray[Any]]) -> Table:
    """Columns with the time, by the case's clock, and the series of each row, where it has such."""
    schema = case.schema
    if schema.time is None:
        return Table(columns=columns)
    zone = case.windows.zone
    times = rows[schema.time].dt.tz_convert(zone).dt.tz_localize(None)
    series = _series_of(rows, schema) if schema.series else None
    return Table(
        columns=columns, times=times.to_numpy("datetime64[us]"), entities=series, zone=zone
    )


def _series_of(rows: pd.DataFrame, schema: Schema) -> pd.Categorical[str]:
    """The series of each row, in words. Each value becomes text once, not in every row."""
    import pandas as pd

    number = np.zeros(len(rows), dtype=np.int64)
    names: list[tuple[str, ...]] = [()]
    for name in schema.series:
        codes, values = pd.factorize(rows[name], use_na_sentinel=False)
        # Only those that are there: all combinations of several values could be very many.
        number, there = pd.factorize(number * len(values) + codes)
        texts = list(map(str, values))
        names = [(*names[at // len(texts)], texts[at % len(texts)]) for at in there.tolist()]
    places, labels = pd.factorize(np.array([", ".join(parts) for parts in names], dtype=object))
    return pd.Categorical.from_codes(places[number], categories=pd.Index(labels, dtype="str"))
