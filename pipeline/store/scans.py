"""Observations that don't fit into memory, read in batches and asked by SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schema import Column, Schema
from pipeline.store.arrivals import scratch
from pipeline.store.bulk import database_in, parquet
from pipeline.store.changes import COPY, number, quoted, same_rows
from pipeline.store.summaries import ColumnSummary, counted, summary_of

if TYPE_CHECKING:
    import duckdb

ORDERED = ("number", "integer", "time")
COPIES = Column(name=COPY, kind="integer", description="number of a row among those of its key")
PLACE = "place of the row"
"""A column beside those of the files: the number of a row among all that lie in them, from 0."""
ROWS_PER_BATCH = 200_000
ROWS_COMPARED = 400_000
"""Rows that agree with others, in one table; about, since those that agree stay together."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The rows of a table that were known at a time, in the order of storage."""

    database: duckdb.DuckDBPyConnection
    schema: Schema
    count: int
    files: tuple[Path, ...]
    folder: Path
    """For files that are needed only while the scan is open."""
    summary: dict[str, ColumnSummary] = field(default_factory=dict)
    """Of columns of which something is known already."""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells one row from another."""
        return (*self.schema.key, COPY)

    def batches(
        self,
        columns: Sequence[str],
        *,
        of: str = "rows",
        where: str = "true",
        values: Sequence[object] = (),
    ) -> Iterator[pa.RecordBatch]:
        """Some columns of all rows, or of another view of them, or of those `where`; `values` are
        for its question marks.
        """
        query = f"SELECT {', '.join(quoted(list(columns)))} FROM {of} WHERE {where}"
        typed = self._typed(columns)
        with self.database.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            waiting: list[pa.RecordBatch] = []
            held = 0
            # A stream: neither `execute` nor a table of these rows would leave memory alone.
            found = cursor.sql(query, params=list(values))
            for batch in found.to_arrow_reader(ROWS_PER_BATCH):
                waiting.append(batch)
                held += batch.num_rows
                if held >= ROWS_PER_BATCH:
                    yield _joined(waiting, typed)
                    waiting, held = [], 0
            if waiting:
                yield _joined(waiting, typed)

    def whole(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of all rows, in memory at once."""
        return pa.Table.from_batches(self.batches(columns), self._typed(columns))

    def nothing(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of no row."""
        return self._typed(columns).empty_table()

    def repeated(self, names: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of the rows that agree with another in `names`; a null equals a null.

        Rows that agree are in one table, in the order of their keys. There is at least one, and
        more where they are many.
        """
        if set(self.schema.key) <= set(names) and not self.told([COPY])[COPY].highest:
            # A merge numbers the rows of one key: where none is numbered, no two agree in it.
            yield self.nothing(columns)
            return
        same = ", ".join(quoted(list(names)))
        group = f"SELECT {same}, count(*) AS n FROM rows GROUP BY {same} HAVING n > 1"
        self.database.execute(f"CREATE OR REPLACE TABLE repeats AS {group}")
        held = number(self.database, "SELECT coalesce(sum(n), 0) FROM repeats")
        parts = -(-held // ROWS_COMPARED) or 1
        order = ", ".join(f"r.{name} NULLS LAST" for name in quoted(list(self.key)))
        shown = ", ".join(f"r.{name}" for name in quoted(list(columns)))
        for part in range(parts):
            chosen = f"SELECT * FROM repeats WHERE hash({same}) % {parts} = {part}"
            query = (
                f"SELECT {shown} FROM rows r SEMI JOIN ({chosen}) g "
                f"ON {same_rows('r', 'g', tuple(names))} ORDER BY {order}"
            )
            yield self.database.sql(query).to_arrow_table().cast(self._typed(columns))

    def told(self, names: Sequence[str]) -> dict[str, ColumnSummary]:
        """What the columns hold, as the files say of themselves; else counted, and kept."""
        unknown = [self._column(name) for name in names if name not in self.summary]
        self.summary.update(counted(self.database, "rows", unknown))
        return {name: self.summary[name] for name in names}

    def different(self, name: str, *, most: int | None = None) -> pa.Table:
        """Each value of a column once; with `most`, no more than so many of them."""
        (column,) = quoted([name])
        ending = "ORDER BY 1" if most is None else f"LIMIT {most}"
        query = f"SELECT DISTINCT {column} FROM rows {ending}"
        return self.database.sql(query).to_arrow_table().cast(self._typed([name]))

    def extremes(self, names: Sequence[str]) -> pa.Table:
        """Two rows: the lowest and the highest values of columns; NaN is no value."""
        if all(self._column(name).kind in ORDERED for name in names):
            told = self.told(names)
            columns = {name: [told[name].lowest, told[name].highest] for name in names}
            return pa.table(columns, schema=self._typed(names))
        numbers = {name for name in names if self._column(name).kind == "number"}
        given = {name: f" FILTER (NOT isnan({name}))" for name in quoted(sorted(numbers))}
        ends = [
            "SELECT "
            + ", ".join(
                f"{end}({name}){given.get(name, '')} AS {name}" for name in quoted([*names])
            )
            for end in ("min", "max")
        ]
        query = " UNION ALL ".join(f"{end} FROM rows" for end in ends)
        return self.database.sql(query).to_arrow_table().cast(self._typed(names))

    def _column(self, name: str) -> Column:
        return COPIES if name == COPY else self.schema.column(name)

    def _typed(self, columns: Sequence[str]) -> pa.Schema:
        typed = self.schema.arrow().append(pa.field(COPY, pa.int64()))
        typed = typed.append(pa.field(PLACE, pa.int64()))
        return pa.schema([typed.field(name) for name in columns])


def _joined(batches: list[pa.RecordBatch], typed: pa.Schema) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches).cast(typed).combine_chunks()
    return table.to_batches()[0]


@contextmanager
def scanning(
    files: tuple[Path, ...], schema: Schema, not_after: datetime, home: Path
) -> Iterator[Scan]:
    """A scan of Parquet files, in a database of bounded memory that ends with it."""
    with scratch(home) as folder, database_in(folder) as database:
        time = quoted([schema.time])[0] if schema.time else "NULL"
        moment = not_after.isoformat()
        where = f"{time} IS NULL OR {time} <= TIMESTAMPTZ '{moment}'" if schema.time else "true"
        database.execute(
            f'CREATE VIEW rows AS SELECT *, {_place(files)} AS "{PLACE}" '
            f"FROM {parquet(files)} WHERE {where}"
        )
        count = number(database, "SELECT count(*) FROM rows")
        found = summary_of(files, schema.arrow().append(pa.field(COPY, pa.int64())))
        whole = all(one.rows == count for one in found.values())
        summary = dict(found) if whole else {}
        yield Scan(
            database=database,
            schema=schema,
            count=count,
            files=files,
            folder=folder,
            summary=summary,
        )


def _place(files: tuple[Path, ...]) -> str:
    """SQL of the number of a row among those of all files, one file after the other."""
    rows = [pq.read_metadata(path).num_rows for path in files]
    return f"({list(accumulate(rows, initial=0))})[file_index::BIGINT + 1] + file_row_number"
