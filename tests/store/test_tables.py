"""Delta tables: what a merge does to them, and what is read of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.schema import Column, Schema
from pipeline.store.changes import COPY, LARGEST_SHOWN, Changes, changes, rows_without
from pipeline.store.tables import Merge, Table

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
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
Row = tuple[str | None, int | None, float | None, str | None]


def rows(*found: Row) -> pa.Table:
    """Rows of (who, hour, value, note)."""
    return pa.Table.from_pylist(
        [
            {
                "who": who,
                "time": None if hour is None else FIRST + timedelta(hours=hour),
                "value": value,
                "note": note,
            }
            for who, hour, value, note in found
        ],
        schema=SCHEMA.arrow(),
    )


def plain(table: pa.Table) -> set[Row]:
    return {
        (
            row["who"],
            None if row["time"] is None else round((row["time"] - FIRST) / timedelta(hours=1)),
            row["value"],
            row["note"],
        )
        for row in table.to_pylist()
    }


def test_times_of_series_are_kept_as_steps_by_the_first_write_and_by_merges(tmp_path: Path) -> None:
    """A merge into a table writes them as the first one does."""
    table = Table(path=tmp_path / "rows")
    hours = [("a", hour, float(hour), None) for hour in range(5_000)]
    table.merge(rows(*hours), SCHEMA)
    table.merge(rows(*hours[:-1], ("a", 5_001, 1.0, None)), SCHEMA)

    found = [pq.read_metadata(path).row_group(0).column(1) for path in table.files()]
    assert {("time", True)} == {
        (each.path_in_schema, "DELTA_BINARY_PACKED" in each.encodings) for each in found
    }
    assert plain(table.read()) == plain(rows(*hours, ("a", 5_001, 1.0, None)))


@dataclass
class Counted:
    """The counts of a merge, to compare with."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    conflicting: int = 0
    withdrawn: int = 0

    @classmethod
    def of(cls, merge: Merge) -> Counted:
        found = merge.changes
        return cls(
            found.inserted,
            found.updated,
            found.unchanged,
            found.duplicates,
            found.conflicting,
            found.withdrawals.num_rows,
        )


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(path=tmp_path / "observations")


def test_the_first_feed_is_inserted(table: Table) -> None:
    """The table is made by its first merge, at version 0."""
    merge = table.merge(rows(("a", 0, 1.0, None), ("a", 1, 2.0, "x")), SCHEMA)

    assert (merge.version, merge.rows) == (0, 2)
    assert Counted.of(merge) == Counted(inserted=2)
    assert plain(table.read()) == {("a", 0, 1.0, None), ("a", 1, 2.0, "x")}


def test_new_changed_and_equal_rows_are_told_apart(table: Table) -> None:
    """Each row of a feed is inserted, updated or unchanged; what a feed lacks stays."""
    table.merge(rows(("a", 0, 1.0, None), ("a", 1, 2.0, None), ("b", 0, 3.0, None)), SCHEMA)
    merge = table.merge(rows(("a", 0, 1.0, None), ("a", 1, 5.0, None), ("a", 2, 6.0, None)), SCHEMA)

    assert Counted.of(merge) == Counted(inserted=1, updated=1, unchanged=1)
    assert (merge.version, merge.rows) == (1, 4)
    assert plain(table.read()) == {
        ("a", 0, 1.0, None),
        ("a", 1, 5.0, None),
        ("a", 2, 6.0, None),
        ("b", 0, 3.0, None),
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1.0, None), (1.0, "x")),
        ((1.0, "x"), (1.0, None)),
        ((None, "x"), (1.0, "x")),
        ((1.0, "x"), (None, "x")),
    ],
)
def test_a_null_that_comes_or_goes_is_an_update(
    table: Table, before: tuple[float | None, str | None], after: tuple[float | None, str | None]
) -> None:
    """A null differs from a value, in every column, both ways."""
    table.merge(rows(("a", 0, *before)), SCHEMA)
    merge = table.merge(rows(("a", 0, *after)), SCHEMA)

    assert Counted.of(merge) == Counted(updated=1)
    assert plain(table.read()) == {("a", 0, *after)}


def test_a_null_in_the_key_is_a_key_like_others(table: Table) -> None:
    """Rows without counter or time are kept once, however often they come."""
    lost = rows((None, 0, 1.0, None), ("a", None, 2.0, None), (None, None, 3.0, None))
    table.merge(lost, SCHEMA)
    again = table.merge(lost, SCHEMA)
    changed = table.merge(rows(("a", None, 4.0, None)), SCHEMA)

    assert Counted.of(again) == Counted(unchanged=3)
    assert Counted.of(changed) == Counted(updated=1)
    assert changed.rows == 3


