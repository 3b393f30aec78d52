"""What a champion has learned from, as far as a caller can step out of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

from pipeline.case import Case
from pipeline.schema import Kind

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS: Final[tuple[Kind, ...]] = ("number", "integer")


def support(rows: pa.Table, case: Case, until: datetime) -> dict[str, tuple[float, float]]:
    """Lowest and highest value before `until`, of the numbers that a record may hold."""
    import pyarrow.compute as pc

    found = {}
    learned = _learned(rows, case, until)
    for name in _asked(case, NUMBERS):
        ends = pc.min_max(learned[name]).as_py()
        if ends["min"] is not None:
            found[name] = (float(ends["min"]), float(ends["max"]))
    return found


def categories(rows: pa.Table, case: Case, until: datetime) -> dict[str, tuple[str, ...]]:
    """The values before `until` of the categories that a record may hold.

    Where a prediction looks at the past, the series that have one are what can be asked for.
    """
    if case.task.history:
        return {}
    learned = _learned(rows, case, until)
    return {
        name: tuple(sorted(filter(None, learned[name].unique().to_pylist())))
        for name in _asked(case, ("category",))
    }


def example(history: pa.Table, case: Case) -> dict[str, JsonValue] | None:
    """The last row of the history, as far as a prediction has to be told of it, in the types of
    JSON; a forecast is for the first step after it. `None` where there is no history.
    """
    if not history.num_rows:
        return None
    fields = case.task.request_model(case.schema, "Example").model_fields
    needed = [name for name, field in fields.items() if field.is_required()]
    (row,) = history.select(needed).slice(history.num_rows - 1).to_pylist()
    first = case.task.lookup(history.to_pandas(), case.schema).values()
    if case.schema.time in first:
        row[case.schema.time] = first[case.schema.time][0]
    return {name: _plain(value) for name, value in row.items()}


def _learned(rows: pa.Table, case: Case, until: datetime) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if case.schema.time is None:
        return rows
    times = rows[case.schema.time]
    return rows.filter(pc.less(times, pa.scalar(until, times.type)))


def _asked(case: Case, kinds: tuple[Kind, ...]) -> list[str]:
    fields = case.task.request_model(case.schema, "Record").model_fields
    return [
        column.name
        for column in case.schema.columns
        if column.name in fields and column.kind in kinds
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
