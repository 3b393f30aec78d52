"""How every case stands, from its records alone."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.case import find_case
from pipeline.packaging.rollback import roll_back
from pipeline.publish import read_status
from pipeline.publish.told import in_words
from pipeline.records import DecideRecord, RunRecord
from pipeline.store import Store
from pipeline.store.locks import hold

NOW = datetime(2024, 3, 2, tzinfo=UTC)


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


def told(store: Store) -> str:
    return in_words(read_status(store, now=NOW), store.home)


def test_a_home_without_runs_says_how_to_begin(store: Store) -> None:
    """A first look at an empty folder."""
    assert f"Nothing has run in {store.home}. Start with: vigie run" == told(store)


def test_a_finished_run_is_told_with_its_health_and_champion(copied: Store) -> None:
    """Everything that a reader asks first, a line each."""
    (case,) = read_status(copied, now=NOW).cases
    lines = told(copied).splitlines()

    assert f"tiny: {case.health}. {case.headline}" == lines[0]
    assert "  data      sample, as of 2024-03-01 00:00 UTC" == lines[1]
    assert "  champion  ridge" == lines[2]
    assert "  run       first, done" == lines[4]


def test_a_run_that_goes_on_is_running(copied: Store) -> None:
    """The champion is that of the run before."""
    begun(copied)
    with hold(copied.home, "tiny", "now"):
        lines = told(copied).splitlines()

    assert ["  champion  ridge", "  run       second, running"] == [lines[2], lines[4]]


def test_a_run_that_nobody_holds_any_more_was_interrupted(copied: Store) -> None:
    """It was killed: its record says running and no process runs it."""
    begun(copied)

    assert "second, interrupted" in told(copied)


@pytest.mark.parametrize("outcome", ["stopped", "failed"])
def test_a_run_that_went_wrong_says_why(copied: Store, outcome: str) -> None:
    """Its sentence, and who serves meanwhile."""
    begun(copied, outcome=outcome, sentence="The feed has stopped.")
    words = told(copied)

    assert words.startswith("tiny: failing. ")
    assert "The feed has stopped." in words
    assert f"second, {outcome}" in words
    assert "champion  ridge" in words


def test_a_case_that_never_got_data_is_told(store: Store) -> None:
    """No data, no champion; the run says what was wrong."""
    begun(store, outcome="failed", sentence="There is no folder.")
    words = told(store)

    assert "There is no folder." in words
    assert "data      none yet" in words
    assert "champion  none yet" in words


def test_all_cases_are_told_sorted(copied: Store) -> None:
    """An empty line between them."""
    shutil.copytree(copied.run_folder("tiny", ""), copied.run_folder("after", ""))

    assert ["after", "tiny"] == [part.split(":")[0] for part in told(copied).split("\n\n")]


@pytest.mark.usefixtures("small_cases")
def test_a_roll_back_by_hand_is_the_decision_until_a_run_follows(copied: Store) -> None:
    """Status tells it in place of the promotion before, with the score that the model had."""
    first, decided = copied.promotion("tiny"), copied.record("tiny", "first", DecideRecord)
    assert first is not None
    assert decided is not None
    other = first.champion.ref.model_copy(update={"candidate": "other", "sha256": "0" * 64})
    later = {"run_id": "20240302T000000Z-second", "as_of": first.as_of + timedelta(days=1)}
    champion = {"champion": first.champion.model_copy(update={"ref": other})}
    copied.write_record(first.model_copy(update=later | champion | {"sentence": "Promote: other."}))
    copied.write_record(decided.model_copy(update=later))
    (promoted,) = read_status(copied, now=NOW).cases

    done = roll_back(copied, find_case("tiny"))
    (case,) = read_status(copied, now=NOW).cases
    third = {"run_id": "20240303T000000Z-third", "as_of": first.as_of + timedelta(days=2)}
    copied.write_record(decided.model_copy(update=third))
    (followed,) = read_status(copied, now=NOW).cases

    assert promoted.decision is not None
    assert "Promote: other." == promoted.decision.sentence
    assert case.decision is not None
    assert ("roll back", done.sentence) == (case.decision.decision, case.decision.sentence)
    assert f"{done.sentence} The next run judges it on the newest data." == case.headline
    assert case.metric is not None
    assert "first" == case.metric.run_id
    assert followed.decision is not None
    assert third["run_id"] == followed.decision.run_id
