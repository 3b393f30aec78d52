"""A schedule that is replayed, caught up with, or asked twice."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import in_process
import pytest

import pipeline.case
from pipeline.errors import OptionError, SourceError
from pipeline.runner import Order, performing, run_due, run_orders
from pipeline.runner.content import contents
from pipeline.runner.schedule import due, orders_at, parse_every, parse_moment, times
from pipeline.store import Store

DAY = timedelta(days=1)
FIRST = datetime(2024, 2, 20, tzinfo=UTC)
DAYS = ["2024-02-20", "2024-02-21", "2024-02-22"]
LIGHT = {"folds": 1, "candidates": "ridge"}


@pytest.fixture(autouse=True)
def untracked(monkeypatch: pytest.MonkeyPatch, small_cases: None) -> None:
    """MLflow is left out: its database takes seconds to make."""
    monkeypatch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)


def quiet(line: str) -> None:
    """Nobody reads along."""


def at(day: int) -> datetime:
    return FIRST + day * DAY


def fire(store: Store, day: int, say: Any = quiet) -> list[str]:
    """The schedule of every day fires on that day; the as-of times of the runs that it makes."""
    order = Order(as_of=at(day).isoformat(), own=LIGHT)
    before = set(store.run_ids("tiny"))
    run_due(store, ["tiny"], order, every=DAY, say=say)
    made = [store.run_record("tiny", run_id) for run_id in store.run_ids("tiny")]
    return [str(run.as_of)[:10] for run in made if run and run.run_id not in before]


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home once the schedule has fired on the first day; copy it before writing to it."""
    home = tmp_path_factory.mktemp("first") / "home"
    with pytest.MonkeyPatch.context() as patch:
        in_process.apply(patch.setattr)
        patch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)
        assert fire(Store.at(home), 0) == ["2024-02-20"]
    pipeline.case.find_cases.cache_clear()
    return home


