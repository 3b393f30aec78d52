"""A run that is asked to end early, and the next that goes on from there."""

from __future__ import annotations

import pytest

from pipeline.records import DecideRecord, RunRecord, TrainRecord
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.store import Store

pytestmark = pytest.mark.usefixtures("small_cases")


def run(store: Store, run_id: str, **order: object) -> RunRecord:
    return run_case(store, "tiny", Order(**order), run_id=run_id, say=lambda line: None)


def test_a_run_ends_where_it_was_asked_to(store: Store) -> None:
    ran = run(store, "first", until="3-drift")

    assert ("paused", ("1-ingest", "2-validate", "3-drift")) == (ran.outcome, ran.notebooks)
    assert store.record("tiny", "first", DecideRecord) is not None
    assert store.record("tiny", "first", TrainRecord) is None


def test_the_next_run_goes_on_from_there(store: Store) -> None:
    run(store, "first", until="3-drift")
    ran = run(store, "second")

    assert ("done", "4-train") == (ran.outcome, ran.notebooks[0])
    assert {"1-ingest": "first", "2-validate": "first", "3-drift": "first"} == ran.reused


def test_what_is_done_already_is_not_done_again(store: Store) -> None:
    """Neither by the same request nor after the whole."""
    run(store, "first", until="3-drift")
    assert "first" == run(store, "again", until="3-drift").run_id

    run(store, "second")
    assert "second" == run(store, "third", until="1-ingest").run_id
