"""Delta tables of a case. A merge is by key, counted, and one commit: whole or absent.

A key that comes more than once with different values is kept as often as it comes, numbered in
column `copy`; the expectation of unique keys then finds all of them. A later feed in which the
key is unique again withdraws the other copies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StateError
from pipeline.schema import Schema
from pipeline.store import bulk
from pipeline.store.changes import COPY, Changes, Counts, changes, same_rows
from pipeline.store.encodings import stepping, written

if TYPE_CHECKING:
    from deltalake import DeltaTable


ROWS_COMPARED = 65_536
"""Rows of a file that are compared at once."""
_COMMIT = re.compile(r"\d{20}\.json")


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What a merge did; `version` is the table's version after it."""

    version: int
    rows: int
    changes: Counts


@dataclass(frozen=True, kw_only=True)
class Table:
    """One Delta table, by the folder that it lives in."""

    path: Path

    def exists(self) -> bool:
        from deltalake import DeltaTable

        return DeltaTable.is_deltatable(str(self.path))

    def version(self) -> int | None:
        """The newest version, or `None` before the first write."""
        return self._open(None).version() if self.exists() else None

    def newest_version(self) -> int | None:
        """The same as `version`, from the names of its commits alone: nothing is imported or read.

        A commit is one file named after its version (Delta protocol, "Delta Log Entries").
        """
        log = self.path / "_delta_log"
        names = [entry.name for entry in log.iterdir()] if log.is_dir() else []
        return max((int(name[:20]) for name in names if _COMMIT.fullmatch(name)), default=None)

    def count(self, version: int | None = None) -> int:
        """Rows at a version (default: the newest)."""
        return int(self._open(version).count())

    def read(
        self,
        version: int | None = None,
        *,
        time: str | None = None,
        not_after: datetime | None = None,
        columns: list[str] | None = None,
    ) -> pa.Table:
        """The rows at a version, those with `time` up to `not_after`, in the order of storage.

        Raises `StateError` for a table, a version or a data file that can't be read.
        """
        import pyarrow.dataset as ds

        opened = self._open(version)
        condition = None
        if time is not None and not_after is not None:
            field = ds.field(time)
            condition = (
                field <= pa.scalar(not_after, pa.timestamp("us", tz="UTC"))
            ) | field.is_null()
        try:
            dataset = ds.dataset(self._paths(opened), schema=pa.schema(opened.schema()))
            return dataset.to_table(columns=columns, filter=condition)
        except (OSError, pa.ArrowException) as error:
            raise StateError.for_damaged_file(self.path, str(error)) from error

    def files(self, version: int | None = None) -> tuple[Path, ...]:
        """The Parquet files that hold the rows at a version."""
        return tuple(Path(path) for path in self._paths(self._open(version)))

    def merge(self, rows: pa.Table, schema: Schema) -> Merge:
        """Brings rows in by key; nothing new is no commit. Raises `StateError`."""
        existing = self.read() if self.exists() else None
        if existing is not None:
            self._require_columns(existing.column_names, schema)
        change = changes(existing, rows, schema)
        if existing is None:
            # Not "append": a table that another process has made meanwhile is not added to.
            self._write(change.upserts, "error", stepping(schema))
        elif change.any:
            self._merge_into(change, schema)
        version = self.version()
        if version is None:
            raise StateError.for_damaged_file(self.path, "no table after a write")
        return Merge(version=version, rows=self.count(), changes=change)

    def merge_file(self, feed: Path, schema: Schema, *, where: str, scratch: Path) -> Merge:
        """What `merge` does, for the rows `where` (SQL) of a file that needn't fit into memory.

        The file is taken over as it is where the table is new and has all of its rows.
        """
        import duckdb
        from deltalake.exceptions import DeltaError

        existing = self.files() if self.exists() else ()
        if existing:
            self._require_columns(self._columns(), schema)
        typed = schema.arrow().append(pa.field(COPY, pa.int64()))
        try:
            with bulk.database_in(scratch) as database:
                counts = bulk.compare(database, feed, existing, schema, where)
                if not self.exists():
                    whole = counts.inserted == pq.read_metadata(feed).num_rows
                    new = (
                        feed
                        if whole and not counts.conflicting
                        else bulk.write_new(database, scratch)
                    )
                    bulk.commit(self.path, new, typed, "append")
                elif counts.updated or counts.withdrawn:
                    new = bulk.write_whole(database, scratch, schema)
                    bulk.commit(self.path, new, typed, "overwrite")
                elif counts.inserted:
                    bulk.commit(self.path, bulk.write_inserted(database, scratch), typed, "append")
        except (OSError, duckdb.Error, DeltaError) as error:
            raise StateError.for_failed_write(self.path, error) from error
        return Merge(version=self._open(None).version(), rows=self.count(), changes=counts)

    def _columns(self) -> list[str]:
        return [field.name for field in self._open(None).schema().fields]

    def _require_columns(self, held: list[str], schema: Schema) -> None:
        if set(held) != {*schema.names, COPY}:
            raise StateError.for_other_columns(self.path, held, schema.names)

    def replace(self, rows: pa.Table) -> int:
        """Makes `rows` the table's newest version; the same rows again are no commit."""
        if self.exists() and _same(self.read(), rows):
            return self._open(None).version()
        self._write(rows, "overwrite", ())
        return self._open(None).version()

    def replace_file(self, new: Path, typed: pa.Schema) -> int:
        """What `replace` does, for a Parquet file of rows that needn't fit into memory."""
        from deltalake.exceptions import DeltaError

        try:
            if self.exists() and self._holds(new, typed):
                return self._open(None).version()
            bulk.commit(self.path, new, typed, "overwrite")
        except (OSError, DeltaError) as error:
            raise StateError.for_failed_write(self.path, error) from error
        return self._open(None).version()

    def _holds(self, new: Path, typed: pa.Schema) -> bool:
        """Whether the newest version holds the rows of a file, in their order."""
        held = self.files()
        rows = sum(pq.read_metadata(path).num_rows for path in held)
        if rows != pq.read_metadata(new).num_rows or self._columns() != typed.names:
            return False
        try:
            return _same_streams(_streamed(held, typed), _streamed((new,), typed))
        except pa.ArrowException:
            return False

    def forget_all_but(self, versions: Iterable[int]) -> int:
        """Removes the data files of all versions but these and the newest; gives how many.

        The table's log, and so the numbers of its versions, stay as they are.
        """
        if not self.exists():
            return 0
        newest = self._open(None)
        unused = newest.vacuum(
            retention_hours=0,
            enforce_retention_duration=False,
            dry_run=True,
            keep_versions=sorted({*versions, newest.version()}),
        )
        for name in unused:
            (self.path / name).unlink(missing_ok=True)
        return len(unused)

    def _paths(self, opened: DeltaTable) -> list[str]:
        # Files are read by path: through deltalake's own filesystem, Arrow's threads call back
        # into Python and now and then abort the process while it exits. Only the names are
        # taken from deltalake, which writes a space in a folder's name as %20.
        return [str(self.path / Path(uri).name) for uri in opened.file_uris()]

    def _open(self, version: int | None) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            return DeltaTable(str(self.path), version=version)
        except DeltaError as error:
            raise StateError.for_damaged_file(self.path, str(error)) from error

    def _write(self, rows: pa.Table, mode: Any, steps: Sequence[str]) -> None:
        from deltalake import write_deltalake
        from deltalake.exceptions import DeltaError

        try:
            write_deltalake(
                str(self.path),
                rows,
                mode=mode,
                schema_mode=_schema_mode(mode),
                writer_properties=written(steps),
            )
        except (OSError, DeltaError) as error:
            raise StateError.for_failed_write(self.path, error) from error

    def _merge_into(self, change: Changes, schema: Schema) -> None:
        from deltalake.exceptions import DeltaError

        same = same_rows("t", "s", (*schema.key, COPY))
        values = {name: f"s.{name}" for name in (*schema.names, COPY)}
        try:
            (
                self._open(None)
                .merge(
                    change.with_operation(),
                    predicate=same,
                    source_alias="s",
                    target_alias="t",
                    writer_properties=written(stepping(schema)),
                )
                .when_matched_delete(predicate="s.withdrawn")
                .when_matched_update(updates=values)
                .when_not_matched_insert(updates=values)
                .execute()
            )
        except (OSError, DeltaError) as error:
            raise StateError.for_failed_write(self.path, error) from error


def _same(held: pa.Table, rows: pa.Table) -> bool:
    """Whether the tables agree, whatever types storage has made of the columns."""
    if held.column_names != rows.column_names:
        return False
    try:
        return bool(held.cast(rows.schema).equals(rows))
    except pa.ArrowException:
        return False


def _streamed(files: Iterable[Path], typed: pa.Schema) -> Iterator[pa.Table]:
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_COMPARED):
                yield pa.Table.from_batches([batch]).select(typed.names).cast(typed)


def _same_streams(one: Iterator[pa.Table], other: Iterator[pa.Table]) -> bool:
    """Whether both hold the same rows in the same order, wherever they are cut."""
    left, right = next(one, None), next(other, None)
    while left is not None and right is not None:
        common = min(left.num_rows, right.num_rows)
        if not left.slice(0, common).equals(right.slice(0, common)):
            return False
        left = left.slice(common) if left.num_rows > common else next(one, None)
        right = right.slice(common) if right.num_rows > common else next(other, None)
    return left is None and right is None


def _schema_mode(mode: str) -> Any:
    return "overwrite" if mode == "overwrite" else None
