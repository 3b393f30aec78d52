"""Dates of a backfill that overlap: the same records as one after the other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import in_process
import pytest

import pipeline.case
import pipeline.runner
from pipeline.errors import StepError
from pipeline.options import NotebookName
from pipeline.runner import Order, Ran, executors, performing, run_orders
from pipeline.runner.content import contents
from pipeline.runner.schedule import orders_at, times
from pipeline.runner.turns import Turn
from pipeline.store import Store
from pipeline.store.locks import hold, is_held

DAY = timedelta(days=1)
FIRST = datetime(2024, 2, 20, tzinfo=UTC)
ORDERS = orders_at(
    Order(own={"folds": 1, "candidates": "ridge"}), times(FIRST, FIRST + 2 * DAY, DAY)
)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch, small_cases: None) -> None:
    """And no MLflow: its database takes seconds to make."""
    monkeypatch.setattr(pipeline.runner, "mirror", lambda store, cases, *, say: None)
    monkeypatch.setattr(executors, "cores_here", lambda: 2)


def replayed(store: Store, said: list[str] | None = None) -> tuple[Ran, ...]:
    say: Any = [].append if said is None else said.append
    return run_orders(store, {"tiny": ORDERS}, say=say, replayed=True)["tiny"]


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same dates, one after the other; copy it before writing to it."""
    store = Store.at(tmp_path_factory.mktemp("sequence") / "home")
    with pytest.MonkeyPatch.context() as patch:
        in_process.apply(patch.setattr)
        patch.setattr(pipeline.runner, "mirror", lambda store, cases, *, say: None)
        patch.setattr(executors, "cores_here", lambda: 1)
        run_orders(store, {"tiny": ORDERS}, say=[].append)
    pipeline.case.find_cases.cache_clear()
    return store


@pytest.fixture
def plain(sequence: Store) -> dict[str, Any]:
    """The records of a sequence."""
    return contents(sequence, "tiny")


def watched(monkeypatch: pytest.MonkeyPatch, before: Callable[[NotebookName, str], None]) -> None:
    """Calls `before` with the notebook and the as-of date of every execution."""

    def execute(notebook: NotebookName, output: Path, values: dict[str, Any], **given: Any) -> None:
        before(notebook, values["as_of"][:10])
        in_process.execute(notebook, output, values, **given)

    monkeypatch.setattr(performing, "execute", execute)


def test_overlapping_dates_leave_the_records_of_a_sequence(
    store: Store, plain: dict[str, Any]
) -> None:
    """Decisions, numbers, table versions and the bytes of all files."""
    said: list[str] = []
    done = replayed(store, said)

    assert [("done", True)] * 3 == [(ran.outcome, ran.new) for ran in done]
    assert plain == contents(store, "tiny")
    assert [order.as_of[:16] for order in ORDERS] == [line.split()[1] for line in said]
    assert not is_held(store.home, "tiny")


def test_data_are_taken_in_while_the_date_before_is_judged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And models are compared while the drift is measured, where nothing will be trained."""
    meeting: dict[tuple[str, str], threading.Barrier] = {}
    for one, other in (
        (("3-drift", "2024-02-20"), ("1-ingest", "2024-02-21")),
        (("5-evaluate", "2024-02-21"), ("3-drift", "2024-02-21")),
    ):
        meeting[one] = meeting[other] = threading.Barrier(2)

    def before(notebook: NotebookName, day: str) -> None:
        if (notebook, day) in meeting:
            meeting[notebook, day].wait(300)

    watched(monkeypatch, before)

    assert ["done"] * 3 == [ran.outcome for ran in replayed(store)]


def test_models_are_asked_for_the_next_date_while_the_date_before_is_compared(
    store: Store, monkeypatch: pytest.MonkeyPatch, plain: dict[str, Any]
) -> None:
    """What is said of them waits for the decision of the date before."""
    both, order = threading.Barrier(2), []

    def before(notebook: NotebookName, day: str) -> None:
        if notebook == "5-evaluate" and day != "2024-02-20":
            both.wait(300)

    def prepared(turn: Turn) -> None:
        waited(turn)
        runs = [store.run_record("tiny", run_id) for run_id in store.run_ids("tiny")]
        order.append(["5-evaluate" in run.notebooks for run in runs if run][:-1])

    waited = Turn.wait
    watched(monkeypatch, before)
    monkeypatch.setattr(Turn, "wait", prepared)

    assert ["done"] * 3 == [ran.outcome for ran in replayed(store)]
    assert [True, True] == order[-1]
    assert plain == contents(store, "tiny")


def test_a_notebook_with_a_limit_of_time_does_not_wait_within_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is begun when its turn has come."""
    come: list[bool] = []

    def wait(turn: Turn) -> None:
        come.append(turn.has_come)
        waited(turn)

    waited = Turn.wait
    monkeypatch.setattr(Turn, "wait", wait)
    limited = orders_at(replace(ORDERS[0], step_seconds=600), times(FIRST, FIRST + 2 * DAY, DAY))
    run_orders(store, {"tiny": limited}, say=[].append, replayed=True)

    assert [True, True] == come


