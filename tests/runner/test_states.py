"""What the next run would make of every notebook, and why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceUnavailableError
from pipeline.options import NOTEBOOKS
from pipeline.records import RunRecord
from pipeline.runner import Order, performing
from pipeline.runner.chain import run_case
from pipeline.runner.states import lines, step_states
from pipeline.store import Store, project
from pipeline.store.locks import hold

pytestmark = pytest.mark.usefixtures("small_cases")


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    """A home of one's own after one run of the tiny case."""
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


def states(store: Store) -> dict[str, str]:
    return {found.notebook: found.state for found in step_states(store, "tiny")}


def told(store: Store) -> list[str]:
    return lines(None, step_states(store, "tiny"))


def test_after_a_run_all_is_fresh(copied: Store) -> None:
    """One line says so, with the time of the newest look."""
    found = step_states(copied, "tiny")
    check = copied.check("tiny")
    assert check is not None

    assert set(states(copied).values()) == {"fresh"}
    assert {state.run_id for state in found} == {"first"}
    assert lines(check, found) == [f"all fresh, looked at {check.looked:%Y-%m-%d %H:%M} UTC"]


def test_a_case_that_never_ran_says_so(store: Store) -> None:
    """Its first notebook has never run, and the others wait for it."""
    assert told(store)[0] == "1-ingest   stale: it has never run"
    assert list(states(store).values()) == ["stale"] + ["waits"] * 5


def test_other_code_is_named_with_both_versions(
    copied: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, not as a digest alone."""
    before = project.code_version()
    monkeypatch.setattr(project, "code_version", lambda: "another")

    assert told(copied)[:2] == [
        f"1-ingest   stale: the package's code has changed ({before} before, another now)",
        "2-validate waits: for 1-ingest",
    ]


def test_what_was_asked_for_last_is_what_counts(copied: Store) -> None:
    """A run with other parameters is not stale for having had them."""
    own = {"current_days": 8}
    run_case(copied, "tiny", Order(own=own), run_id="second", say=lambda line: None)
    found = {state.notebook: state.state for state in step_states(copied, "tiny")}

    assert found.pop("4-train") == "not needed"
    assert set(found.values()) == {"fresh"}


def test_a_failure_is_told_with_its_kind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with its message; what comes after it waits."""

    def down(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        raise SourceUnavailableError("nobody answers")

    monkeypatch.setattr("pipeline.runner.retries.ATTEMPTS", 1)
    monkeypatch.setattr("pipeline.runner.retries.FIRST_PAUSE", 0)
    monkeypatch.setattr(performing, "execute", down)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    run_case(store, "tiny", Order(), run_id="first", say=lambda line: None)

    assert told(store)[0] == "1-ingest   failed: error: nobody answers"


def test_a_gate_that_stopped_the_case_is_told(copied: Store) -> None:
    """It is fresh: the same run would stop there again."""
    own = {"most_quarantined": 0.0}
    run_case(copied, "tiny", Order(own=own), run_id="second", say=lambda line: None)

    assert told(copied)[0] == "3-drift    waits: a gate of 2-validate stopped the case"


def test_a_run_that_goes_on_is_told_with_who_runs_it(copied: Store) -> None:
    """Where it is, what it has done and what is to come."""
    before = copied.run_record("tiny", "first")
    assert before is not None
    now: dict[str, Any] = {
        **before.model_dump(),
        "run_id": "second",
        "outcome": "running",
        "notebooks": ("2-validate",),
        "reused": {"1-ingest": "first"},
    }
    copied.write_run(RunRecord.model_validate(now))
    with hold(copied.home, "tiny", "dawn") as held:
        found = step_states(copied, "tiny")
        assert held.path.exists()

    assert [state.state for state in found] == ["fresh", "fresh", "running"] + ["waits"] * 3
    assert found[2].why.startswith("by process ")
    assert found[2].why.endswith("since dawn")


def test_a_case_that_is_gone_has_no_notebooks(store: Store) -> None:
    """Its folder was removed; its records are still there."""
    assert step_states(store, "gone") == ()
    assert list(NOTEBOOKS) == list(states(store))
