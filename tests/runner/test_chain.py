"""One run of one case: its notebooks in order, until the end, a failed gate or a failure."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_cases.tiny import LAST_KNOWN

from pipeline.errors import OptionError, SourceError, StateError, StepError
from pipeline.options import NOTEBOOKS
from pipeline.records import (
    DecideRecord,
    IngestRecord,
    PromoteRecord,
    ReportRecord,
    RunRecord,
    TrainRecord,
    ValidateRecord,
)
from pipeline.runner import Order, exit_code, performing, run_cases
from pipeline.runner.chain import run_case
from pipeline.store import Store
from pipeline.store.locks import hold, is_held

pytestmark = pytest.mark.usefixtures("small_cases")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    """A home of one's own after one run of the tiny case."""
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow is left out: its database takes seconds to make."""
    monkeypatch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)


def test_a_first_run_leaves_every_record_and_a_champion(tiny_home: Path) -> None:
    """All six notebooks are done, and the model beats last day's value."""
    store = Store.at(tiny_home)
    whole = store.run_record("tiny", "first")
    promoted = store.record("tiny", "first", PromoteRecord)

    assert whole is not None
    assert whole.notebooks == tuple(NOTEBOOKS)
    assert (whole.outcome, whole.failed_notebook) == ("done", "")
    assert whole.as_of == LAST_KNOWN
    assert whole.finished is not None
    assert promoted is not None
    assert promoted.champion.ref.candidate == "ridge"
    assert promoted.scores["rmse"] < promoted.baseline_scores["rmse"]
    assert not is_held(store.home, "tiny")


def test_a_second_run_that_is_forced_changes_no_table_and_keeps_the_champion(
    copied: Store, said: list[str]
) -> None:
    """Every notebook is executed, nothing is trained, and the run says so."""
    order = Order(anew="1-ingest")
    ran = run_case(copied, "tiny", order, run_id="second", say=said.append)
    arrived = copied.record("tiny", "second", IngestRecord)
    before = copied.record("tiny", "first", IngestRecord)
    assert arrived is not None
    assert before is not None

    assert ran.outcome == "done"
    assert ran.reused == {}
    assert "4-train" not in ran.notebooks
    assert [line.split()[1:3] for line in said][3] == ["4-train", "skipped"]
    assert copied.record("tiny", "second", TrainRecord) is None
    assert arrived.observations == before.observations
    assert (arrived.inserted, arrived.updated, arrived.unchanged) == (0, 0, arrived.read)
    held = copied.record("tiny", "second", PromoteRecord)
    assert held is not None
    assert (held.action, held.champion.ref.run_id) == ("hold", "first")


def test_a_stopped_gate_ends_the_run_and_the_champion_keeps_serving(
    copied: Store, said: list[str]
) -> None:
    """The notebooks after it are not run; the sentence says what stopped it."""
    order = Order(own={"most_quarantined": 0.0})
    ran = run_case(copied, "tiny", order, run_id="second", say=said.append)

    assert ran.outcome == "stopped"
    assert ran.notebooks == ("2-validate",)
    assert ran.reused == {"1-ingest": "first"}
    assert "STOPPED: The case stops here" in said[-1]
    assert "at most 0.0% may" in ran.sentence
    assert copied.record("tiny", "second", ReportRecord) is None
    champion = copied.champion("tiny")
    assert champion is not None
    assert champion.ref.run_id == "first"


