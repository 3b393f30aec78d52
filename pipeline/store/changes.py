"""What a feed changes in a table: inserted, updated, unchanged, withdrawn, all counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.schema import Schema

if TYPE_CHECKING:
    import duckdb

COPY = "copy"
LARGEST_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many rows a feed changed in a table, and its largest changes of the target."""

    inserted: int
    updated: int
    unchanged: int
    withdrawn: int
    duplicates: int
    conflicting: int
    revisions: tuple[tuple[str, float, float], ...]
    """Key, value before and value after."""

    @property
    def any(self) -> bool:
        return bool(self.inserted or self.updated or self.withdrawn)


@dataclass(frozen=True, kw_only=True)
class Changes(Counts):
    """Rows to write and the counts behind them."""

    upserts: pa.Table
    withdrawals: pa.Table

    def with_operation(self) -> pa.Table:
        """Upserts and withdrawals in one table, told apart by column `withdrawn`."""
        return pa.concat_tables(
            [
                rows.append_column("withdrawn", pa.array([flag] * rows.num_rows, pa.bool_()))
                for rows, flag in ((self.upserts, False), (self.withdrawals, True))
            ]
        )


def changes(existing: pa.Table | None, incoming: pa.Table, schema: Schema) -> Changes:
    """Compares by key. Equal rows within the feed count as duplicates and are kept once."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("feed", incoming)
        database.execute(f"CREATE TEMP TABLE incoming AS {numbered(schema)}")
        if existing is not None:
            database.register("existing", existing)
        else:
            database.register("existing", _typed(incoming.schema).empty_table())
        return _compare(database, incoming.num_rows, schema, _typed(incoming.schema))


def rows_without(rows: pa.Table, others: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The rows whose key is not among the others', sorted by key; a null equals a null."""
    import duckdb

    order = ", ".join(f"r.{name}" for name in quoted(key))
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("all_rows", rows)
        database.register("others", others)
        query = (
            f"SELECT r.* FROM all_rows r ANTI JOIN others o ON {same_rows('r', 'o', key)} "
            f"ORDER BY {order}"
        )
        return _table(database, query, rows.schema)


def numbered(schema: Schema) -> str:
    """SQL of the rows of `feed`, equal ones once, those of one key numbered in column `copy`."""
    columns, key = ", ".join(quoted(schema.names)), ", ".join(quoted(schema.key))
    return (
        f"SELECT {columns}, "
        f"row_number() OVER (PARTITION BY {key} ORDER BY {columns}) - 1 AS {COPY} "
        f"FROM (SELECT DISTINCT {columns} FROM feed)"
    )


def inserted(schema: Schema) -> str:
    """SQL of the rows of `incoming` whose key is not among the `existing`."""
    matched = same_rows("i", "e", (*schema.key, COPY))
    return f"SELECT i.* FROM incoming i ANTI JOIN existing e ON {matched}"


def updated(schema: Schema) -> str:
    """SQL of the rows of `incoming` whose key is held with other values."""
    key = (*schema.key, COPY)
    different = " OR ".join(
        f"i.{name} IS DISTINCT FROM e.{name}" for name in quoted(schema.names) if name not in key
    )
    return (
        f"SELECT i.* FROM incoming i JOIN existing e ON {same_rows('i', 'e', key)} "
        f"WHERE {different}"
    )


def withdrawn(schema: Schema) -> str:
    """SQL of the further copies of keys that are held and that `incoming` has fewer of."""
    return (
        f"SELECT e.* FROM (SELECT * FROM existing WHERE {COPY} > 0) e "
        f"SEMI JOIN incoming i ON {same_rows('i', 'e', schema.key)} "
        f"ANTI JOIN incoming i ON {same_rows('i', 'e', (*schema.key, COPY))}"
    )


def _compare(
    database: duckdb.DuckDBPyConnection, read: int, schema: Schema, typed: pa.Schema
) -> Changes:
    order = ", ".join(f"i.{name}" for name in quoted((*schema.key, COPY)))
    new = _table(database, f"{inserted(schema)} ORDER BY {order}", typed)
    other = _table(database, f"{updated(schema)} ORDER BY {order}", typed)
    gone = _table(database, f"{withdrawn(schema)} ORDER BY ALL", typed)
    distinct = number(database, "SELECT count(*) FROM incoming")
    return Changes(
        upserts=pa.concat_tables([new, other]),
        withdrawals=gone,
        inserted=new.num_rows,
        updated=other.num_rows,
        unchanged=distinct - new.num_rows - other.num_rows,
        withdrawn=gone.num_rows,
        duplicates=read - distinct,
        conflicting=number(database, f"SELECT count(*) FROM incoming WHERE {COPY} > 0"),
        revisions=revisions(database, schema),
    )


def revisions(
    database: duckdb.DuckDBPyConnection, schema: Schema
) -> tuple[tuple[str, float, float], ...]:
    """Key, value before and after of the largest changes of the target."""
    matched = same_rows("i", "e", (*schema.key, COPY))
    target = quoted([schema.target])[0]
    label = " || ' ' || ".join(
        f"coalesce(CAST(i.{name} AS VARCHAR), '?')" for name in quoted(schema.key)
    )
    found = database.execute(
        f"SELECT {label}, TRY_CAST(e.{target} AS DOUBLE), TRY_CAST(i.{target} AS DOUBLE) "
        f"FROM incoming i JOIN existing e ON {matched} "
        f"WHERE TRY_CAST(i.{target} AS DOUBLE) <> TRY_CAST(e.{target} AS DOUBLE) "
        f"ORDER BY abs(TRY_CAST(i.{target} AS DOUBLE) - TRY_CAST(e.{target} AS DOUBLE)) DESC, 1 "
        f"LIMIT {LARGEST_SHOWN}"
    ).fetchall()
    return tuple((str(row[0]), float(row[1]), float(row[2])) for row in found)


def _typed(feed: pa.Schema) -> pa.Schema:
    return feed.append(pa.field(COPY, pa.int64()))


def quoted(names: tuple[str, ...] | list[str]) -> list[str]:
    """Names of columns as SQL identifiers."""
    return ['"' + name.replace('"', '""') + '"' for name in names]


def same_rows(left: str, right: str, names: tuple[str, ...]) -> str:
    """SQL that is true where two rows agree in `names`; a null equals a null."""
    return " AND ".join(
        f"({left}.{name} IS NOT DISTINCT FROM {right}.{name})" for name in quoted(names)
    )


def _table(database: duckdb.DuckDBPyConnection, query: str, typed: pa.Schema) -> pa.Table:
    return database.sql(query).to_arrow_table().cast(typed)


def number(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives."""
    ((found,),) = database.execute(query).fetchall()
    return int(found)
