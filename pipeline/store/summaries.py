"""What a file of rows says of its columns in its footer: missing values, lowest and highest.

Counted of the very rows as they are written, so that whoever needs no more reads no rows. NaN is
a missing value, as in pandas. A file that says nothing is asked by SQL.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.schema import ARROW_TYPES, Column
from pipeline.store.changes import quoted

if TYPE_CHECKING:
    import duckdb

KEY = b"vigie.columns"
INSTANT = pa.timestamp("us", tz="UTC")
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)

Value = int | float | datetime


@dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """Of all rows; `lowest` and `highest` are `None` where no row has a value, and for texts."""

    rows: int
    missing: int
    lowest: Value | None = None
    highest: Value | None = None

    def __add__(self, other: Self) -> ColumnSummary:
        lows = [v for v in (self.lowest, other.lowest) if v is not None]
        highs = [v for v in (self.highest, other.highest) if v is not None]
        return ColumnSummary(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            lowest=min(lows, default=None),
            highest=max(highs, default=None),
        )


@dataclass(kw_only=True)
class Summary:
    """One summary a column, of the tables that have been added."""

    columns: dict[str, ColumnSummary] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Counts the rows of a table in."""
        for name, values in zip(table.column_names, table.columns, strict=True):
            found = _summary(values)
            held = self.columns.get(name)
            self.columns[name] = held + found if held else found

    def footer(self) -> dict[bytes, bytes]:
        """As a Parquet file's metadata."""
        plain = {
            name: [one.rows, one.missing, _plain(one.lowest), _plain(one.highest)]
            for name, one in self.columns.items()
        }
        return {KEY: json.dumps(plain).encode()}


def summary_of(files: Iterable[Path], typed: pa.Schema) -> Mapping[str, ColumnSummary]:
    """The columns of all rows of the files; empty where one of the files says nothing."""
    whole: dict[str, ColumnSummary] = {}
    for place, path in enumerate(files):
        told = (pq.read_metadata(path).metadata or {}).get(KEY)
        if told is None:
            return {}
        columns = json.loads(told).items()
        found = {name: _read(typed.field(name).type, *one) for name, one in columns}
        whole = {n: whole[n] + one for n, one in found.items() if n in whole} if place else found
    return whole


def counted(
    database: duckdb.DuckDBPyConnection, rows: str, columns: Iterable[Column]
) -> dict[str, ColumnSummary]:
    """The same by SQL, in one pass over a table or view."""
    asked = list(columns)
    if not asked:
        return {}
    terms = ", ".join(term for column in asked for term in _terms(column))
    ((whole, *found),) = database.execute(f"SELECT count(*), {terms} FROM {rows}").fetchall()
    triples = zip(asked, found[::3], found[1::3], found[2::3], strict=True)
    return {
        column.name: _read(ARROW_TYPES[column.kind], whole, missing, low, high)
        for column, missing, low, high in triples
    }


def absent(column: Column) -> str:
    """SQL that is true where pandas sees no value; NaN of a number is none."""
    (name,) = quoted([column.name])
    return f"{name} IS NULL" + (f" OR isnan({name})" if column.kind == "number" else "")


def _terms(column: Column) -> tuple[str, str, str]:
    (name,) = quoted([column.name])
    missing = f"count(*) FILTER ({absent(column)})"
    given = f"FILTER (NOT isnan({name}))" if column.kind == "number" else ""
    plain = f"epoch_us({name})" if column.kind == "time" else name
    if column.kind not in ("number", "integer", "time"):
        return missing, "NULL", "NULL"
    return missing, f"min({plain}) {given}", f"max({plain}) {given}"


def _summary(values: pa.ChunkedArray) -> ColumnSummary:
    plain = _plain_summary(values) if pa.types.is_floating(values.type) else None
    return plain or _any_summary(values)


def _plain_summary(values: pa.ChunkedArray) -> ColumnSummary | None:
    """Of numbers without NaN, several times as quick; `None` where there is one, or no number."""
    found = [c.drop_null() if c.null_count else c for c in values.chunks]
    held = [chunk.to_numpy() for chunk in found if len(chunk)]
    if not held:
        return None
    lows, highs = [float(chunk.min()) for chunk in held], [float(chunk.max()) for chunk in held]
    if any(map(math.isnan, lows)):
        return None
    # 0.0 for -0.0, which equals it and is written otherwise.
    return ColumnSummary(
        rows=len(values), missing=values.null_count, lowest=min(lows) + 0, highest=max(highs) + 0
    )


def _any_summary(values: pa.ChunkedArray) -> ColumnSummary:
    absent = values.null_count
    if pa.types.is_floating(values.type):
        absent += pc.sum(pc.is_nan(values)).as_py() or 0
    low, high = None, None
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        ends = pc.min_max(values).as_py()
        # 0.0 for -0.0, which equals it and is written otherwise.
        low, high = (None if end is None or math.isnan(end) else end + 0 for end in ends.values())
    elif pa.types.is_timestamp(values.type):
        ends = pc.min_max(values.cast(INSTANT).cast(pa.int64())).as_py()
        low, high = (None if end is None else _moment(end) for end in ends.values())
    return ColumnSummary(rows=len(values), missing=absent, lowest=low, highest=high)


def _moment(microseconds: int) -> datetime:
    return BEGIN + timedelta(microseconds=microseconds)


def _plain(value: Value | None) -> int | float | None:
    if isinstance(value, datetime):
        return (value - BEGIN) // timedelta(microseconds=1)
    return value


def _read(of: pa.DataType, rows: int, missing: int, low: Any, high: Any) -> ColumnSummary:
    if pa.types.is_timestamp(of):
        low, high = (None if end is None else _moment(end) for end in (low, high))
    return ColumnSummary(rows=rows, missing=missing, lowest=low, highest=high)
