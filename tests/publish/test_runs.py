"""How runs ended, and whether somebody still works on them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from pipeline.publish.runfacts import ENDED
from pipeline.publish.runs import Ended, read_run, run_with_notebook, why_older
from pipeline.store.locks import hold, is_held


def test_a_page_is_made_by_the_newest_run_that_got_that_far(home: Any) -> None:
    """Runs that failed in the notebook or never reached it are passed over."""
    first = home.run(run_id="1")
    home.run(run_id="2", notebooks=("1-ingest",), outcome="failed", failed="2-validate")
    home.run(run_id="3", notebooks=("1-ingest",))

    assert run_with_notebook(home.store, "bikes", "1-ingest") == "3"
    assert run_with_notebook(home.store, "bikes", "2-validate") == first


def test_a_notebook_without_its_record_was_not_executed_to_its_end(home: Any) -> None:
    """Half a notebook, as a killed kernel leaves it, makes no page."""
    home.run(run_id="1", notebooks=("1-ingest",))
    (home.store.run_folder("bikes", "1") / "ingest" / "record.json").unlink()

    assert run_with_notebook(home.store, "bikes", "1-ingest") is None


def test_a_gate_that_failed_by_hand_stops_the_run(home: Any) -> None:
    """Without a record of the whole run, a stopped step tells how it ended."""
    home.sentence["validate"] = "Too few rows."
    home.run(run_id="1", notebooks=("1-ingest", "2-validate"), stopped="validate", by_hand=True)
    run = read_run(home.store, "bikes", "1", lambda folder, case: True)

    assert ("stopped", "Too few rows.") == (run.ended, run.sentence)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"decision": "keep"}, "kept the champion and trained nothing"),
        ({}, "did not execute this notebook"),
        ({"outcome": "stopped"}, "stopped by a gate"),
        ({"outcome": "failed", "failed": "4-train"}, "failed in notebook 4-train"),
        ({"outcome": "running"}, "interrupted"),
    ],
)
def test_the_reason_for_an_older_page(home: Any, settings: dict[str, str], reason: str) -> None:
    """Each way in which a run ends short has its own words."""
    home.run(run_id="1", notebooks=("1-ingest", "2-validate", "3-drift"), **settings)

    assert reason in why_older(read_run(home.store, "bikes", "1", is_held), "4-train")


def test_a_page_that_was_taken_over_is_as_good_as_new(home: Any) -> None:
    """The run has its records, whatever became of the champion."""
    home.run(run_id="1", notebooks=("1-ingest", "2-validate", "3-drift"), decision="keep")
    run = read_run(home.store, "bikes", "1", is_held)

    assert "nothing that it rests on has changed since." == why_older(run, "3-drift")


def test_a_run_that_a_process_holds_is_still_under_way(home: Any) -> None:
    """The same record, and the case is held."""
    home.run(run_id="1", notebooks=("1-ingest",), outcome="running")
    with hold(home.store.home, "bikes", "now"):
        run = read_run(home.store, "bikes", "1", is_held)

    assert "running" == run.ended
    assert "still under way" in why_older(run, "4-train")


def test_every_way_in_which_a_run_ends_has_its_words() -> None:
    """A run that was asked to go no further, too."""
    assert set(get_args(Ended)) == set(ENDED)
