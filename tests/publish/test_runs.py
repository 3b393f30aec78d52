"""How runs ended, and whether somebody still works on them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from pipeline.publish.runs import owner_lives, read_run, run_with_notebook, why_older


def test_this_process_lives() -> None:
    """An owner that is a process of this machine counts as alive."""
    assert owner_lives(f"process {os.getpid()} on {platform.node()}")


def test_a_process_that_ended_does_not_live() -> None:
    """A number that no process has any more is a dead owner."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert not owner_lives(f"process {ended.pid} on {platform.node()}")


@pytest.mark.parametrize(("owner", "lives"), [("process 1 on elsewhere", True), ("", False)])
def test_of_other_machines_nothing_is_known(owner: str, lives: bool) -> None:
    """A run on another machine counts as alive; a run without an owner does not."""
    assert owner_lives(owner) is lives


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
    run = read_run(home.store, "bikes", "1", lambda owner: True)

    assert ("stopped", "Too few rows.") == (run.ended, run.sentence)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"decision": "keep"}, "kept the champion and trained nothing"),
        ({}, "did not execute this notebook"),
        ({"outcome": "stopped"}, "stopped by a gate"),
        ({"outcome": "failed", "failed": "4-train"}, "failed in notebook 4-train"),
        ({"outcome": "running", "owner": "alive"}, "still under way"),
        ({"outcome": "running", "owner": "dead"}, "interrupted"),
    ],
)
def test_the_reason_for_an_older_page(home: Any, settings: dict[str, str], reason: str) -> None:
    """Each way in which a run ends short has its own words."""
    home.run(run_id="1", notebooks=("1-ingest", "2-validate", "3-drift"), **settings)

    assert reason in why_older(read_run(home.store, "bikes", "1", lambda owner: owner == "alive"))
