"""Cases side by side: on threads, and on the workers of a Dask cluster."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import OptionError
from pipeline.runner import Order, executors, performing, run_cases, run_orders
from pipeline.runner.content import contents
from pipeline.store import Store

pytestmark = pytest.mark.usefixtures("small_cases")


@pytest.fixture(autouse=True)
def untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow is left out: its database takes seconds to make."""
    monkeypatch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a scheduler with one worker, both in this process."""
    from distributed import LocalCluster

    with warnings.catch_warnings():
        # distributed 2026.8 warns of a busy port, of its own event loop and of its own sockets.
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as started:
            yield started.scheduler_address


def test_two_cases_run_at_the_same_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ends before the other has begun."""
    both = threading.Barrier(2, timeout=60)

    def meets(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        both.wait()
        raise OptionError("enough")

    monkeypatch.setattr(performing, "execute", meets)
    monkeypatch.setattr(executors, "cores_here", lambda: 4)
    said: list[str] = []
    done = run_cases(store, ["tiny", "broken"], Order(), say=said.append, jobs=2)

    assert [(ran.case, ran.outcome) for ran in done] == [("tiny", "failed"), ("broken", "failed")]
    assert sorted(line.split()[0] for line in said) == ["broken", "tiny"]


@pytest.mark.parametrize(("jobs", "cores"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_the_cores_are_shared_among_the_jobs(
    monkeypatch: pytest.MonkeyPatch, jobs: int, cores: int
) -> None:
    """Jobs times cores are no more than there are, but one for each."""
    monkeypatch.setattr(executors, "cores_here", lambda: 4)
    with executors.spread(jobs, "", "ticket", print) as place:
        assert place.cores == cores


def test_a_cluster_gives_the_same_records_as_this_machine(
    store: Store, cluster: str, tmp_path: Path
) -> None:
    """The lines of the worker arrive here; a case that fails there stops no other."""
    said: list[str] = []
    done = run_cases(store, ["broken", "tiny"], Order(), say=said.append, cluster=cluster)

    assert [ran.outcome for ran in done] == ["failed", "done"]
    here = Store.at(tmp_path / "here")
    run_cases(here, ["tiny"], Order(), say=lambda line: None)
    assert contents(store, "tiny") == contents(here, "tiny")
    assert any("broken     1-ingest     FAILED" in line for line in said)


def test_a_scheduler_that_does_not_answer_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do."""
    monkeypatch.setattr(executors, "SECONDS_TO_ANSWER", 0.2)
    with pytest.raises(OptionError, match=r"No Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        run_cases(store, ["tiny"], Order(), say=print, cluster="tcp://127.0.0.1:1")


def test_the_orders_of_a_case_are_done_in_order_and_end_with_the_first_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after rests on what came before."""
    asked: list[str] = []

    def breaks(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        asked.append(values["as_of"])
        raise OptionError("enough")

    monkeypatch.setattr(performing, "execute", breaks)
    orders = [Order(as_of="2024-02-01"), Order(as_of="2024-02-08")]
    found = run_orders(store, {"tiny": orders}, say=lambda line: None)

    assert asked == ["2024-02-01"]
    assert [ran.outcome for ran in found["tiny"]] == ["failed"]
