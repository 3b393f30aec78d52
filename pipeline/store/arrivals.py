"""What a feed brings: in memory when it is small, else in one Parquet file until it is merged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StateError
from pipeline.schema import Schema
from pipeline.store.changes import COPY
from pipeline.store.encodings import STEPS, stepping
from pipeline.store.summaries import Summary

LARGE = 250_000
"""Rows from which a feed goes through files, so that memory doesn't grow with it."""
ROWS_PER_GROUP = 100_000
"""Rows of the file that are encoded together; a query can skip those that hold nothing for it."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A feed's rows: a table, or a large file with column `copy`, 0 throughout, beside them."""

    rows: int
    table: pa.Table | None
    file: Path | None
    folder: Path
    """For scratch files; removed afterwards."""

    def need_file(self) -> Path:
        """The file of a large feed."""
        if self.file is None:
            raise StateError("a small feed has no file")
        return self.file

    def narrow(self, names: tuple[str, ...], texts: list[str]) -> pa.Table:
        """Some columns of a large feed, in memory, texts as dictionaries."""
        read = pq.read_table(self.file, columns=list(names), read_dictionary=texts)
        return read.unify_dictionaries()


@contextmanager
def arriving(batches: Iterable[pa.RecordBatch], schema: Schema, home: Path) -> Iterator[Arrival]:
    """Takes a feed in; raises what the feed raises, and `StateError` when the disk is full."""
    with scratch(home) as folder:
        first: list[pa.RecordBatch] = []
        held, rest = 0, iter(batches)
        for batch in rest:
            first.append(batch)
            held += batch.num_rows
            if held > LARGE:
                rows = _write(folder / "feed.parquet", chain(first, rest), schema)
                yield Arrival(rows=rows, table=None, file=folder / "feed.parquet", folder=folder)
                return
        table = pa.Table.from_batches(first, schema.arrow())
        yield Arrival(rows=table.num_rows, table=table, file=None, folder=folder)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """A folder of the home for large work, removed at the end."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=home, prefix=".scratch-"))
    except OSError as error:
        raise StateError.for_failed_write(home, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, batches: Iterable[pa.RecordBatch], schema: Schema) -> int:
    typed = schema.arrow().append(pa.field(COPY, pa.int64()))
    # What a query can skip by: of texts the lowest and highest cost more than they save.
    ordered = [field.name for field in typed if not pa.types.is_string(field.type)]
    # A key of one column differs from row to row: a dictionary of it is as long as it is.
    alone = schema.key if len(schema.key) == 1 else ()
    as_steps = stepping(schema)
    repeating = [name for name in typed.names if name not in {*alone, *as_steps}]
    rows = 0
    try:
        with (
            pq.ParquetWriter(
                path,
                typed,
                compression="snappy",
                write_statistics=ordered,
                use_dictionary=repeating,
                column_encoding=dict.fromkeys(as_steps, STEPS),
            ) as writer,
            ThreadPoolExecutor(1) as beside,
        ):
            summary = Summary()
            writing: Future[None] | None = None
            for group in _groups(batches, schema, typed):
                rows += group.num_rows
                if writing is not None:
                    writing.result()
                writing = beside.submit(writer.write_table, group)
                summary.add(group)
            if writing is not None:
                writing.result()
            writer.add_key_value_metadata(summary.footer())
    except OSError as error:
        raise StateError.for_failed_write(path, error) from error
    return rows


def _groups(
    batches: Iterable[pa.RecordBatch], schema: Schema, typed: pa.Schema
) -> Iterator[pa.Table]:
    """The rows in tables of about `ROWS_PER_GROUP`, with their column `copy`."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        columns = [batch.column(name) for name in schema.names]
        copies = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
        waiting.append(pa.RecordBatch.from_arrays([*columns, copies], schema=typed))
        held += batch.num_rows
        if held >= ROWS_PER_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting, held = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
