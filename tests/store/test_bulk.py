"""Merges from file to file do what merges in memory do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.schema import Column, Schema
from pipeline.store import arrivals
from pipeline.store.arrivals import arriving
from pipeline.store.tables import Merge, Table

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    columns=(
        Column(name="who", kind="category", description="which series"),
        Column(name="time", kind="time", description="start of the hour"),
        Column(name="value", kind="number", description="what is counted"),
        Column(name="note", kind="text", description="beside it", nullable=True),
    ),
    key=("who", "time"),
    target="value",
    time="time",
)
ROW = st.tuples(
    st.sampled_from(["a", "b", None]),
    st.sampled_from([0, 1, None]),
    st.sampled_from([1.0, 2.0, None]),
    st.sampled_from(["x", None]),
)
FEEDS = st.lists(st.lists(ROW, max_size=6), max_size=4)


def table_of(found: list[tuple[str | None, int | None, float | None, str | None]]) -> pa.Table:
    rows = [
        {
            "who": who,
            "time": None if hour is None else FIRST + timedelta(hours=hour),
            "value": value,
            "note": note,
        }
        for who, hour, value, note in found
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA.arrow())


def plain(table: pa.Table) -> list[str]:
    return sorted(map(str, table.select(sorted(table.column_names)).to_pylist()))


def merge_large(table: Table, rows: pa.Table, home: Path, where: str = "true") -> Merge:
    """The rows through a file, whatever their number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "LARGE", -1)
        with arriving(rows.to_batches() or [empty()], SCHEMA, home) as arrival:
            assert arrival.file is not None
            return table.merge_file(arrival.file, SCHEMA, where=where, scratch=arrival.folder)


def empty() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=SCHEMA.arrow())


@settings(max_examples=12)
@given(feeds=FEEDS)
def test_a_table_is_the_same_whichever_way_feeds_were_merged(feeds: list[list[object]]) -> None:
    """Rows, versions and every count, feed after feed."""
    with TemporaryDirectory() as folder:
        small, large = Table(path=Path(folder) / "small"), Table(path=Path(folder) / "large")
        for feed in feeds:
            rows = table_of(feed)  # type: ignore[arg-type]
            one, other = small.merge(rows, SCHEMA), merge_large(large, rows, Path(folder))

            assert plain(small.read()) == plain(large.read())
            assert (one.version, one.rows) == (other.version, other.rows)
            for name in ("inserted", "updated", "unchanged", "withdrawn", "duplicates"):
                assert getattr(one.changes, name) == getattr(other.changes, name), name
            assert one.changes.conflicting == other.changes.conflicting
            assert one.changes.revisions == other.changes.revisions


def test_rows_outside_the_window_stay_out(tmp_path: Path) -> None:
    """The condition holds for the first merge as for later ones."""
    table = Table(path=tmp_path / "t")
    rows = table_of([("a", 0, 1.0, None), ("b", 1, 2.0, None)])

    first = merge_large(table, rows, tmp_path, where="who = 'a'")

    assert (1, 1) == (first.rows, first.changes.inserted)
    assert ["a"] == table.read()["who"].to_pylist()
    assert 2 == merge_large(table, rows, tmp_path).rows


def test_nothing_is_left_of_the_work(tmp_path: Path) -> None:
    """The scratch folder goes, whether the feed ended well or not."""

    def torn() -> object:
        yield table_of([("a", 0, 1.0, None)]).to_batches()[0]
        raise StateError("the line is cut")

    merge_large(Table(path=tmp_path / "t"), table_of([("a", 0, 1.0, None)]), tmp_path)
    with pytest.raises(StateError, match="the line is cut"), arriving(torn(), SCHEMA, tmp_path):  # type: ignore[arg-type]
        pass

    assert ["t"] == [entry.name for entry in tmp_path.iterdir()]


def test_a_large_feed_of_other_columns_than_the_table_is_refused(tmp_path: Path) -> None:
    """As a small one is."""
    table = Table(path=tmp_path / "t")
    table.replace(pa.table({"who": ["a"]}))

    with pytest.raises(StateError, match="holds columns who"):
        merge_large(table, table_of([("a", 0, 1.0, None)]), tmp_path)
