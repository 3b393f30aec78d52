"""Answers come straight from the Parquet files of a table, or of one that a service carries."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.errors import StateError
from pipeline.schema import Schema
from pipeline.trends.conditions import quoted
from pipeline.trends.questions import Question, bucket_sql

if TYPE_CHECKING:
    import duckdb

Cell = str | int | float | bool | None

THREADS = 2
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Rows in the order of their groups, then of time."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    """Rows that there are without limit and offset; 0 as well when the offset is beyond them."""

    def records(self) -> list[dict[str, Cell]]:
        """A mapping a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def csv(self) -> str:
        """With a header; a missing value is empty."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()

    def json(self) -> str:
        """Columns, rows as objects, and how many rows there are in all."""
        return json.dumps({"total": self.total, "rows": self.records()}, indent=1, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Rows to ask. Open them once with `opened`; many questions, also of several threads, follow.

    `files` hold the schema's columns, and those of `key` where `without` has rows.
    """

    files: Sequence[Path]
    schema: Schema
    without: pa.Table | None = None
    """Rows that take no part, told by `key`."""
    key: tuple[str, ...] = ()
    not_after: datetime | None = None
    """Rows of a later time take no part; those without a time do."""

    @contextmanager
    def opened(self) -> Iterator[OpenObservations]:
        """Something that answers questions; raises `StateError` for files that can't be read."""
        import duckdb

        with duckdb.connect(config={"threads": THREADS}) as database:
            database.execute("SET TimeZone = 'UTC'")
            names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in self.files)
            try:
                # Arrow writes no statistics of NaN: DuckDB would take that to say there is none.
                rows = f"read_parquet([{names}], can_have_nan = true)"
                database.execute(f"CREATE VIEW files AS SELECT * FROM {rows}")
            except duckdb.Error as error:
                raise StateError.for_damaged_file(self.files[0], str(error)) from error
            if self.without is not None and self.without.num_rows:
                database.register("feed", self.without.select(list(self.key)))
                database.execute("CREATE TABLE absent AS SELECT * FROM feed")
            yield OpenObservations(database=database, observations=self)

    def answer(self, question: Question) -> Answer:
        """One question, on its own."""
        with self.opened() as opened:
            return opened.answer(question)


@dataclass(frozen=True, kw_only=True)
class OpenObservations:
    """Observations that were opened."""

    database: duckdb.DuckDBPyConnection
    observations: Observations

    def answer(self, question: Question) -> Answer:
        """The rows of the answer; raises `StateError` for files that can't be read."""
        import duckdb

        statement, values = _statement(question, self.observations)
        with self.database.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            try:
                found = cursor.execute(statement, values).fetchall()
            except duckdb.IOException as error:
                raise StateError.for_damaged_file(
                    self.observations.files[0].parent, str(error)
                ) from error
        weekday = question.columns.index("weekday") if question.bucket == "weekday" else None
        return Answer(
            columns=question.columns,
            rows=tuple(_row(row[:-1], weekday) for row in found),
            total=int(found[0][-1]) if found else 0,
        )


def _statement(question: Question, observations: Observations) -> tuple[str, list[Any]]:
    """SELECT with question marks, and the values that go there, in their order."""
    groups = [quoted(name) for name in question.by]
    values: list[Any] = []
    if question.bucket and observations.schema.time:
        bucket, values = bucket_sql(question.bucket, observations.schema.time, question.zone)
        groups.append(bucket)
    conditions, bound = _conditions(question, observations)
    places = [str(place + 1) for place in range(len(groups))]
    order = ", ".join(f"{place} NULLS LAST" for place in places)
    grouped = f"GROUP BY {', '.join(places)} ORDER BY {order}" if groups else ""
    shown = ", ".join([*groups, *question.numbers(), "count(*) OVER ()"])
    absent = _absent(observations)
    return (
        f"SELECT {shown} FROM files {absent} WHERE {' AND '.join(conditions)} "
        f"{grouped} LIMIT {question.limit:d} OFFSET {question.offset:d}",
        [*values, *bound],
    )


def _conditions(question: Question, observations: Observations) -> tuple[list[str], list[Any]]:
    parts, values = ["true"], []
    for condition in question.where:
        part, held = condition.sql()
        parts.append(part)
        values += held
    if observations.not_after is not None and observations.schema.time is not None:
        time = quoted(observations.schema.time)
        parts.append(f"({time} <= ? OR {time} IS NULL)")
        values.append(observations.not_after)
    told = observations.schema.parts
    asked = {*question.by, *(condition.column for condition in question.where)}
    if told is not None and told not in asked:
        # A sum beside its parts would count them twice; who asks by that column means to see both.
        parts.append(quoted(told))
    return parts, values


def _absent(observations: Observations) -> str:
    if observations.without is None or not observations.without.num_rows:
        return ""
    same = " AND ".join(
        f"files.{name} IS NOT DISTINCT FROM absent.{name}" for name in map(quoted, observations.key)
    )
    return f"ANTI JOIN absent ON {same}"


def _row(found: tuple[Any, ...], weekday: int | None) -> tuple[Cell, ...]:
    cells: list[Any] = [_cell(cell) for cell in found]
    if weekday is not None and cells[weekday] is not None:
        cells[weekday] = WEEKDAYS[cells[weekday] - 1]
    return tuple(cells)


def _cell(value: Any) -> Cell:
    """Dates as ISO texts. The last digits of a sum depend on how threads share the work: without
    them the same question has the same answer.
    """
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    return value  # type: ignore[no-any-return]
