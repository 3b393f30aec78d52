"""How a feed gets into the table: small ones in memory, large ones from file to file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.schema import Schema
from pipeline.store.arrivals import Arrival
from pipeline.store.bulk import database_in, parquet
from pipeline.store.changes import COPY, number, quoted
from pipeline.store.summaries import ColumnSummary, counted, summary_of
from pipeline.store.tables import Merge, Table
from pipeline.tasks import ALIKE, Task

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

RANGED = ("number", "integer", "time")


def cuttable(arrival: Arrival, task: Task, schema: Schema) -> pa.Table:
    """The feed, or of a large one what is cut and drawn: as little of it as the task will do with.

    Where every row counts, these are series, time, target and parts; without a time, categories.
    """
    if arrival.table is not None:
        return arrival.table
    alike = task.volume_columns(schema)
    if alike is not None:
        return _condensed(arrival, schema, tuple(dict.fromkeys((*alike, schema.time or alike[0]))))
    drawn = [c.name for c in schema.columns if schema.time is None and c.kind == "category"]
    asked = (*schema.series, schema.time, schema.target, schema.parts, *drawn)
    names = [name for name in dict.fromkeys(asked) if name is not None]
    texts = [name for name in names if schema.column(name).kind in ("category", "text")]
    return arrival.narrow(tuple(names), texts)


def _condensed(arrival: Arrival, schema: Schema, names: tuple[str, ...]) -> pa.Table:
    """Each combination of values once, and in column `ALIKE` how many rows have it."""
    shown = ", ".join(quoted(names))
    typed = pa.schema([schema.arrow().field(name) for name in names])
    query = (
        f'SELECT {shown}, count(*) AS "{ALIKE}" FROM {parquet([arrival.need_file()])} '
        f"GROUP BY {shown} ORDER BY {shown}"
    )
    with database_in(arrival.folder) as database:
        return database.sql(query).to_arrow_table().cast(typed.append(pa.field(ALIKE, pa.int64())))


@dataclass(frozen=True, kw_only=True)
class Window:
    """The rows of a feed that a run takes, as `cut_feed` has cut them; the same for a file."""

    schema: Schema
    as_of: datetime
    days: int | None

    def sql(self) -> str:
        """A condition; rows without a time stay."""
        if self.schema.time is None:
            return "true"
        (time,) = quoted([self.schema.time])
        ends = [f"{time} <= {_literal(self.as_of - self.schema.known_after)}"]
        if self.days:
            ends.append(f"{time} >= {_literal(self.as_of - timedelta(days=self.days))}")
        return f"({time} IS NULL OR ({' AND '.join(ends)}))"


def merge(table: Table, arrival: Arrival, rows: pa.Table, window: Window) -> Merge:
    """Brings the rows of the window into the table; `rows` are those of a small feed."""
    if arrival.file is None:
        return table.merge(rows, window.schema)
    return table.merge_file(arrival.file, window.schema, where=window.sql(), scratch=arrival.folder)


def describe_columns(arrival: Arrival, rows: pa.Table, window: Window) -> pd.DataFrame:
    """One row a column: what it is, how much is missing, and its range.

    In a large feed the number of different values is estimated, and so called.
    """
    import pandas as pd

    schema = window.schema
    if arrival.file is None:
        frame = rows.to_pandas()
        return pd.DataFrame([_described(frame[name], schema, name) for name in schema.names])
    with database_in(arrival.folder) as database:
        database.execute(
            f"CREATE VIEW rows AS SELECT * FROM {parquet([arrival.file])} WHERE {window.sql()}"
        )
        told = summary_of([arrival.file], schema.arrow().append(pa.field(COPY, pa.int64())))
        if number(database, "SELECT count(*) FROM rows") != arrival.rows:
            told = counted(database, "rows", schema.columns)
        different = _different(database, schema, told)
    return pd.DataFrame(
        [_estimated(schema, name, told[name], different[name]) for name in schema.names]
    )


def _described(values: pd.Series[Any], schema: Schema, name: str) -> dict[str, object]:
    ranged = schema.column(name).kind in RANGED
    return {
        **_told(schema, name),
        "missing (%)": round(100 * float(values.isna().mean()), 2),
        "different values": int(values.nunique()),
        "lowest": _plain(values.min()) if ranged else "",
        "highest": _plain(values.max()) if ranged else "",
    }


def _different(
    database: duckdb.DuckDBPyConnection, schema: Schema, told: Mapping[str, ColumnSummary]
) -> dict[str, int]:
    """About how many different values each column has; those that tell it already aren't read."""
    known = {
        name: int(told[name].missing < told[name].rows)
        for name in schema.names
        if told[name].missing == told[name].rows
        or (told[name].lowest is not None and told[name].lowest == told[name].highest)
    }
    asked = [name for name in schema.names if name not in known]
    if not asked:
        return known
    terms = ", ".join(f"approx_count_distinct({name})" for name in quoted(asked))
    (found,) = database.execute(f"SELECT {terms} FROM rows").fetchall()
    return {**known, **dict(zip(asked, found, strict=True))}


def _estimated(schema: Schema, name: str, told: ColumnSummary, different: int) -> dict[str, object]:
    return {
        **_told(schema, name),
        "missing (%)": round(100 * told.missing / told.rows, 2),
        "different values (about)": float(f"{different:.2g}"),
        "lowest": _plain(told.lowest),
        "highest": _plain(told.highest),
    }


def _told(schema: Schema, name: str) -> dict[str, object]:
    column = schema.column(name)
    return {"column": name, "what it is": column.description, "unit": column.unit}


def _plain(value: Any) -> object:
    import pandas as pd

    if value is None or pd.isna(value):
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else round(float(value), 4)


def _literal(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"