def test_what_broke_before_its_turn_is_done_again_in_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, plain: dict[str, Any]
) -> None:
    """The date before may change what it met."""
    broken: list[str] = []

    def before(notebook: NotebookName, day: str) -> None:
        if (notebook, day) == ("5-evaluate", "2024-02-22") and not broken:
            broken.append(day)
            raise StepError("It broke.")
        if (notebook, day) == ("5-evaluate", "2024-02-21"):
            while not broken:
                threading.Event().wait(0.01)

    watched(monkeypatch, before)

    assert ["done"] * 3 == [ran.outcome for ran in replayed(store)]
    assert plain == contents(store, "tiny")


def test_a_training_has_all_cores_and_the_others_share_them() -> None:
    """Of others, notebooks times their threads are never more than the cores; one of them fills the
    core that a training leaves while it reads, draws and writes.
    """
    order = Order(cores=4, overlaps=True)

    assert [2, 4, 2] == [order.cores_of(name) for name in ("3-drift", "4-train", "6-report")]
    assert 1 == Order(cores=1, overlaps=True).cores_of("3-drift")
    assert 4 == Order(cores=4).cores_of("3-drift")


@pytest.mark.parametrize("notebook", ["1-ingest", "5-evaluate", "6-report"])
def test_an_interrupted_replay_is_gone_on_with(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    plain: dict[str, Any],
    notebook: NotebookName,
) -> None:
    """Whatever ran is recorded as interrupted, nothing is held, and the end is the same."""

    def before(at: NotebookName, day: str) -> None:
        if (at, day) == (notebook, "2024-02-21"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        watched(patch, before)
        with pytest.raises(KeyboardInterrupt):
            replayed(store)
    runs = [store.run_record("tiny", run_id) for run_id in store.run_ids("tiny")]

    assert {"interrupted"} == {run.failure for run in runs if run and run.outcome != "done"}
    assert not is_held(store.home, "tiny")
    replayed(store)
    assert plain == contents(store, "tiny")


def test_a_replay_that_is_stopped_begins_no_other_date(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several jobs it is on a thread, and hears of an interrupt by the notebook that ends."""
    seen: list[str] = []

    def before(at: NotebookName, day: str) -> None:
        seen.append(day)
        if (at, day) == ("5-evaluate", "2024-02-20"):
            raise StepError.for_interrupt(at)

    watched(monkeypatch, before)
    more = orders_at(ORDERS[0], times(FIRST, FIRST + 5 * DAY, DAY))
    (ran,) = run_orders(store, {"tiny": more}, say=[].append, replayed=True)["tiny"]

    assert "failed" == ran.outcome
    assert not {"2024-02-24", "2024-02-25"} & set(seen)


def test_a_date_that_fails_does_not_stop_those_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it fails."""

    def before(at: NotebookName, day: str) -> None:
        if (at, day) == ("3-drift", "2024-02-21"):
            raise StepError("It broke.")

    watched(monkeypatch, before)

    assert ["done", "failed", "done"] == [ran.outcome for ran in replayed(store)]


def test_a_case_that_another_holds_ends_the_replay(store: Store, sequence: Store) -> None:
    """With who holds it; what stands already is still told."""
    shutil.copytree(sequence.home, store.home)
    with hold(store.home, "tiny", "noon"):
        assert ["done"] * 3 == [ran.outcome for ran in replayed(store)]
    more = (*ORDERS, *orders_at(ORDERS[0], [FIRST + 3 * DAY, FIRST + 4 * DAY]))
    with hold(store.home, "tiny", "noon"):
        found = run_orders(store, {"tiny": more}, say=[].append, replayed=True)["tiny"]

    assert ["done", "done", "done", "held"] == [ran.outcome for ran in found]
    assert "since noon" in found[-1].sentence