def test_a_notebook_that_breaks_ends_the_run_with_its_message(
    store: Store, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's record names the notebook; its earlier steps stay recorded."""
    real = performing.execute

    def breaks(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        if notebook == "2-validate":
            raise SourceError("the suite is gone")
        real(notebook, output, values, **rest)

    monkeypatch.setattr(performing, "execute", breaks)
    ran = run_case(store, "tiny", Order(), run_id="first", say=said.append)

    assert (ran.outcome, ran.failed_notebook, ran.failure) == ("failed", "2-validate", "error")
    assert ran.sentence == "the suite is gone"
    assert ran.notebooks == ("1-ingest",)
    assert "2-validate" in said[-1]
    assert "FAILED    the suite is gone" in said[-1]
    assert store.record("tiny", "first", IngestRecord) is not None
    assert not is_held(store.home, "tiny")


@pytest.mark.parametrize(
    ("ending", "failure"),
    [(StepError.for_time("1-ingest", "it", 9.0), "timeout"), (KeyboardInterrupt(), "interrupted")],
)
def test_the_record_says_in_a_word_how_a_notebook_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch, ending: BaseException, failure: str
) -> None:
    """An interrupt is on record too, and still ends the whole command."""

    def ends(*given: Any, **named: Any) -> None:
        raise ending

    monkeypatch.setattr(performing, "execute", ends)
    with suppress(KeyboardInterrupt):
        run_case(store, "tiny", Order(), run_id="first", say=print)

    ran = store.run_record("tiny", "first")
    assert ran is not None
    assert ("failed", "1-ingest", failure) == (ran.outcome, ran.failed_notebook, ran.failure)
    assert ran.finished is not None
    assert not is_held(store.home, "tiny")


def test_the_promotion_of_a_refused_notebook_does_not_serve(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebook 5 wrote its record and was refused as hollow: there is no champion."""
    real = performing.execute

    def drops_evaluate(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        real(notebook, output, values, **rest)
        if notebook == "5-evaluate":
            (output.parent / "evaluate" / "record.json").unlink()

    monkeypatch.setattr(performing, "execute", drops_evaluate)
    ran = run_case(store, "tiny", Order(), run_id="first", say=lambda line: None)

    assert (ran.outcome, ran.failed_notebook) == ("failed", "5-evaluate")
    assert store.record("tiny", "first", PromoteRecord) is not None
    assert store.champion("tiny") is None


def test_a_case_that_fails_does_not_stop_the_others(
    store: Store, said: list[str], untracked: None
) -> None:
    """Both have a record, and the exit code is that of the worst."""
    done = run_cases(store, ["broken", "tiny"], Order(), say=said.append)

    assert [(each.case, each.outcome) for each in done] == [("broken", "failed"), ("tiny", "done")]
    assert done[0].sentence == "The waves can't be fetched. Try again tomorrow."
    assert store.cases() == ["broken", "tiny"]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        (["done"], 0),
        (["done", "stopped"], 3),
        (["stopped", "held", "done"], 5),
        (["failed", "held", "stopped"], 4),
    ],
)
def test_the_exit_code_is_that_of_the_worst_outcome(outcomes: list[Any], code: int) -> None:
    """As the command line documents them."""
    assert exit_code(outcomes) == code


def test_a_case_that_another_run_holds_is_left_and_the_others_go_on(
    store: Store, said: list[str], untracked: None
) -> None:
    """The line names who holds it; no record of a run is left behind."""
    with hold(store.home, "tiny", "dawn"):
        done = run_cases(store, ["tiny", "broken"], Order(), say=said.append)

    assert [each.outcome for each in done] == ["held", "failed"]
    assert said[0].startswith("tiny       not run     Case 'tiny' is being run by process")
    assert "since dawn" in said[0]
    assert store.run_ids("tiny") == []


def test_of_two_runs_of_one_case_at_once_one_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second learns who runs it, and the first ends as if alone."""
    real = performing.execute
    inside, go_on = threading.Event(), threading.Event()

    def waits(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        inside.set()
        go_on.wait(60)
        real(notebook, output, values, **rest)

    monkeypatch.setattr(performing, "execute", waits)
    found: list[RunRecord] = []
    first = threading.Thread(
        target=lambda: found.append(
            run_case(store, "broken", Order(), run_id="first", say=lambda line: None)
        )
    )
    first.start()
    inside.wait(60)
    with pytest.raises(StateError, match="is being run by process"):
        run_case(store, "broken", Order(), run_id="second", say=lambda line: None)
    go_on.set()
    first.join()

    assert store.run_ids("broken") == ["first"]
    assert found[0].sentence.startswith("The waves")


def test_a_run_is_on_record_while_it_is_running(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks meanwhile sees who runs it and how far it has come."""
    seen: list[RunRecord | None] = []
    real = performing.execute

    def looks(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        seen.append(store.run_record("tiny", "first"))
        if notebook == "2-validate":
            raise SourceError("enough")
        real(notebook, output, values, **rest)

    monkeypatch.setattr(performing, "execute", looks)
    run_case(store, "tiny", Order(), run_id="first", say=lambda line: None)

    assert [each and each.outcome for each in seen] == ["running", "running"]
    assert [each and each.notebooks for each in seen] == [(), ("1-ingest",)]
    assert seen[0] is not None
    assert seen[0].owner.startswith("process ")


def test_parameters_go_to_the_notebooks_that_have_them(store: Store) -> None:
    """`alpha` belongs to two notebooks, `folds` to one; the others never see them."""
    order = Order(own={"alpha": 0.1, "folds": 3}, as_of="2024-02-01")
    given = {name: order.values(name, "tiny", "/home", "run") for name in NOTEBOOKS}

    assert [name for name in NOTEBOOKS if "alpha" in given[name]] == ["3-drift", "5-evaluate"]
    assert [name for name in NOTEBOOKS if "folds" in given[name]] == ["4-train"]
    assert given["6-report"] == {
        "case": "tiny",
        "source": "sample",
        "data": "",
        "home": "/home",
        "run_id": "run",
        "as_of": "2024-02-01",
    }


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(own={"fold": 3}), r"'fold'; there are: .*folds"),
        (Order(own={"folds": "three"}), r"folds = 'three'"),
        (Order(own={"retrain": "sometimes"}), r"retrain = 'sometimes'"),
        (Order(as_of="yesterday"), r"as_of = 'yesterday'.*2021-06-01"),
        (Order(source="live"), r"has no source 'live'. Choose one of: files, sample"),
    ],
)
def test_an_order_that_can_not_be_used_is_refused_before_anything_runs(
    store: Store, order: Order, message: str
) -> None:
    """Nothing is written, not even the home."""
    with pytest.raises(OptionError, match=message):
        run_cases(store, ["tiny"], order, say=lambda line: None)

    assert not store.home.exists()


def test_all_unknown_parameters_are_named_at_once(store: Store) -> None:
    """Sorted, a line each."""
    with pytest.raises(OptionError) as caught:
        Order(own={"zeal": 1, "fold": 2}).check("tiny")

    assert [line[:10] for line in str(caught.value).splitlines()[1:]] == [
        "  - 'fold'",
        "  - 'zeal'",
    ]


def test_an_unknown_case_is_refused_before_the_known_ones_run(store: Store) -> None:
    """The message lists the cases that there are."""
    with pytest.raises(OptionError, match=r"no case 'bikse'. Choose one of: broken, tiny"):
        run_cases(store, ["tiny", "bikse"], Order(), say=lambda line: None)

    assert not store.home.exists()


def test_real_data_does_not_enter_a_home_of_simulated_data(copied: Store, untracked: None) -> None:
    """The case fails with both kinds named, and the table keeps its version."""
    (ran,) = run_cases(copied, ["tiny"], Order(source="files"), say=lambda line: None)

    assert ran.outcome == "failed"
    assert "holds 'simulated' data of case 'tiny', and this run asks for 'real'" in ran.sentence
    assert copied.table("tiny", "observations").version() == 0


def test_as_of_repeats_the_past_without_what_came_later(copied: Store) -> None:
    """A replay sees no later row and no later champion."""
    order = Order(as_of="2024-02-20")
    ran = run_case(copied, "tiny", order, run_id="replay", say=lambda line: None)
    checked = copied.record("tiny", "replay", ValidateRecord)
    decided = copied.record("tiny", "replay", DecideRecord)
    assert checked is not None
    assert decided is not None

    assert (ran.outcome, ran.as_of) == ("done", datetime(2024, 2, 20, tzinfo=UTC))
    assert checked.rows == 2 * 24 * 50
    assert decided.decision == "retrain"
    newest = copied.champion("tiny")
    assert newest is not None
    assert newest.ref.run_id == "first"


def test_a_run_without_a_home_of_its_own_is_an_error(tmp_path: Path) -> None:
    """Before any case runs."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StateError, match="can't be written"):
        run_cases(Store.at(tmp_path / "file"), ["tiny"], Order(), say=lambda line: None)
