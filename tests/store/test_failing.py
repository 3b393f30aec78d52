"""Rows that failed are written with their reasons, however many there are, and replace others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.schema import Column, Schema
from pipeline.store import failing, tables
from pipeline.store.changes import COPY
from pipeline.store.failing import BITS, REASON, Failing, FiledRows, HeldRows, typed_with_reason
from pipeline.store.scans import Scan, scanning
from pipeline.store.tables import Table

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    columns=(
        Column(name="who", kind="category", description="which", nullable=True),
        Column(name="value", kind="number", description="what is counted", nullable=True),
    ),
    key=("who",),
    target="value",
)
ORDER = [f"check-{n}" for n in range(BITS + 3)]


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Scan]:
    found = {"who": ["b", "a", None, "c"], "value": [1.0, None, 3.0, 4.0], COPY: [0, 0, 0, 0]}
    file = tmp_path / "rows.parquet"
    typed = SCHEMA.arrow().append(pa.field(COPY, pa.int64()))
    pq.write_table(pa.table(found, schema=typed), file)
    with scanning((file,), SCHEMA, FIRST, tmp_path) as scan:
        yield scan


def failing_of(rows: Scan) -> Failing:
    found = Failing(rows=rows, order=ORDER)
    found.note(np.array([3, 2]), ORDER[-1])
    found.note(np.array([1, 2]), ORDER[1])
    found.note(np.array([2]), ORDER[0])
    return found


def quarantine(*values: float) -> pa.Table:
    told = {
        "who": [f"w{n}" for n in range(len(values))],
        "value": values,
        COPY: [0] * len(values),
        REASON: ["check-0"] * len(values),
    }
    return pa.table(told, schema=typed_with_reason(SCHEMA))


def test_reasons_are_told_in_the_order_of_the_suite(rows: Scan) -> None:
    """Of more expectations than one number has bits; rows are whole and sorted by key."""
    found = failing_of(rows).rows_with_reasons()

    assert isinstance(found, FiledRows)
    assert found.count == 3
    assert pq.read_table(found.file).to_pylist() == [
        {"who": "a", "value": None, COPY: 0, REASON: "check-1"},
        {"who": "c", "value": 4.0, COPY: 0, REASON: ORDER[-1]},
        {"who": None, "value": 3.0, COPY: 0, REASON: f"check-0, check-1, {ORDER[-1]}"},
    ]


def test_rows_are_counted_alike_in_memory_and_in_a_file(rows: Scan) -> None:
    """By reason and series, in the order of these."""
    filed = failing_of(rows).rows_with_reasons()
    assert isinstance(filed, FiledRows)
    held = HeldRows(table=pq.read_table(filed.file))

    for columns, most in (([REASON, "who"], 9), ([REASON], 9), (["who"], 2)):
        told = held.counts(columns, most)
        assert told.to_pylist() == filed.counts(columns, most).to_pylist()
        assert told["rows"].to_pylist() == [1] * min(3, most)


@pytest.mark.parametrize("backwards", [False, True])
def test_however_many_fail_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    """Rows go from file to file a stretch at a time, and nothing of them stays in the database;
    groups without a failing row are left out, and rows that lie in another order are sorted.
    """
    monkeypatch.setattr(failing, "ROWS_PER_GROUP", 50)
    names = [f"w{n:04}" for n in range(1_000)][:: -1 if backwards else 1]
    typed = SCHEMA.arrow().append(pa.field(COPY, pa.int64()))
    found = {"who": names, "value": [float(n) for n in range(1_000)], COPY: [0] * 1_000}
    files = (tmp_path / "one.parquet", tmp_path / "two.parquet")
    pq.write_table(pa.table(found, schema=typed).slice(0, 400), files[0], row_group_size=60)
    pq.write_table(pa.table(found, schema=typed).slice(400), files[1], row_group_size=300)
    failed = np.array([n for n in range(1_000) if not 60 <= n < 120])

    with scanning(files, SCHEMA, FIRST, tmp_path) as scan:
        noted = Failing(rows=scan, order=ORDER)
        noted.note(failed, ORDER[0])
        noted.note(failed[::7], ORDER[BITS])
        written = noted.rows_with_reasons()
        assert isinstance(written, FiledRows)
        rows, metadata = pq.read_table(written.file), pq.read_metadata(written.file)
        tables = scan.database.sql("SELECT estimated_size FROM duckdb_tables()").fetchall()

    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert not tables
    assert backwards or max(sizes) <= 150
    assert rows["who"].to_pylist() == sorted(names[n] for n in failed)
    told = dict(zip(rows["who"].to_pylist(), rows[REASON].to_pylist(), strict=True))
    both = f"{ORDER[0]}, {ORDER[BITS]}"
    assert {name for name, reason in told.items() if reason == both} == {
        names[n] for n in failed[::7]
    }
    assert {*told.values()} == {ORDER[0], both}


def test_nothing_that_failed_is_an_empty_table(rows: Scan) -> None:
    """With the columns of a quarantine."""
    found = Failing(rows=rows, order=ORDER).rows_with_reasons()

    assert isinstance(found, HeldRows)
    assert found.table.schema == typed_with_reason(SCHEMA)
    assert found.count == 0


def test_a_file_replaces_a_table_as_rows_in_memory_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows again are no version, whichever way they came and however they are cut."""
    monkeypatch.setattr(tables, "ROWS_COMPARED", 3)
    table, typed = Table(path=tmp_path / "quarantine"), typed_with_reason(SCHEMA)

    def put(rows: pa.Table) -> int:
        pq.write_table(rows, tmp_path / "new.parquet", row_group_size=4)
        return table.replace_file(tmp_path / "new.parquet", typed)

    ten = quarantine(*range(10))
    assert [put(ten), put(ten), table.replace(ten)] == [0, 0, 0]
    assert table.read().equals(ten)
    other = quarantine(*range(9), 77)
    assert [put(other), put(other.slice(0, 8)), table.replace(ten), put(ten)] == [1, 2, 3, 3]
    assert [table.read(n).num_rows for n in range(4)] == [10, 10, 8, 10]


def test_a_file_may_have_other_columns_than_the_table(tmp_path: Path) -> None:
    """A case whose schema has changed quarantines all the same."""
    table, typed = Table(path=tmp_path / "quarantine"), typed_with_reason(SCHEMA)
    table.replace(quarantine(1).drop_columns(["value"]))
    pq.write_table(quarantine(2), tmp_path / "new.parquet")

    assert table.replace_file(tmp_path / "new.parquet", typed) == 1
    assert table.read().equals(quarantine(2))
