"""Runs stand in the order of what they see, not of when they were started."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.records import RunRecord
from pipeline.store import Store


def ran(store: Store, run_id: str, as_of: int | None = None, asked: str = "") -> None:
    """A run as of a day of March 2024."""
    record: dict[str, Any] = {
        "case": "tiny",
        "run_id": run_id,
        "source": "sample",
        "as_of": datetime(2024, 3, as_of, tzinfo=UTC) if as_of else None,
        "asked_as_of": asked,
        "started": datetime(2024, 4, 1, tzinfo=UTC),
    }
    store.write_run(RunRecord.model_validate(record))


def test_a_replay_of_the_past_is_no_news(store: Store) -> None:
    """It was started last, and stands before what saw more."""
    ran(store, "a", 20)
    ran(store, "b", 1)
    ran(store, "c", 10)

    assert store.run_ids("tiny") == ["b", "c", "a"]


def test_of_one_as_of_time_the_run_that_was_started_last_is_the_newest(store: Store) -> None:
    """Ids begin with the time of the start."""
    ran(store, "b", 20)
    ran(store, "a", 20)

    assert store.run_ids("tiny") == ["a", "b"]


def test_a_run_that_failed_at_once_stands_after_those_before_it(store: Store) -> None:
    """And before the next one that saw more; a replay that failed stands where it was to be."""
    ran(store, "a", 20)
    ran(store, "b")
    ran(store, "c", asked="2024-03-02T00:00:00+00:00")
    ran(store, "d", 21)

    assert store.run_ids("tiny") == ["c", "a", "b", "d"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"as_of": "soon"}'])
def test_a_damaged_run_is_still_listed(store: Store, content: bytes) -> None:
    """Whoever reads it whole says what is wrong."""
    ran(store, "a", 20)
    ran(store, "b", 21)
    (store.run_folder("tiny", "b") / "run.json").write_bytes(content)

    assert store.run_ids("tiny") == ["a", "b"]


def test_a_run_of_a_notebook_by_itself_has_the_time_of_its_records(store: Store) -> None:
    """It has no record as a whole."""
    ran(store, "a", 20)
    ran(store, "b", 1)
    folder = store.run_folder("tiny", "b")
    (folder / "ingest").mkdir()
    (folder / "run.json").rename(folder / "ingest" / "record.json")

    assert store.run_ids("tiny") == ["b", "a"]
