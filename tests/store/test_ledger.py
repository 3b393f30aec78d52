"""Runs are read once: what follows from them is kept until they change."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.records import RunRecord
from pipeline.store import Store
from pipeline.store.ledger import Ledger


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(runs=store.home / "runs", file=store.home / "cache" / "ledger.db")


def ran(store: Store, run_id: str, day: int = 1, outcome: str = "done", **changes: Any) -> None:
    """A run as of a day of March 2024."""
    told = {"case": "tiny", "run_id": run_id, "source": "sample", "outcome": outcome, **changes}
    as_of = datetime(2024, 3, day, tzinfo=UTC)
    store.write_run(RunRecord.model_validate({"as_of": as_of, "started": as_of, **told}))


def counting(calls: list[str]) -> Callable[[str], str]:
    """Makes a fact of a run, and notes for which."""

    def make(run_id: str) -> str:
        calls.append(run_id)
        return f"fact of {run_id}"

    return make


def facts(ledger: Ledger, calls: list[str], version: str = "1") -> list[str]:
    return ledger.facts("tiny", "kind", version, ledger.lines("tiny"), counting(calls))


def test_runs_are_listed_in_the_stores_order(store: Store, ledger: Ledger) -> None:
    """By the time that they see up to; the second look, from the cache, says the same."""
    for run_id, day in (("a", 20), ("b", 1), ("c", 10)):
        ran(store, run_id, day)
    first = ledger.lines("tiny")

    assert store.run_ids("tiny") == [line.run_id for line in first]
    assert first == ledger.lines("tiny")


def test_a_fact_is_made_once(store: Store, ledger: Ledger) -> None:
    """Only a run that is new is asked about."""
    calls: list[str] = []
    ran(store, "a")
    facts(ledger, calls)
    ran(store, "b", 2)
    found = facts(ledger, calls)

    assert ["fact of a", "fact of b"] == found
    assert ["a", "b"] == calls


def test_a_fact_is_made_again_when_its_run_or_its_maker_is_another(
    store: Store, ledger: Ledger
) -> None:
    """A run that was gone on with, and another version of the code."""
    calls: list[str] = []
    ran(store, "a", outcome="failed")
    facts(ledger, calls)
    ran(store, "a", outcome="done")
    facts(ledger, calls)
    facts(ledger, calls, version="2")

    assert ["a", "a", "a"] == calls


def test_it_is_content_that_counts_and_not_a_files_time(store: Store, ledger: Ledger) -> None:
    """A home that was copied, all of its times new, is not read as if it were."""
    calls: list[str] = []
    ran(store, "a")
    facts(ledger, calls)
    os.utime(store.run_folder("tiny", "a") / "run.json", (1, 1))
    facts(ledger, calls)

    assert ["a"] == calls


def test_a_run_that_has_not_ended_is_read_at_every_look(store: Store, ledger: Ledger) -> None:
    """A step's record arrives without a change of `run.json`."""
    ran(store, "a", outcome="running")
    (before,) = ledger.lines("tiny")
    step = store.run_folder("tiny", "a") / "ingest"
    step.mkdir()
    (step / "record.json").write_text("{}")
    (after,) = ledger.lines("tiny")

    assert "" == before.stat == after.stat
    assert before.digest != after.digest


def test_a_run_that_was_removed_is_forgotten(store: Store, ledger: Ledger) -> None:
    """Neither its line nor what was made of it stays."""
    ran(store, "a")
    facts(ledger, [])
    (store.run_folder("tiny", "a") / "run.json").unlink()
    store.run_folder("tiny", "a").rmdir()

    assert () == ledger.lines("tiny")
    with closing(sqlite3.connect(ledger.file)) as base:
        assert [] == base.execute("SELECT run_id FROM facts").fetchall()


@pytest.mark.parametrize("content", [b"no database", b""])
def test_a_damaged_cache_is_made_anew(store: Store, ledger: Ledger, content: bytes) -> None:
    """Nothing in it is state."""
    calls: list[str] = []
    ran(store, "a")
    ledger.file.parent.mkdir(parents=True)
    ledger.file.write_bytes(content * 1000)
    facts(ledger, calls)
    facts(ledger, calls)

    assert ["a"] == calls


def test_without_a_place_to_keep_them_facts_are_made_each_time(
    store: Store, ledger: Ledger
) -> None:
    """The folder of the cache is a file here."""
    calls: list[str] = []
    ran(store, "a")
    (store.home / "cache").write_text("in the way")

    assert ["fact of a"] == facts(ledger, calls) == facts(ledger, calls)
    assert ["a", "a"] == calls


def test_a_damaged_run_has_a_line(store: Store, ledger: Ledger) -> None:
    """Whoever reads it as a record refuses it, and names it."""
    folder = store.run_folder("tiny", "a")
    folder.mkdir(parents=True)
    Path(folder / "run.json").write_text("[1, 2")

    assert ["a"] == [line.run_id for line in ledger.lines("tiny")]


def test_a_case_that_never_ran_has_no_lines(ledger: Ledger) -> None:
    """Nothing is made for asking."""
    assert () == ledger.lines("nobody")


def test_old_runs_that_have_ended_are_looked_at_only_when_asked(
    store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run never changes once it has ended. One that has not is looked at however old it is, and
    a new one is found wherever it stands."""
    monkeypatch.setattr("pipeline.store.ledger.LOOKED_AT", 2)
    for day, run_id in enumerate("abcd", 1):
        ran(store, run_id, day, outcome="running" if run_id == "b" else "done")
    before = {line.run_id: line for line in ledger.lines("tiny")}
    for day, run_id in enumerate("abc", 1):
        ran(store, run_id, day, outcome="failed", sentence="It broke.")
    ran(store, "aa", 1)
    after = {line.run_id: line for line in ledger.lines("tiny")}
    thorough = replace(ledger, thorough=True).lines("tiny")

    assert {"b", "c", "aa"} == {name for name in after if after[name] != before.get(name)}
    assert after["a"] not in thorough
