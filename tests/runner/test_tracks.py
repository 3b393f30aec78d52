"""MLflow is told of runs that have ended while others go on."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.runner import tracks
from pipeline.runner.tracks import Tracks
from pipeline.store import Store
from pipeline.store.experiments import DATABASE


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.at(tmp_path)


def test_what_was_added_bit_by_bit_is_said_once_in_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line a case, not one a date."""
    told = threading.Semaphore(0)

    def catch_up(store: Store, case: str) -> int:
        told.release()
        return 6

    monkeypatch.setattr(tracks, "catch_up", catch_up)
    said: list[str] = []
    tracking = Tracks(store)
    for _ in range(2):
        tracking.soon("bikes")
        told.acquire()
    tracking.end(said.append)

    assert [line.split(" in ")[0] for line in said] == ["bikes      tracked     12 candidates"]


def test_a_new_schedule_finds_the_database_ready(store: Store) -> None:
    """Its tables are made while the first notebook waits for its kernel."""
    store.prepare()
    tracking = Tracks(store)
    tracking.prepare()
    tracking.end(lambda line: None)

    assert not tracking.broken
    with closing(sqlite3.connect(store.home / DATABASE)) as database:
        assert [(0,)] == database.execute("select count(*) from runs").fetchall()


def test_a_server_that_can_not_be_made_ready_is_not_told_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left to who asks at the end."""
    asked: list[str] = []

    def refuse(store: Store) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(tracks, "prepare", refuse)
    monkeypatch.setattr(tracks, "catch_up", lambda store, case: asked.append(case))
    tracking = Tracks(store)
    tracking.prepare()
    tracking.soon("bikes")
    tracking.end(lambda line: None)

    assert ([], True) == (asked, tracking.broken)


def test_runs_that_end_meanwhile_are_told_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One telling adds all that the records hold."""
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def catch_up(store: Store, case: str) -> int:
        asked.append(case)
        begun.set()
        go_on.wait()
        return 1

    monkeypatch.setattr(tracks, "catch_up", catch_up)
    tracking = Tracks(store)
    tracking.soon("bikes")
    begun.wait()
    for _ in range(5):
        tracking.soon("bikes")
    go_on.set()
    tracking.end(lambda line: None)

    assert asked == ["bikes", "bikes"]


def test_a_server_that_can_not_be_told_is_asked_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is met, and told of, when the runs have ended; nothing is said before."""
    asked: list[str] = []

    def catch_up(store: Store, case: str) -> int:
        asked.append(case)
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(tracks, "catch_up", catch_up)
    said: list[str] = []
    tracking = Tracks(store)
    tracking.soon("bikes")
    tracking.soon("states")
    tracking.end(said.append)

    assert (len(asked), said) == (1, [])
