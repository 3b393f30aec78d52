"""The columns of a case, and what a table must hold to be one of its observations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import pyarrow as pa

from pipeline.errors import CaseError

Kind = Literal["category", "number", "integer", "time", "text", "boolean"]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "category": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
    "boolean": pa.bool_(),
}


ENCODED: Final = {"contentEncoding": "base64"}
"""Marks, in the JSON schema of a record, a field that holds a file."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its kind, its unit and what a reader should know of it."""

    name: str
    kind: Kind
    description: str
    unit: str = ""
    nullable: bool = False
    known_ahead: bool = False
    """The value for a row in the future is known when its forecast is made (calendar, weather
    forecast); all others may be used with a lag only."""
    fixed: bool = False
    """The same in all rows of a series, such as the place of a counter."""
    period: float | None = None
    """Where numbers come round, in their unit: 24 for an hour of the day, 360 for a direction in
    degrees. Such a column is cyclic: its drift is measured on the circle."""

    def __post_init__(self) -> None:
        if self.period is None:
            return
        if self.kind not in ("number", "integer") or self.period <= 0:
            raise CaseError(
                f"Column {self.name!r} of kind {self.kind!r} has period {self.period!r}; only "
                "numbers come round, after a period above zero."
            )

    @property
    def label(self) -> str:
        """Name with the unit in brackets, as axes and table heads show it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of an observation; `key` names the columns that tell one row from another."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    target: str
    time: str | None = None
    parts: str | None = None
    """Boolean column, false where a row is the sum of others or another account of the same: such
    rows are checked and shown, and never learned from or scored, so that nothing counts twice."""
    known_after: timedelta = timedelta(0)
    """How long after its time a row's values are known: an hourly count, an hour later."""

    def __post_init__(self) -> None:
        named = {*self.key, self.target, *filter(None, (self.time, self.parts))}
        missing = named - set(self.names)
        if missing:
            raise CaseError.for_problems(
                "The schema names columns that it does not declare:",
                [f"{name!r}" for name in missing],
            )
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise CaseError.for_problems(
                "The schema declares columns more than once:", [f"{name!r}" for name in twice]
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def series(self) -> tuple[str, ...]:
        """The key without the time: what tells one series from another."""
        return tuple(name for name in self.key if name != self.time)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def arrow(self) -> pa.Schema:
        """Arrow schema of an observation: strings, doubles, 64-bit integers, UTC microseconds."""
        return pa.schema(
            [
                pa.field(column.name, ARROW_TYPES[column.kind], nullable=True)
                for column in self.columns
            ]
        )
