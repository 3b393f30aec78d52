"""The rows that take part where a case has more than models learn from: found and read in batches,
so that memory holds those alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.bounds import Bound, Marks, limit_of
from pipeline.records import Sample
from pipeline.schema import Schema
from pipeline.store.bulk import copy_to
from pipeline.store.changes import COPY, quoted, same_rows
from pipeline.store.scans import Scan, scanning


@dataclass(frozen=True, kw_only=True)
class Within:
    """Which rows take part: those whose mark is at most `limit`."""

    bound: Bound
    limit: int
    sample: Sample


@dataclass(frozen=True, kw_only=True)
class Validated:
    """The rows of a table that were known at a time, less those in quarantine."""

    files: tuple[Path, ...]
    failing: pa.Table
    schema: Schema
    not_after: datetime
    home: Path

    def within(self, bound: Bound) -> Within | None:
        """Which of them take part; `None` where all do."""
        columns = list(bound.columns(self.schema))
        with self._opened() as scan:
            found = [
                bound.marks(pa.Table.from_batches([batch]), self.schema)
                for batch in scan.batches(columns, of="kept")
            ]
        marks: Marks = np.concatenate([np.empty(0, dtype=np.uint64), *found])
        limit = limit_of(marks, bound.most)
        if limit is None:
            return None
        rows = int(np.count_nonzero(marks <= np.uint64(limit)))
        return Within(
            bound=bound,
            limit=limit,
            sample=Sample(rows=rows, of=len(marks), which=bound.words),
        )

    def rows(self, within: Within) -> pa.Table:
        """Those that take part, sorted by key."""
        columns = (*self.schema.names, COPY)
        with self._opened() as scan:
            parts = [
                batch.filter(self._take_part(batch, within))
                for batch in scan.batches(columns, of="kept")
            ]
            rows = pa.Table.from_batches(parts, scan.nothing(columns).schema)
        order = [(name, "ascending") for name in (*self.schema.key, COPY)]
        return rows.sort_by(order).select(list(self.schema.names))

    def write(self, path: Path) -> None:
        """All of them as a Parquet file, by key; what memory can't hold is sorted on disk."""
        shown = ", ".join(quoted(list(self.schema.names)))
        order = ", ".join(f"{name} NULLS LAST" for name in quoted([*self.schema.key, COPY]))
        with self._opened() as scan, scan.database.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            copy_to(path, cursor, f"SELECT {shown} FROM kept ORDER BY {order}")

    def _take_part(self, batch: pa.RecordBatch, within: Within) -> pa.Array:
        marks = within.bound.marks(pa.Table.from_batches([batch]), self.schema)
        return pa.array(marks <= np.uint64(within.limit))

    @contextmanager
    def _opened(self) -> Iterator[Scan]:
        key = (*self.schema.key, COPY)
        parts = f"WHERE r.{quoted([self.schema.parts])[0]}" if self.schema.parts else ""
        with scanning(self.files, self.schema, self.not_after, self.home) as scan:
            given = self.failing.select(list(key))
            scan.database.register("given", given)
            scan.database.execute("CREATE TABLE failing AS SELECT * FROM given")
            scan.database.unregister("given")
            scan.database.execute(
                "CREATE VIEW kept AS SELECT r.* FROM rows r ANTI JOIN failing f "
                f"ON {same_rows('r', 'f', key)} {parts}"
            )
            yield scan
