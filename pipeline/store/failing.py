"""Rows that failed an expectation, however many: noted by place, and written to one file.

Notes are a few bits a row, in a file that the system may page out. Whole rows are read a group at
a time, and only of groups in which one failed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.schema import Schema
from pipeline.store.arrivals import ROWS_PER_GROUP
from pipeline.store.bulk import parquet
from pipeline.store.changes import COPY, quoted
from pipeline.store.scans import Scan
from pipeline.store.tables import Table

REASON = "failed expectations"
"""Names of the expectations that a row failed, in the order of the suite, comma-separated."""
BITS = 64
"""Expectations that are marked in one whole number."""

Marks = NDArray[np.uint64]
"""One row for each row of the files, one bit for each expectation."""


@dataclass(kw_only=True)
class Failing:
    """The rows of a scan that failed, by their places, and what each of them failed."""

    rows: Scan
    order: Sequence[str]
    """Names of the expectations, as the suite has them."""
    _marks: Marks | None = field(default=None, init=False)

    def note(self, places: NDArray[np.int64], name: str) -> None:
        """The rows at these places failed the expectation."""
        if self._marks is None:
            self._marks = self._unmarked()
        place = self.order.index(name)
        self._marks[places, place // BITS] |= np.uint64(1 << place % BITS)

    def rows_with_reasons(self) -> HeldRows | FiledRows:
        """Whole rows with their reason in column `REASON`, by key, while the scan is open."""
        typed = typed_with_reason(self.rows.schema)
        if self._marks is None:
            return HeldRows(table=typed.empty_table())
        path = self._new_file()
        last, ordered = typed.empty_table(), True
        with pq.ParquetWriter(path, typed, compression="snappy") as writer:
            for rows in _grouped(self._failed(self._marks)):
                writer.write_table(rows)
                ordered = ordered and _are_ordered(pa.concat_tables([last, rows]), self.rows.key)
                last = rows.slice(rows.num_rows - 1)
        return FiledRows(file=path if ordered else self._sorted(path), rows=self.rows)

    def _unmarked(self) -> Marks:
        rows = sum(pq.read_metadata(path).num_rows for path in self.rows.files)
        shape = (rows, -(-len(self.order) // BITS))
        return np.memmap(self.rows.folder / "marks", np.uint64, "w+", shape=shape)

    def _failed(self, marks: Marks) -> Iterator[pa.Table]:
        """The marked rows with their reasons, in the order of the files."""
        named = self.rows.schema.arrow().append(pa.field(COPY, pa.int64()))
        texts = [field.name for field in named if pa.types.is_string(field.type)]
        start = 0
        for path in self.rows.files:
            with pq.ParquetFile(path, read_dictionary=texts) as file:
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    if marks[start : start + rows].any():
                        yield from self._failed_of(file, group, marks[start : start + rows], named)
                    start += rows

    def _failed_of(
        self, file: pq.ParquetFile, group: int, marks: Marks, named: pa.Schema
    ) -> Iterator[pa.Table]:
        start = 0
        for rows in _read(file, group, named.names):
            here = marks[start : start + rows.num_rows]
            start += rows.num_rows
            failing = np.flatnonzero(here.any(axis=1))
            # Texts are dictionaries until only the failing rows are left.
            taken = rows.select(named.names).take(pa.array(failing)).cast(named)
            yield taken.append_column(REASON, self._reasons(here[failing]))

    def _reasons(self, marks: Marks) -> pa.Array:
        """What each of some marked rows failed, in words."""
        alike = np.zeros(len(marks), np.int64)
        for column in marks.T:
            values, which = np.unique(column, return_inverse=True)
            alike = alike * len(values) + which
        _, first, which = np.unique(alike, return_index=True, return_inverse=True)
        words = [
            ", ".join(
                name
                for place, name in enumerate(self.order)
                if int(row[place // BITS]) >> place % BITS & 1
            )
            for row in marks[first]
        ]
        return pa.array(words, pa.string()).take(pa.array(which))

    def _sorted(self, unordered: Path) -> Path:
        """Another file of the same rows, by key; the database spills to disk for it."""
        path = self._new_file()
        name = str(path).replace("'", "''")
        order = ", ".join(f"{name} NULLS LAST" for name in quoted(list(self.rows.key)))
        query = f"SELECT * FROM {parquet([unordered])} ORDER BY {order}"
        # A cursor of its own: the database may be asked from another thread meanwhile.
        with self.rows.database.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(f"COPY ({query}) TO '{name}' (FORMAT parquet, COMPRESSION snappy)")
        unordered.unlink()
        return path

    def _new_file(self) -> Path:
        return self.rows.folder / f"{uuid.uuid4().hex}.parquet"


def _read(file: pq.ParquetFile, group: int, names: list[str]) -> Iterator[pa.Table]:
    """The rows of a group: at once, which is quicker, unless they are very many."""
    if file.metadata.row_group(group).num_rows <= 2 * ROWS_PER_GROUP:
        yield file.read_row_group(group, columns=names)
        return
    for batch in file.iter_batches(ROWS_PER_GROUP, row_groups=[group], columns=names):
        yield pa.Table.from_batches([batch])


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables, so that those of a file aren't many and small."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _are_ordered(rows: pa.Table, key: Sequence[str]) -> bool:
    """Whether rows of different keys are sorted by them, nulls last."""
    by = [(name, "ascending") for name in key]
    order = pc.sort_indices(rows, sort_keys=by).to_numpy()
    return bool((order == np.arange(rows.num_rows)).all())


@dataclass(frozen=True, kw_only=True)
class HeldRows:
    """Quarantined rows in memory, with column `REASON`."""

    table: pa.Table

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    def counts(self, columns: Sequence[str], most: int) -> pa.Table:
        """How many rows (column `rows`) have each combination of values, in the order of these:
        the first so many.
        """
        found = self.table.group_by(list(columns)).aggregate([([], "count_all")])
        ordered = found.sort_by([(name, "ascending") for name in columns])
        return ordered.rename_columns([*columns, "rows"]).slice(0, most)

    def put(self, into: Table) -> int:
        """Makes them the table's newest version, if they aren't; gives its number."""
        return into.replace(self.table)


@dataclass(frozen=True, kw_only=True)
class FiledRows:
    """The same in a file, which becomes one of the table that it is put into."""

    file: Path
    rows: Scan

    @property
    def count(self) -> int:
        """As of `HeldRows`."""
        return int(pq.read_metadata(self.file).num_rows)

    def counts(self, columns: Sequence[str], most: int) -> pa.Table:
        """As of `HeldRows`."""
        shown = ", ".join(quoted(list(columns)))
        order = ", ".join(f"{name} NULLS LAST" for name in quoted(list(columns)))
        query = f"SELECT {shown}, count(*) AS rows FROM {parquet([self.file])} GROUP BY {shown}"
        return self.rows.database.sql(f"{query} ORDER BY {order} LIMIT {most}").to_arrow_table()

    def put(self, into: Table) -> int:
        """As of `HeldRows`; afterwards the file is the table's."""
        return into.replace_file(self.file, typed_with_reason(self.rows.schema))


def typed_with_reason(schema: Schema) -> pa.Schema:
    """Columns of the table of quarantine."""
    named = schema.arrow().append(pa.field(COPY, pa.int64()))
    return named.append(pa.field(REASON, pa.string()))
