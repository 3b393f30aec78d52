"""Rows that failed an expectation, however many: noted by key, and written to one file.

Notes lie in the scan's database, which spills to disk. Nothing here grows with the rows in memory.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schema import Schema
from pipeline.store.bulk import parquet
from pipeline.store.changes import COPY, quoted, same_rows
from pipeline.store.scans import Scan
from pipeline.store.tables import Table

REASON = "failed expectations"
"""Names of the expectations that a row failed, in the order of the suite, comma-separated."""
BITS = 62
"""Expectations that are marked in one whole number."""


@dataclass(kw_only=True)
class Failing:
    """The rows of a scan that failed, by their keys, and what each of them failed."""

    rows: Scan
    order: Sequence[str]
    """Names of the expectations, as the suite has them."""
    some: bool = field(default=False, init=False)

    def note(self, keys: pa.Table, name: str) -> None:
        """Rows of these keys failed the expectation; `keys` has no other columns."""
        key, place = ", ".join(quoted(keys.column_names)), self.order.index(name)
        marks = [1 << place % BITS if n == place // BITS else 0 for n in range(len(self._marks))]
        told = ", ".join(f"{m}::BIGINT AS {n}" for m, n in zip(marks, self._marks, strict=True))
        database = self.rows.database
        database.register("noted", keys)
        query = f"SELECT {key}, {told} FROM noted"
        database.execute(
            f"INSERT INTO failing {query}" if self.some else f"CREATE TABLE failing AS {query}"
        )
        database.unregister("noted")
        self.some = True

    def rows_with_reasons(self) -> HeldRows | FiledRows:
        """Whole rows with their reason in column `REASON`, by key, while the scan is open."""
        if not self.some:
            return HeldRows(table=typed_with_reason(self.rows.schema).empty_table())
        key, marks = quoted(list(self.rows.key)), ", ".join(self._marks)
        either = ", ".join(f"bit_or({name}) AS {name}" for name in self._marks)
        database = self.rows.database
        database.execute(
            f"CREATE OR REPLACE TABLE marked AS SELECT {', '.join(key)}, {either} FROM failing "
            f"GROUP BY {', '.join(key)}"
        )
        database.register("reasons", self._reasons(marks))
        shown = ", ".join(f"r.{name}" for name in quoted([*self.rows.schema.names, COPY]))
        path = self.rows.folder / f"{uuid.uuid4().hex}.parquet"
        name = str(path).replace("'", "''")
        database.execute(
            f'COPY (SELECT {shown}, reasons."{REASON}" FROM rows r JOIN marked ON {self._same()} '
            f"JOIN reasons USING ({marks}) "
            f"ORDER BY {', '.join(f'r.{name} NULLS LAST' for name in key)}) "
            f"TO '{name}' (FORMAT parquet, COMPRESSION snappy)"
        )
        database.unregister("reasons")
        return FiledRows(file=path, rows=self.rows)

    @property
    def _marks(self) -> list[str]:
        """Columns of bits, one an expectation."""
        return [f"marks_{n}" for n in range(-(-len(self.order) // BITS))]

    def _reasons(self, marks: str) -> pa.Table:
        """Each combination of marks that is there, in words."""
        found = self.rows.database.sql(f"SELECT DISTINCT {marks} FROM marked").to_arrow_table()
        words = [
            ", ".join(
                name
                for place, name in enumerate(self.order)
                if row[self._marks[place // BITS]] >> place % BITS & 1
            )
            for row in found.to_pylist()
        ]
        return found.append_column(REASON, pa.array(words, pa.string()))

    def _same(self) -> str:
        """SQL that joins by key: a plain comparison, which is quicker, where no key is missing."""
        told = self.rows.told(list(self.rows.key))
        if any(one.missing for one in told.values()):
            return same_rows("r", "marked", self.rows.key)
        return " AND ".join(f"r.{name} = marked.{name}" for name in quoted(list(self.rows.key)))


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
