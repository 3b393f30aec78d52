"""Rows that failed are written with their reasons, however many there are, and replace others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.schema import Column, Schema
from pipeline.store import tables
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


def keys(*who: str | None) -> pa.Table:
    return pa.table({"who": pa.array(who, pa.string()), COPY: pa.array([0] * len(who), pa.int64())})


def failing_of(rows: Scan) -> Failing:
    failing = Failing(rows=rows, order=ORDER)
    failing.note(keys("c", None), ORDER[-1])
    failing.note(keys("a", None), ORDER[1])
    failing.note(keys(None), ORDER[0])
    return failing


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
