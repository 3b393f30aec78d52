"""Merges of feeds that don't fit into memory: the same counts and rows, from file to file.

DuckDB compares the feed's file with those of the table, spills to disk and writes one new file.
A commit names it: whole or absent, as with any other merge.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schema import Schema
from pipeline.store.changes import (
    COPY,
    Counts,
    inserted,
    number,
    numbered,
    quoted,
    revisions,
    same_rows,
    updated,
    withdrawn,
)

if TYPE_CHECKING:
    import duckdb

MEMORY = "384MB"
MOST_SORTED = 5_000_000
"""Keys that are sorted in memory, 16 bytes each; of more, SQL tells, and spills to disk."""
THREADS = 2


@contextmanager
def database_in(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of bounded memory that spills to the folder."""
    import duckdb

    limits: dict[str, Any] = {
        "threads": THREADS,
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "spill"),
    }
    with duckdb.connect(str(folder / f"{uuid.uuid4().hex}.db"), config=limits) as database:
        database.execute("SET TimeZone = 'UTC'")
        yield database


def parquet(files: tuple[Path, ...] | list[Path]) -> str:
    """SQL of the rows of Parquet files.

    Arrow writes no statistics of NaN, which DuckDB takes to say that there is none.
    """
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    return f"read_parquet([{names}], can_have_nan = true)"


def compare(
    database: duckdb.DuckDBPyConnection,
    feed: Path,
    existing: tuple[Path, ...],
    schema: Schema,
    where: str,
) -> Counts:
    """What the feed's rows `where` change; leaves views for `write`, as `changes` names them."""
    names = ", ".join(quoted(schema.names))
    columns = ", ".join(quoted((*schema.names, COPY)))
    key = ", ".join(quoted(schema.key))
    database.execute(f"CREATE VIEW feed AS SELECT {names} FROM {parquet([feed])} WHERE {where}")
    read = number(database, "SELECT count(*) FROM feed")
    repeated = f"SELECT 1 FROM feed GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
    unique = _differ(feed, schema) or not database.execute(repeated).fetchall()
    one = f"SELECT {names}, 0::BIGINT AS {COPY} FROM feed"
    database.execute(
        f"CREATE VIEW incoming AS {one}"
        if unique
        else f"CREATE TABLE incoming AS {numbered(schema)}"
    )
    held = f"SELECT {columns} FROM {parquet(existing)}" if existing else f"{one} WHERE false"
    database.execute(f"CREATE VIEW existing AS {held}")
    if not existing:
        distinct = read if unique else number(database, "SELECT count(*) FROM incoming")
        return _counts(database, read, distinct, (distinct, 0, 0), ())
    for name, query in (("inserted", inserted), ("updated", updated), ("withdrawn", withdrawn)):
        database.execute(f"CREATE TABLE {name} AS {query(schema)}")
    found = [
        number(database, f"SELECT count(*) FROM {n}") for n in ("inserted", "updated", "withdrawn")
    ]
    distinct = number(database, "SELECT count(*) FROM incoming")
    changed = revisions(database, schema)
    return _counts(database, read, distinct, (found[0], found[1], found[2]), changed)


def _differ(feed: Path, schema: Schema) -> bool:
    """Whether all rows of the file surely differ in a key of one whole number: quicker than SQL."""
    import numpy as np

    (first, *others) = schema.key
    if others or schema.column(first).kind != "integer":
        return False
    if pq.read_metadata(feed).num_rows > MOST_SORTED:
        return False
    keys = pq.read_table(feed, columns=[first])[first]
    if keys.null_count:
        return False
    ordered = np.sort(keys.to_numpy())
    return not bool((ordered[1:] == ordered[:-1]).any())


def _counts(
    database: duckdb.DuckDBPyConnection,
    read: int,
    distinct: int,
    found: tuple[int, int, int],
    changed: tuple[tuple[str, float, float], ...],
) -> Counts:
    new, other, gone = found
    return Counts(
        inserted=new,
        updated=other,
        unchanged=distinct - new - other,
        withdrawn=gone,
        duplicates=read - distinct,
        conflicting=number(database, f"SELECT count(*) FROM incoming WHERE {COPY} > 0"),
        revisions=changed,
    )


def write_new(database: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    """A file of all that came, for a table that isn't there yet."""
    return _copy(database, folder, "SELECT * FROM incoming")


def write_inserted(database: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    """A file of the new rows alone, for a feed that changes no others."""
    return _copy(database, folder, "SELECT * FROM inserted")


def write_whole(database: duckdb.DuckDBPyConnection, folder: Path, schema: Schema) -> Path:
    """A file of the whole table after the merge."""
    gone = " ".join(
        f"ANTI JOIN {name} ON {same_rows('existing', name, (*schema.key, COPY))}"
        for name in ("updated", "withdrawn")
    )
    return _copy(
        database,
        folder,
        f"SELECT existing.* FROM existing {gone} "
        "UNION ALL SELECT * FROM updated UNION ALL SELECT * FROM inserted",
    )


def commit(path: Path, new: Path, typed: pa.Schema, mode: Any) -> None:
    """Moves the file into the table's folder and makes it part of the next version."""
    from deltalake import DeltaTable
    from deltalake import Schema as DeltaSchema
    from deltalake.transaction import AddAction, create_table_with_add_actions

    path.mkdir(parents=True, exist_ok=True)
    placed = path / f"part-{uuid.uuid4().hex}.parquet"
    rows = pq.read_metadata(new).num_rows
    new.replace(placed)
    action = AddAction(
        path=placed.name,
        size=placed.stat().st_size,
        partition_values={},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": rows}),
    )
    form = DeltaSchema.from_arrow(typed)
    if DeltaTable.is_deltatable(str(path)):
        DeltaTable(str(path)).create_write_transaction([action], mode, form)
    else:
        create_table_with_add_actions(str(path), form, [action])


def copy_to(path: Path, database: duckdb.DuckDBPyConnection, query: str) -> None:
    """Writes the answer to a Parquet file; what memory can't hold of it goes over the disk."""
    name = str(path).replace("'", "''")
    database.execute(f"COPY ({query}) TO '{name}' (FORMAT parquet, COMPRESSION zstd)")


def _copy(database: duckdb.DuckDBPyConnection, folder: Path, query: str) -> Path:
    path = folder / f"{uuid.uuid4().hex}.parquet"
    copy_to(path, database, query)
    return path