def begun(first_day: Path, home: Path) -> Store:
    """A home in which the schedule has fired on the first day."""
    shutil.copytree(first_day, home)
    return Store.at(home)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_length_is_a_number_with_its_unit(text: str, length: timedelta) -> None:
    """Minutes, hours, days and weeks."""
    assert parse_every(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5h", "7 days"])
def test_another_length_is_refused_with_how_to_write_it(text: str) -> None:
    """A schedule of no length would never end."""
    with pytest.raises(OptionError, match="write it like 7d"):
        parse_every(text)


def test_a_time_that_is_none_is_refused_with_its_option() -> None:
    """And how to write it."""
    with pytest.raises(OptionError, match=r"--from: 'soon' is not a time; write it like"):
        parse_moment("--from", "soon")


def test_times_go_from_the_first_to_the_last() -> None:
    """Both included."""
    assert times(at(0), at(14), 7 * DAY) == [at(0), at(7), at(14)]
    assert times(at(0), at(13), 7 * DAY) == [at(0), at(7)]


def test_times_that_end_before_they_begin_are_refused() -> None:
    """Else nothing would be done, without a word."""
    with pytest.raises(OptionError, match="that is not before --from"):
        times(at(1), at(0), DAY)


def test_a_backfill_makes_a_run_a_date_and_none_the_second_time(store: Store) -> None:
    """Each sees what was known then, and the champion of the dates before."""
    orders = {"tiny": orders_at(Order(own=LIGHT), times(at(0), at(2), DAY))}
    said: list[str] = []
    first = run_orders(store, orders, say=said.append, replayed=True)["tiny"]
    again = run_orders(store, orders, say=said.append, replayed=True)["tiny"]
    runs = [store.run_record("tiny", run_id) for run_id in store.run_ids("tiny")]

    assert [str(run.as_of)[:10] for run in runs if run] == [
        "2024-02-20",
        "2024-02-21",
        "2024-02-22",
    ]
    assert [ran.new for ran in first] == [True] * 3
    assert [ran.run_id for ran in again] == [ran.run_id for ran in first]
    assert [line.split()[1] for line in said] == [at(day).isoformat()[:16] for day in range(3)] * 2
    assert ["as before" in line for line in said] == [False] * 3 + [True] * 3


def test_a_backfill_that_ended_early_is_gone_on_with(store: Store) -> None:
    """Its records are those of one that was not disturbed."""
    whole, half = Store.at(store.home / "whole"), Store.at(store.home / "half")
    moments = times(at(0), at(2), DAY)
    run_orders(whole, {"tiny": orders_at(Order(own=LIGHT), moments)}, say=quiet)
    for until in (1, 3):
        run_orders(half, {"tiny": orders_at(Order(own=LIGHT), moments[:until])}, say=quiet)

    assert contents(half, "tiny") == contents(whole, "tiny")


def test_a_date_with_too_little_history_does_not_stop_a_backfill(store: Store) -> None:
    """As the schedule would have gone on."""
    moments = [datetime(2024, 1, 16, tzinfo=UTC), at(0)]
    orders = {"tiny": orders_at(Order(own=LIGHT), moments)}
    found = run_orders(store, orders, say=quiet, replayed=True)["tiny"]

    assert [ran.outcome for ran in found] == ["failed", "done"]


def test_a_case_that_never_ran_is_due_once(store: Store) -> None:
    """For the newest time of the grid; whoever asks counts the same times."""
    moment = datetime(2024, 2, 21, 15, 30, tzinfo=UTC)

    assert due(store, "tiny", Order(), every=DAY, until=moment) == [at(1)]
    assert due(store, "tiny", Order(), every=7 * DAY, until=moment) == [at(-1)]


def test_what_was_missed_is_caught_up_in_order(tmp_path: Path, first_day: Path) -> None:
    """The schedule did not fire for two days."""
    store = begun(first_day, tmp_path / "home")

    assert fire(store, 3) == ["2024-02-21", "2024-02-22", "2024-02-23"]


def test_a_schedule_that_fires_twice_does_nothing_the_second_time(
    tmp_path: Path, first_day: Path
) -> None:
    """It says so, and notes that it looked."""
    store = begun(first_day, tmp_path / "home")
    said: list[str] = []

    assert fire(store, 0, said.append) == []
    assert said == ["tiny       nothing due  as of 2024-02-20 00:00 UTC"]
    looked = store.check("tiny")
    assert looked is not None
    assert not looked.new


def test_a_time_that_failed_is_due_again_before_those_after_it(
    tmp_path: Path, first_day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after rests on it."""
    store = begun(first_day, tmp_path / "home")
    real = performing.execute

    def down(notebook: Any, output: Path, values: dict[str, Any], **rest: Any) -> None:
        raise SourceError("nobody answers")

    monkeypatch.setattr(performing, "execute", down)
    fire(store, 2)
    monkeypatch.setattr(performing, "execute", real)

    assert fire(store, 2) == ["2024-02-21", "2024-02-22"]


def test_simulated_data_need_to_be_told_until_when(store: Store) -> None:
    """They end, and the clock does not."""
    with pytest.raises(OptionError, match="say with --as-of up to when"):
        run_due(store, ["tiny"], Order(), every=DAY, say=quiet)


def test_skipped_and_doubled_schedules_end_in_the_same_records(
    tmp_path: Path, first_day: Path
) -> None:
    """Whatever was dropped, once it is caught up."""
    plain, disturbed = (begun(first_day, tmp_path / name) for name in ("plain", "disturbed"))
    chance = random.Random(3)
    for day in range(1, 5):
        fire(plain, day)
        for _ in range(chance.choice([0, 0, 1, 2]) if day != 4 else 1):
            fire(disturbed, day)

    assert len(contents(plain, "tiny")) == 5
    assert contents(disturbed, "tiny") == contents(plain, "tiny")
