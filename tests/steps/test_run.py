"""A run, by the runner or by hand: which records it works from, and when it holds its case."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_cases.tiny import LAST_KNOWN

from pipeline.errors import OptionError, StateError, StepError
from pipeline.options import DriftOptions, IngestOptions, Options, ReportOptions
from pipeline.records import IngestRecord, Record, ReportRecord, TrainRecord, ValidateRecord
from pipeline.steps.run import open_run
from pipeline.store import Store
from pipeline.store.locks import is_held

pytestmark = pytest.mark.usefixtures("small_cases")


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


def by_hand(store: Store, **values: str) -> Options:
    return Options(case="tiny", home=str(store.home), **values)  # type: ignore[arg-type]


def copy_of(store: Store, kind: type[Record], **changes: object) -> Record:
    """Writes the first run's record again with changes."""
    found = store.record("tiny", "first", kind)
    assert found is not None
    record = found.model_copy(update=changes)
    store.write_record(record)
    return record


def test_a_named_run_works_from_its_own_records_only(copied: Store) -> None:
    """The runner's notebooks never mix two runs."""
    run = open_run(by_hand(copied, run_id="second"))

    assert not run.by_hand
    assert run.find(IngestRecord) is None
    with pytest.raises(StateError, match=r"no record of step 'ingest' of case 'tiny'.*vigie run"):
        run.need(IngestRecord)


def test_a_run_by_hand_goes_on_from_the_newest_run(copied: Store) -> None:
    """An analyst opens one notebook and finds what the runs before left."""
    copy_of(copied, IngestRecord, run_id="z-second")
    run = open_run(by_hand(copied))

    assert run.by_hand
    assert run.need(IngestRecord).run_id == "z-second"
    assert run.need(TrainRecord).run_id == "first"
    assert run.as_of == LAST_KNOWN


def test_a_record_of_another_source_is_not_taken_by_hand(copied: Store) -> None:
    """Simulated data is no answer to a question about real data."""
    assert open_run(by_hand(copied, source="files")).find(IngestRecord) is None


def test_a_record_of_another_time_is_not_taken_by_hand(copied: Store) -> None:
    """Asked as of a day, only what was made for that day is found."""
    day = datetime(2024, 2, 20, tzinfo=UTC)
    copy_of(copied, IngestRecord, run_id="replay", as_of=day)
    run = open_run(by_hand(copied, as_of="2024-02-20"))

    assert run.as_of == day
    found = run.find(IngestRecord)
    assert found is not None
    assert found.run_id == "replay"
    assert run.find(ValidateRecord) is None


def test_steps_after_a_newer_ingest_are_not_those_of_an_older_one(copied: Store) -> None:
    """When newer rows came in by hand, the old validation does not stand for them."""
    copy_of(copied, IngestRecord, run_id="z-second", as_of=LAST_KNOWN + timedelta(days=1))
    run = open_run(by_hand(copied))

    assert run.as_of == LAST_KNOWN + timedelta(days=1)
    assert run.find(ValidateRecord) is None


def test_by_hand_what_is_missing_is_done_first(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any notebook opens on an empty home, with the defaults of the steps before it."""
    run = open_run(by_hand(store))
    checked = run.need(ValidateRecord)

    assert checked.run_id == run.run_id
    assert store.record("tiny", run.run_id, IngestRecord) is not None
    told = capsys.readouterr().out
    assert f"{store.home} has no record of 'validate' for this run: doing it first." in told
    assert "'ingest'" in told
    assert not is_held(store.home, "tiny")


def test_a_whole_chain_is_done_for_the_last_notebook(store: Store) -> None:
    """Opening `6-report` on an empty home trains and promotes on the way."""
    from pipeline.steps.report import report

    options = ReportOptions(case="tiny", home=str(store.home))
    run = open_run(options)
    report(run, options)

    assert store.record("tiny", run.run_id, ReportRecord) is not None
    assert store.champion("tiny") is not None


def test_rows_that_validation_stopped_are_not_worked_on(copied: Store) -> None:
    """Neither by the runner nor by hand."""
    copy_of(copied, ValidateRecord, stopped=True, sentence="Too few rows.")
    with pytest.raises(StepError, match=r"Validation stopped case 'tiny': Too few rows\. Mend"):
        open_run(by_hand(copied, run_id="first")).validated()


def test_a_step_by_hand_holds_the_case_while_it_writes(copied: Store) -> None:
    """A run of the runner meanwhile is refused; under the runner, the runner holds it."""
    options = IngestOptions(case="tiny", home=str(copied.home))
    with open_run(options).step("ingest", options):
        assert is_held(copied.home, "tiny")
        with (
            pytest.raises(StateError, match="is being run by process"),
            open_run(options).step("ingest", options),
        ):
            pass
    assert not is_held(copied.home, "tiny")

    named = IngestOptions(case="tiny", home=str(copied.home), run_id="first")
    with open_run(named).step("ingest", named):
        assert not is_held(copied.home, "tiny")


def test_a_step_that_breaks_frees_the_case_and_leaves_no_record(store: Store) -> None:
    """What it had written so far does not count."""
    options = DriftOptions(case="tiny", home=str(store.home))
    run = open_run(options)
    with pytest.raises(ValueError, match="broken"), run.step("drift", options):
        raise ValueError("broken")

    assert not is_held(store.home, "tiny")
    assert store.records("tiny", IngestRecord)
    assert list(store.records("tiny", ValidateRecord)) == []


def test_an_unknown_case_is_refused_with_the_known_ones(store: Store) -> None:
    """In a notebook, too."""
    with pytest.raises(OptionError, match=r"no case 'bike'\. Choose one of: broken, tiny"):
        open_run(Options(case="bike", home=str(store.home)))