def test_equal_rows_of_a_feed_are_duplicates_and_kept_once(table: Table) -> None:
    """Only what differs in a column is a conflict."""
    merge = table.merge(rows(*[("a", 0, 1.0, None)] * 3, ("a", 1, 2.0, None)), SCHEMA)

    assert Counted.of(merge) == Counted(inserted=2, duplicates=2)
    assert merge.rows == 2


def test_rows_of_one_key_with_different_values_are_all_kept(table: Table) -> None:
    """The expectation of unique keys is to see every one of them."""
    merge = table.merge(rows(("a", 0, 1.0, None), ("a", 0, 2.0, None)), SCHEMA)

    assert Counted.of(merge) == Counted(inserted=2, conflicting=1)
    assert [row[COPY] for row in table.read().sort_by(COPY).to_pylist()] == [0, 1]


def test_a_later_feed_that_settles_a_key_withdraws_the_other_rows(table: Table) -> None:
    """One row of the key is left, with the value that came last; other keys stay."""
    table.merge(
        rows(("a", 0, 1.0, None), ("a", 0, 2.0, None), ("b", 0, 1.0, None), ("b", 0, 2.0, None)),
        SCHEMA,
    )
    merge = table.merge(rows(("a", 0, 2.0, None)), SCHEMA)

    assert Counted.of(merge) == Counted(updated=1, withdrawn=1)
    assert plain(table.read()) == {("a", 0, 2.0, None), ("b", 0, 1.0, None), ("b", 0, 2.0, None)}


def test_a_key_that_comes_unsettled_again_is_unchanged(table: Table) -> None:
    """The same conflict in another order is no news."""
    table.merge(rows(("a", 0, 1.0, None), ("a", 0, 2.0, None)), SCHEMA)
    merge = table.merge(rows(("a", 0, 2.0, None), ("a", 0, 1.0, None)), SCHEMA)

    assert Counted.of(merge) == Counted(unchanged=2, conflicting=1)
    assert merge.version == 0


@pytest.mark.parametrize("feed", [rows(("a", 0, 1.0, None)), rows()], ids=["the same", "no rows"])
def test_nothing_new_makes_no_version(table: Table, feed: pa.Table) -> None:
    """A second run on the same data leaves the table as it is."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    merge = table.merge(feed, SCHEMA)

    assert (merge.version, merge.rows) == (0, 1)
    assert not merge.changes.any


def test_revisions_are_the_largest_changes_of_the_target(table: Table) -> None:
    """Largest first and no more than are shown; a value that was null is none."""
    many = LARGEST_SHOWN + 3
    table.merge(
        rows(*[("a", hour, 0.0, None) for hour in range(many)], ("b", 0, None, None)), SCHEMA
    )
    feed = rows(*[("a", hour, float(hour), None) for hour in range(many)], ("b", 0, 1e6, None))
    found = table.merge(feed, SCHEMA).changes

    assert found.updated == many
    assert len(found.revisions) == LARGEST_SHOWN
    assert found.revisions[0] == ("a 2024-01-01 22:00:00+00", 0.0, float(many - 1))
    assert [after for _, _, after in found.revisions] == sorted(
        (after for _, _, after in found.revisions), reverse=True
    )


def test_an_older_version_is_read_as_it_was(table: Table) -> None:
    """What a record names by version can be read again after later merges."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    table.merge(rows(("a", 0, 9.0, None), ("a", 1, 2.0, None)), SCHEMA)

    assert plain(table.read(0)) == {("a", 0, 1.0, None)}
    assert (table.count(0), table.count(1), table.count()) == (1, 2, 2)
    assert table.version() == 1


def test_rows_after_a_time_are_not_read_and_rows_without_time_are(table: Table) -> None:
    """Rows without a time are for the expectations to judge."""
    table.merge(
        rows(("a", 0, 1.0, None), ("a", 1, 2.0, None), ("a", 2, 3.0, None), ("a", None, 4.0, None)),
        SCHEMA,
    )
    found = table.read(0, time="time", not_after=FIRST + timedelta(hours=1))

    assert plain(found) == {("a", 0, 1.0, None), ("a", 1, 2.0, None), ("a", None, 4.0, None)}


def test_only_the_columns_asked_for_are_read(table: Table) -> None:
    """The condition on the time works without the time being read."""
    table.merge(rows(("a", 0, 1.0, None), ("a", 1, 2.0, None)), SCHEMA)
    found = table.read(time="time", not_after=FIRST, columns=["value"])

    assert found.to_pylist() == [{"value": 1.0}]


