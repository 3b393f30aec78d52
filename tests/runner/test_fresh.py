"""What an earlier run has done is taken over when nothing that it rests on has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_cases import tiny

import pipeline.case
from pipeline.errors import OptionError
from pipeline.options import NOTEBOOKS
from pipeline.records import PromoteRecord, ReportRecord, RunRecord
from pipeline.runner import Order, performing, run_cases
from pipeline.runner.chain import run_case
from pipeline.runner.order import find_notebook
from pipeline.sources import fingerprints
from pipeline.store import Store, project

pytestmark = pytest.mark.usefixtures("small_cases")


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    """A home of one's own after one run of the tiny case."""
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def rerun(copied: Store) -> Callable[..., RunRecord]:
    """Runs the tiny case again, as `second`."""

    def run(run_id: str = "second", **order: Any) -> RunRecord:
        return run_case(copied, "tiny", Order(**order), run_id=run_id, say=lambda line: None)

    return run


def changed_source(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """The tiny case with another simulation."""
    case = tiny.case("tiny", tiny.TinySource(simulated=True, **changes))
    monkeypatch.setattr(tiny, "CASE", case)
    pipeline.case.find_cases.cache_clear()


def test_a_run_is_the_newest_though_the_clock_was_set_back(copied: Store) -> None:
    """Of one as-of time, the one that was done last comes last."""
    done = [
        run_cases(
            copied,
            ["tiny"],
            Order(anew="6-report"),
            say=lambda line: None,
            now=lambda day=day: datetime(2024, 6, day, tzinfo=UTC),
        )
        for day in (2, 1)
    ]
    ids = [ran.run_id for (ran,) in done]

    assert ["20240602T000000000000Z", "20240602T000000000001Z"] == ids
    assert ids == copied.run_ids("tiny")[:2]


def test_a_second_run_with_nothing_new_makes_no_run(copied: Store) -> None:
    """It says which run stands, and notes when it looked."""
    said: list[str] = []
    ran = run_case(copied, "tiny", Order(), run_id="second", say=said.append)
    report = copied.record("tiny", "first", ReportRecord)
    looked = copied.check("tiny")
    assert report is not None
    assert looked is not None

    assert ran.run_id == "first"
    assert copied.run_ids("tiny") == ["first"]
    assert said == [f"tiny       nothing new  run first stands: {report.sentence}"]
    assert (looked.run_id, looked.new, looked.as_of) == ("first", False, tiny.LAST_KNOWN)
    assert ran.finished is not None
    assert looked.looked > ran.finished


@pytest.mark.parametrize(
    ("own", "executed"),
    [
        ({"days": 50}, ["1-ingest"]),
        ({"most_quarantined": 0.5}, ["2-validate", "6-report"]),
        ({"current_days": 8}, ["3-drift", "5-evaluate", "6-report"]),
        ({"folds": 3, "retrain": "always"}, ["3-drift", "4-train", "5-evaluate", "6-report"]),
        ({"margin": 0.5}, ["5-evaluate", "6-report"]),
        ({"runs": 3}, ["6-report"]),
    ],
)
def test_another_parameter_makes_anew_what_rests_on_it(
    rerun: Callable[..., RunRecord], own: dict[str, Any], executed: list[str]
) -> None:
    """The notebooks before it are taken over; so are those after it that find all as it was."""
    ran = rerun(own=own)
    taken = set(NOTEBOOKS) - set(executed)
    kept = {"4-train"} if "3-drift" in executed and "4-train" not in executed else set()

    assert list(ran.notebooks) == executed
    assert ran.reused == dict.fromkeys(taken - kept, "first")
    assert rerun("third", own=own).run_id == "second"


def test_a_record_that_was_taken_over_is_that_of_the_earlier_run(
    copied: Store, rerun: Callable[..., RunRecord]
) -> None:
    """Whoever asks for the record of a run gets it, once."""
    rerun(own={"runs": 3})
    promoted = copied.record("tiny", "second", PromoteRecord)
    assert promoted is not None

    assert promoted.run_id == "first"
    assert list(copied.records("tiny", PromoteRecord)) == [promoted]
    assert copied.promotions("tiny") == [promoted]


@pytest.mark.parametrize("name", ["code_version", "lock_digest"])
def test_other_code_or_other_libraries_make_all_anew(
    rerun: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What they would change is not known. The champion is good still, so none is trained."""
    monkeypatch.setattr(project, name, lambda: "another")

    assert set(rerun().notebooks) == set(NOTEBOOKS) - {"4-train"}


def test_another_notebook_is_executed_and_what_finds_all_as_it_was_is_not(
    rerun: Callable[..., RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2-validate comes to the same rows; only the report tells what it found."""
    shutil.copytree(project.NOTEBOOKS, tmp_path / "notebooks")
    path = tmp_path / "notebooks" / "2-validate.ipynb"
    document = json.loads(path.read_text())
    document["cells"][0]["source"] = "# Another title"
    path.write_text(json.dumps(document))
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path / "notebooks")

    assert rerun().notebooks == ("2-validate", "6-report")


def test_other_expectations_are_checked_again(
    rerun: Callable[..., RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite is an input as the table is."""
    suite = tmp_path / "suite.json"
    suite.write_text(project.suite("tiny").read_text() + "\n")
    monkeypatch.setattr(project, "suite", lambda case: suite)

    assert rerun().notebooks == ("2-validate", "6-report")


def test_a_source_that_holds_the_same_under_another_setting_is_read_and_no_more(
    rerun: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table keeps its version, so nothing after 1-ingest has anything new."""
    changed_source(monkeypatch, note="said otherwise")

    assert rerun().notebooks == ("1-ingest",)


def test_a_source_that_can_not_be_known_is_read_every_time(
    rerun: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher's address; what comes after is taken over while the table is as it was."""
    monkeypatch.setattr("pipeline.runner.stamps.fingerprint", lambda *given: None)

    assert [rerun(f"{number}-th").notebooks for number in range(2, 4)] == [("1-ingest",)] * 2


def test_rows_that_came_by_another_run_make_all_anew(
    copied: Store, rerun: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is as it was for the first run, and the table is not."""
    real = tiny.observations
    with monkeypatch.context() as other:
        other.setattr(tiny, "observations", lambda: real(seed=8))
        changed_source(other, note="another seed")
        rerun()
    pipeline.case.find_cases.cache_clear()

    assert copied.table("tiny", "observations").newest_version() == 1
    assert rerun("third").notebooks[:2] == ("1-ingest", "2-validate")


@pytest.mark.parametrize("gone", ["5-evaluate.ipynb", "promote/record.json"])
def test_what_was_removed_is_made_anew(
    copied: Store, rerun: Callable[..., RunRecord], gone: str
) -> None:
    """A run folder that somebody tidied up."""
    (copied.run_folder("tiny", "first") / gone).unlink()

    assert rerun().notebooks[0] == "5-evaluate"


def test_a_run_that_failed_is_gone_on_with(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had done is taken over."""
    real = performing.execute

    def breaks(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        if notebook == "3-drift":
            raise OptionError("no such thing")
        real(notebook, output, values, **rest)

    monkeypatch.setattr(performing, "execute", breaks)
    failed = run_case(store, "tiny", Order(), run_id="first", say=lambda line: None)
    monkeypatch.setattr(performing, "execute", real)
    ran = run_case(store, "tiny", Order(), run_id="second", say=lambda line: None)

    assert (failed.outcome, failed.failure) == ("failed", "error")
    assert ran.outcome == "done"
    assert ran.reused == {"1-ingest": "first", "2-validate": "first"}
    assert ran.notebooks == ("3-drift", "4-train", "5-evaluate", "6-report")


def test_a_gate_that_stopped_a_run_stops_it_again_without_a_new_run(
    copied: Store, rerun: Callable[..., RunRecord]
) -> None:
    """The outcome is the same; asked for otherwise, the case goes on."""
    order = {"own": {"most_quarantined": 0.0}}
    outcomes = [rerun(run_id, **order) for run_id in ("second", "third")]
    after = rerun("fourth")

    assert [(run.run_id, run.outcome) for run in outcomes] == [("second", "stopped")] * 2
    assert (after.run_id, after.outcome, after.notebooks) == ("fourth", "done", ())
    assert set(after.reused.values()) == {"first"}


@pytest.mark.parametrize(
    ("anew", "executed"),
    [
        ("1-ingest", ["1-ingest", "2-validate", "3-drift", "5-evaluate", "6-report"]),
        ("5-evaluate", ["5-evaluate", "6-report"]),
        ("6-report", ["6-report"]),
    ],
)
def test_what_is_asked_for_anew_is_executed_and_all_after_it(
    rerun: Callable[..., RunRecord], anew: Any, executed: list[str]
) -> None:
    """Though nothing has changed."""
    assert list(rerun(anew=anew).notebooks) == executed


@pytest.mark.parametrize(("anew", "kept"), [("4-train", False), (None, True)])
def test_a_training_that_is_asked_for_anew_recalls_no_fold(
    copied: Store, rerun: Callable[..., RunRecord], anew: Any, kept: bool
) -> None:
    """One that follows from other parameters does."""
    (copied.folds_folder("tiny") / "mark.npy").write_bytes(b"")
    rerun(anew=anew, own={"retrain": "always"})

    assert kept == (copied.folds_folder("tiny") / "mark.npy").exists()
    assert list(copied.folds_folder("tiny").glob("*.npy"))


def test_a_replay_of_the_past_stands_by_itself(
    copied: Store, rerun: Callable[..., RunRecord]
) -> None:
    """Twice it is done once, and what is newest stays the newest."""
    ran = [rerun(run_id, as_of="2024-02-20").run_id for run_id in ("second", "third")]

    assert ran == ["second", "second"]
    assert copied.run_ids("tiny") == ["second", "first"]
    assert rerun("third", as_of="2024-02-20T00:00:00Z").run_id == "second"


@pytest.mark.parametrize(
    ("name", "notebook"), [("train", "4-train"), ("4-train", "4-train"), ("decide", "3-drift")]
)
def test_a_notebook_is_named_by_itself_or_by_a_step(name: str, notebook: str) -> None:
    """As `--from` takes them."""
    assert find_notebook(name) == notebook


def test_an_unknown_step_is_refused_with_those_that_there_are() -> None:
    """Sorted."""
    with pytest.raises(
        OptionError, match=r"no step 'trian'. Choose one of: 1-ingest, .*, validate"
    ):
        find_notebook("trian")


def test_files_are_not_read_for_a_look(
    copied: Store, rerun: Callable[..., RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their digests are remembered in the home."""
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    (folder / "waves.csv").write_text("waves")
    home = Store.at(tmp_path / "real")
    order = Order(source="files", data=str(tmp_path / "data"))
    monkeypatch.setattr(fingerprints, "SETTLED_NS", -1)
    run_case(home, "tiny", order, run_id="first", say=lambda line: None)
    monkeypatch.setattr(fingerprints, "digest", None)

    again = run_case(home, "tiny", order, run_id="second", say=lambda line: None)
    (folder / "more.csv").write_text("more")
    monkeypatch.undo()

    assert again.run_id == "first"
