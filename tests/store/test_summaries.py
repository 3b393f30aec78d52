"""What a file says of its columns is what SQL counts in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.schema import Column, Schema
from pipeline.store.bulk import parquet
from pipeline.store.scans import scanning
from pipeline.store.summaries import Summary, counted, summary_of

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    columns=(
        Column(name="car", kind="integer", description="which"),
        Column(name="time", kind="time", description="when", nullable=True),
        Column(name="fuel", kind="category", description="what it burns", nullable=True),
        Column(name="mass", kind="number", description="mass", nullable=True),
        Column(name="new", kind="boolean", description="whether it is new", nullable=True),
    ),
    key=("car",),
    target="mass",
    time="time",
)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.sampled_from([FIRST, FIRST - timedelta(microseconds=1), FIRST + timedelta(9), None]),
        st.sampled_from(["a", "", None]),
        st.sampled_from([0.0, -0.0, 1e308, float("nan"), float("inf"), None]),
        st.sampled_from([True, False, None]),
    ),
    max_size=8,
)


def table_of(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(SCHEMA.names)}
    return pa.table(columns, schema=SCHEMA.arrow())


def written(path: Path, table: pa.Table) -> Path:
    """With its summary in the footer, of the rows piece by piece."""
    summary = Summary()
    for start in range(0, max(table.num_rows, 1), 3):
        summary.add(table.slice(start, 3))
    pq.write_table(table.replace_schema_metadata(summary.footer()), path)
    return path


@settings(max_examples=25)
@given(one=ROWS, other=ROWS)
def test_footers_tell_what_sql_counts(
    tmp_path_factory: pytest.TempPathFactory,
    one: list[tuple[object, ...]],
    other: list[tuple[object, ...]],
) -> None:
    """Of several files together; NaN is missing, and no value is lowest of none."""
    folder = tmp_path_factory.mktemp("files")
    files = [
        written(folder / f"{place}.parquet", table_of(rows))
        for place, rows in enumerate((one, other))
    ]

    with duckdb.connect() as database:
        expected = counted(database, parquet(files), SCHEMA.columns)

    assert expected == summary_of(files, SCHEMA.arrow())


def test_a_file_without_a_summary_leaves_all_to_sql(tmp_path: Path) -> None:
    """Whatever the others say."""
    table = table_of([(1, FIRST, "a", 1.0, True)])
    pq.write_table(table, tmp_path / "silent.parquet")
    files = [written(tmp_path / "told.parquet", table), tmp_path / "silent.parquet"]

    assert {} == summary_of(files, SCHEMA.arrow())


def test_rows_that_a_run_may_not_see_are_not_told_of(tmp_path: Path) -> None:
    """A footer speaks of all rows of its file: where one is newer, the others are counted."""
    table = table_of([(1, FIRST, "a", 1.0, True), (2, FIRST + timedelta(9), None, 7.0, None)])
    file = written(tmp_path / "rows.parquet", table)

    with scanning((file,), SCHEMA, FIRST, tmp_path) as scan:
        told = scan.told(["mass", "fuel"])

    assert (1, 1.0, 0) == (told["mass"].rows, told["mass"].highest, told["fuel"].missing)