def test_before_the_first_write_there_is_no_version(table: Table) -> None:
    """An absent table is told from an empty one."""
    assert not table.exists()
    assert table.version() is None
    with pytest.raises(StateError, match="observations is damaged"):
        table.read()


def test_a_version_that_was_never_made_is_an_error(table: Table) -> None:
    """It names the table and what to do."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    with pytest.raises(StateError, match=r"observations is damaged: .*run again"):
        table.read(7)


def test_a_damaged_log_is_an_error_that_names_the_table(table: Table) -> None:
    """No trace of the library that could not read it."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    (log,) = table.path.glob("_delta_log/*.json")
    log.write_text("{ no json")
    with pytest.raises(StateError, match="observations is damaged"):
        table.read()


def test_data_files_that_are_gone_are_an_error_that_names_the_table(table: Table) -> None:
    """The log alone does not make a table."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    for file in table.path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(StateError, match="observations is damaged"):
        table.read()


def test_replacing_by_the_same_rows_makes_no_version(table: Table) -> None:
    """A quarantine that did not change keeps its version."""
    assert table.replace(rows(("a", 0, 1.0, None))) == 0
    assert table.replace(rows(("a", 0, 1.0, None))) == 0
    assert table.replace(rows(("a", 0, 2.0, None))) == 1
    assert plain(table.read()) == {("a", 0, 2.0, None)}


def test_replacing_by_no_rows_is_a_version(table: Table) -> None:
    """An empty quarantine is written as such."""
    table.replace(rows(("a", 0, 1.0, None)))

    assert table.replace(rows()) == 1
    assert table.read().num_rows == 0


def test_a_quarantine_with_other_columns_takes_the_place_of_the_old(table: Table) -> None:
    """A case that gained a column can still be run."""
    table.replace(rows(("a", 0, 1.0, None)))
    wider = rows(("a", 0, 1.0, None)).append_column("more", pa.array([1]))

    assert table.replace(wider) == 1
    assert table.read().column_names == [*SCHEMA.names, "more"]


@pytest.mark.parametrize("of", [pa.string(), pa.list_(pa.int64())])
def test_a_column_of_another_type_takes_the_place_of_the_old(table: Table, of: pa.DataType) -> None:
    """The old rows are not read as the new ones."""
    table.replace(rows(("a", 0, 1.0, None)))
    other = rows(("a", 0, None, None)).set_column(2, "value", pa.array([None], of))

    assert table.replace(other) == 1


def test_a_case_with_other_columns_than_its_table_is_refused(table: Table) -> None:
    """Both lists of columns are shown; the table stays as it was."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    fewer = Schema(columns=SCHEMA.columns[:3], key=SCHEMA.key, target="value", time="time")
    with pytest.raises(StateError, match=r"columns who, time, value, note, copy, and .* --home"):
        table.merge(rows(("a", 1, 1.0, None)).drop_columns("note"), fewer)

    assert table.version() == 0


def test_a_data_file_that_was_cut_short_is_an_error_that_names_the_table(table: Table) -> None:
    """No rows are made up, and none are left out."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    (file,) = table.path.glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(StateError, match="observations is damaged"):
        table.read()


def test_any_name_of_a_folder_will_do(tmp_path: Path) -> None:
    """Spaces, accents and signs that mean something in addresses are only names."""
    table = Table(path=tmp_path / "my état #1?" / "t")
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    merge = table.merge(rows(("a", 0, 2.0, None)), SCHEMA)

    assert merge.version == 1
    assert plain(table.read()) == {("a", 0, 2.0, None)}


def test_a_folder_that_is_a_file_can_not_be_written(tmp_path: Path) -> None:
    """The table is named, and that nothing was changed."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StateError, match=r"(?s)taken/t can't be written: .*is unchanged"):
        Table(path=tmp_path / "taken" / "t").merge(rows(("a", 0, 1.0, None)), SCHEMA)

    assert (tmp_path / "taken").read_text() == "mine"


def test_a_merge_that_fails_leaves_the_table_as_it_was(table: Table) -> None:
    """The log's folder is gone read-only by being a file: neither version nor rows change."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    log = table.path / "_delta_log" / "00000000000000000001.json"
    log.mkdir()
    with pytest.raises(StateError, match="can't be written"):
        table.merge(rows(("a", 0, 2.0, None)), SCHEMA)
    log.rmdir()

    assert plain(table.read()) == {("a", 0, 1.0, None)}


def test_quotes_and_spaces_in_names_are_only_names(tmp_path: Path) -> None:
    """A column called as its publisher pleases does not break the comparison."""
    odd = Schema(
        columns=(
            Column(name='who "is" it', kind="category", description="key"),
            Column(name="the value", kind="number", description="target"),
        ),
        key=('who "is" it',),
        target="the value",
    )
    feed = pa.table({'who "is" it': ["a'b"], "the value": [1.0]}, schema=odd.arrow())
    table = Table(path=tmp_path / "odd")
    table.merge(feed, odd)

    assert not table.merge(feed, odd).changes.any
    assert rows_without(feed, feed, ('who "is" it',)).num_rows == 0


def test_rows_without_takes_out_null_keys_too() -> None:
    """A quarantined row without counter does not come back through the join."""
    all_rows = rows(("a", 0, 1.0, None), (None, 0, 2.0, None), ("a", None, 3.0, None))
    found = rows_without(all_rows, all_rows.slice(1), ("who", "time"))

    assert plain(found) == {("a", 0, 1.0, None)}


NAMES = st.sampled_from(["a", "b", None])
HOURS = st.sampled_from([0, 1, None])
VALUES = st.sampled_from([1.0, 2.0, None])
FEEDS = st.lists(
    st.lists(st.tuples(NAMES, HOURS, VALUES, st.sampled_from(["x", None])), max_size=6), max_size=4
)
Model = dict[tuple[str | None, int | None], set[Row]]


def expected(model: Model, feed: list[Row]) -> tuple[Model, int, int]:
    """The model after the feed, with rows that were duplicates and that conflicted."""
    told: Model = {}
    for row in feed:
        told.setdefault(row[:2], set()).add(row)
    distinct = sum(len(found) for found in told.values())
    return model | told, len(feed) - distinct, distinct - len(told)


@settings(max_examples=30)
@given(feeds=FEEDS)
def test_merges_do_what_a_dictionary_by_key_does(feeds: list[list[Row]]) -> None:
    """After each feed the rows are those of the model, and the counts add up."""
    model: Model = {}
    existing: pa.Table | None = None
    for feed in feeds:
        found = changes(existing, rows(*feed), SCHEMA)
        held = 0 if existing is None else existing.num_rows
        model, duplicates, conflicting = expected(model, feed)
        existing = applied(existing, found)

        assert sorted(map(repr, plain(existing))) == sorted(
            repr(row) for known in model.values() for row in known
        )
        assert (found.duplicates, found.conflicting) == (duplicates, conflicting)
        assert found.inserted + found.updated + found.unchanged == len(feed) - duplicates
        assert existing.num_rows == held + found.inserted - found.withdrawals.num_rows


def applied(existing: pa.Table | None, found: Changes) -> pa.Table:
    """A short loop in place of Delta: takes rows out by key and copy, then puts the new in."""
    if existing is None:
        return found.upserts
    gone = [(r["who"], r["time"], r[COPY]) for r in found.with_operation().to_pylist()]
    kept = [r for r in existing.to_pylist() if (r["who"], r["time"], r[COPY]) not in gone]
    return pa.Table.from_pylist([*kept, *found.upserts.to_pylist()], schema=existing.schema)


@settings(max_examples=8)
@given(feeds=FEEDS)
def test_the_table_holds_what_a_dictionary_by_key_holds(feeds: list[list[Row]]) -> None:
    """The same through Delta itself; a version is made when and only when something changed."""
    model: Model = {}
    with TemporaryDirectory() as folder:
        table = Table(path=Path(folder) / "t")
        for feed in feeds:
            before = table.version()
            merge = table.merge(rows(*feed), SCHEMA)
            model, _, _ = expected(model, feed)

            assert plain(table.read()) == {row for known in model.values() for row in known}
            assert merge.rows == sum(len(known) for known in model.values())
            if before is not None:
                assert merge.version == before + merge.changes.any


def test_a_commit_cut_short_is_not_seen(table: Table) -> None:
    """A killed writer leaves data files that no commit names: the table is the one before."""
    table.merge(rows(("a", 0, 1.0, None)), SCHEMA)
    (file,) = table.path.glob("*.parquet")
    shutil.copy(file, table.path / "part-00001-left-behind.parquet")
    (table.path / "_delta_log" / "_commit_0123.json.tmp").write_text(json.dumps({})[:1])
    merge = table.merge(rows(("a", 1, 2.0, None)), SCHEMA)

    assert (merge.version, merge.rows) == (1, 2)
    assert plain(table.read()) == {("a", 0, 1.0, None), ("a", 1, 2.0, None)}
