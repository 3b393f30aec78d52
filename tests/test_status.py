"""How every case stands, from its records alone."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import StateError
from pipeline.records import RunRecord
from pipeline.status import read_status, words
from pipeline.store import Store
from pipeline.store.locks import hold


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


def begun(store: Store, **changes: object) -> None:
    """A second run of the tiny case."""
    told = {
        "case": "tiny",
        "run_id": "second",
        "source": "sample",
        "as_of": None,
        "started": datetime(2024, 3, 1, tzinfo=UTC),
    }
    store.write_run(RunRecord.model_validate(told | changes))


def test_a_home_without_runs_says_how_to_begin(store: Store) -> None:
    """A first look at an empty folder."""
    assert read_status(store) == ()
    assert words((), store.home) == f"Nothing has run in {store.home}. Start with: vigie run"


def test_a_finished_run_is_told_with_its_health_and_champion(copied: Store) -> None:
    """Everything that a reader asks first, in four lines."""
    (status,) = read_status(copied)

    assert (status.case, status.outcome, status.champion) == ("tiny", "done", "ridge")
    assert status.health in ("healthy", "watch")
    assert status.source == "sample"
    lines = words((status,), copied.home).splitlines()
    assert lines[:3] == [
        f"tiny: done, {status.health}",
        "  data     sample, as of 2024-03-01 00:00 UTC",
        "  champion ridge",
    ]
    assert lines[3].startswith("  run      first: ")


def test_a_run_that_goes_on_is_running(copied: Store) -> None:
    """The champion is that of the run before."""
    begun(copied)
    with hold(copied.home, "tiny", "now"):
        (status,) = read_status(copied)

    assert (status.run_id, status.outcome, status.champion) == ("second", "running", "ridge")


def test_a_run_that_nobody_holds_any_more_was_interrupted(copied: Store) -> None:
    """It was killed: its record says running and no process runs it."""
    begun(copied)
    (status,) = read_status(copied)

    assert status.outcome == "interrupted"


@pytest.mark.parametrize("outcome", ["stopped", "failed"])
def test_a_run_that_went_wrong_says_why(copied: Store, outcome: str) -> None:
    """Its sentence, and who serves meanwhile."""
    begun(copied, outcome=outcome, sentence="The feed has stopped.")
    told = words(read_status(copied), copied.home)

    assert told.startswith(f"tiny: {outcome}")
    assert "second: The feed has stopped." in told
    assert "champion ridge" in told


def test_a_run_by_hand_is_told_as_such(copied: Store) -> None:
    """It has no record of the runner."""
    (copied.run_folder("tiny", "first") / "run.json").unlink()
    (status,) = read_status(copied)

    assert (status.outcome, status.finished) == ("by hand", None)
    assert status.sentence


def test_a_case_that_never_got_data_is_told(store: Store) -> None:
    """No data, no champion; the run says what was wrong."""
    begun(store, outcome="failed", sentence="There is no folder.")
    told = words(read_status(store), store.home)

    assert "data     none, as of never" in told
    assert "champion none yet" in told


def test_a_case_folder_without_runs_is_an_error_that_names_it(store: Store) -> None:
    """Rather than a case that looks well."""
    (store.home / "runs" / "tiny").mkdir(parents=True)
    with pytest.raises(StateError, match=r"runs/tiny is empty"):
        read_status(store)


def test_all_cases_are_told_sorted(copied: Store) -> None:
    """An empty line between them."""
    shutil.copytree(copied.run_folder("tiny", ""), copied.run_folder("after", ""))
    told = words(read_status(copied), copied.home)

    assert [part.split(":")[0] for part in told.split("\n\n")] == ["after", "tiny"]
