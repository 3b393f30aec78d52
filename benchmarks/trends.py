"""A question with three conditions over 10 million rows, asked of the Parquet files of a table.

Hourly values of 60 series over 19 years, in the order in which ingestion stores them, by series
and time. `python -m benchmarks.trends` prints one JSON line: the median and the slowest of the
warm answers in milliseconds, the median with the same rows in no order at all, and the same
question asked of pandas over columns already in memory; `ratio` is ours over theirs.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schema import Column, Schema
from pipeline.store.encodings import stepping, written
from pipeline.store.tables import Table
from pipeline.trends import Answer, Observations, Question

SCHEMA = Schema(
    columns=(
        Column(name="series", kind="category", description="one of 500"),
        Column(name="time", kind="time", description="an hour of 20 years"),
        Column(name="value", kind="number", description="0 to 1000"),
        Column(name="temperature", kind="number", description="-10 to 35"),
        Column(name="kind", kind="category", description="one of 7"),
    ),
    key=("series", "time"),
    target="value",
    time="time",
)
QUESTION = {
    "by": ("series",),
    "bucket": "year",
    "where": ("kind in b,c", "temperature < 20", "time >= 2015-01-01"),
}
HOURS = 166_560
GENERATED = """
SELECT 'series ' || lpad((place // {hours})::VARCHAR, 4, '0') AS series,
       TIMESTAMPTZ '2005-01-01 00:00:00+00' + to_hours((place % {hours})::INTEGER) AS time,
       (hash(place, 3) % 100000) / 100.0::DOUBLE AS value,
       (hash(place, 4) % 4500) / 100.0::DOUBLE - 10 AS temperature,
       chr(97 + (hash(place, 5) % 7)::INTEGER) AS kind
FROM (SELECT {order} AS place FROM range({start}, {end}) r(i))
"""
IN_ORDER = "i"
SHUFFLED = "(i * 7368787) % {rows}"
"""A prime, so that every place comes once."""


def write_table(path: Path, rows: int, order: str) -> Table:
    """A Delta table of so many rows, in pieces of a million, encoded as a merge does."""
    import duckdb
    from deltalake import write_deltalake

    with duckdb.connect(config={"threads": 2}) as database:
        database.execute("SET TimeZone = 'UTC'")
        for start in range(0, rows, 1_000_000):
            query = GENERATED.format(
                hours=HOURS,
                order=order.format(rows=rows),
                start=start,
                end=min(start + 1_000_000, rows),
            )
            piece = database.sql(query).to_arrow_table().cast(SCHEMA.arrow())
            write_deltalake(
                str(path), piece, mode="append", writer_properties=written(stepping(SCHEMA))
            )
    return Table(path=path)


def warm_answers(table: Table, question: Question, repeat: int) -> tuple[Answer, list[float]]:
    """The answer, and how long each took after the first."""
    with Observations(files=table.files(), schema=SCHEMA).opened() as opened:
        answer = opened.answer(question)
        return answer, [milliseconds(lambda: opened.answer(question)) for _ in range(repeat)]


def milliseconds(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def in_pandas(frame: Any) -> Any:
    """The same question, by a frame in memory."""
    import pandas as pd

    kept = frame[
        frame["kind"].isin(["b", "c"])
        & (frame["temperature"] < 20)
        & (frame["time"] >= pd.Timestamp("2015-01-01", tz="UTC"))
    ]
    year = kept["time"].dt.tz_localize(None).dt.to_period("Y")
    return kept.groupby([kept["series"], year])["value"].agg(["mean", "count"])


@click.command()
@click.option("--rows", default=10_000_000, show_default=True)
@click.option("--repeat", default=15, show_default=True, help="Warm answers; pandas a fifth of it.")
def main(rows: int, repeat: int) -> None:
    """Print the times as one JSON line."""
    question = Question.of(SCHEMA, **QUESTION)
    with tempfile.TemporaryDirectory() as folder:
        table = write_table(Path(folder) / "rows", rows, IN_ORDER)
        answer, warm = warm_answers(table, question, repeat)
        shuffled = write_table(Path(folder) / "shuffled", rows, SHUFFLED)
        same, unsorted = warm_answers(shuffled, question, repeat)
        frame = pa.concat_tables(pq.read_table(path) for path in table.files()).to_pandas()
    theirs = [milliseconds(lambda: in_pandas(frame)) for _ in range(max(repeat // 5, 1))]
    if {answer.total, same.total} != {len(in_pandas(frame))}:
        raise SystemExit(f"{answer.total} and {same.total} groups here, others in pandas")
    print(
        json.dumps(
            {
                "benchmark": "trends",
                "rows": rows,
                "conditions": len(question.where),
                "groups": answer.total,
                "warm_ms": round(statistics.median(warm), 1),
                "slowest_warm_ms": round(max(warm), 1),
                "warm_shuffled_ms": round(statistics.median(unsorted), 1),
                "pandas_in_memory_ms": round(statistics.median(theirs), 1),
                "ratio": round(statistics.median(warm) / statistics.median(theirs), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
