"""The call log: nothing is lost, nobody waits, and what was sent can be looked at again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from joined import joined

from pipeline.calls import (
    Actual,
    Added,
    Call,
    CallLog,
    Predictions,
    add_actuals,
    logged_inputs,
    newest_call,
    read_calls,
    record_keys,
)
from pipeline.errors import StateError
from pipeline.schema import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(name="counter", kind="category", description=""),
        Column(name="hour", kind="time", description=""),
        Column(name="count", kind="number", description=""),
        Column(name="rain", kind="number", description="", nullable=True),
    ),
    key=("counter", "hour"),
    target="count",
    time="hour",
)
HOURS = [datetime(2021, 3, 8, hour, tzinfo=UTC) for hour in range(3)]
KEYS = [
    pa.array(["north"] * 3),
    pa.array(HOURS, pa.timestamp("us", tz="UTC")),
]


def call(number: int, **other: Any) -> Call:
    records = [{"counter": "north", "hour": hour.isoformat(), "rain": 1.5} for hour in HOURS]
    standard: dict[str, Any] = {
        "id": f"{number:016x}",
        "time": time.time(),
        "key": "abcd",
        "method": "POST",
        "route": "/v1/{case}/predict",
        "case": "toy",
        "status": 200,
        "problem": "",
        "milliseconds": 1.5,
        "records": 3,
        "model": "m1",
        "input": json.dumps({"records": records}).encode(),
        "predictions": Predictions(KEYS, [1.0, 2.0, 3.0], [0.0, 1.0, 2.0], [2.0, 3.0, 4.0]),
    }
    return Call(**(standard | other))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "calls.db"


def written(path: Path, *calls: Call, **options: Any) -> Path:
    log = CallLog(path, **options)
    log.open()
    for each in calls:
        log.add(each)
    log.close()
    return path


def test_everything_that_was_added_is_there_when_the_log_has_ended(path: Path) -> None:
    """In order, with what was asked and answered; newest first when looked at."""
    written(path, *(call(number) for number in range(500)))

    found = read_calls(path, most=1000)

    assert [f"{number:016x}" for number in reversed(range(500))] == [each.id for each in found]
    assert ("abcd", "toy", 200, 3, "m1") == (
        found[0].key,
        found[0].case,
        found[0].status,
        found[0].records,
        found[0].model,
    )
    assert 64 == len(found[0].digest)


def test_calls_can_be_chosen(path: Path) -> None:
    """By case, key, status and time."""
    old = time.time() - 3600
    written(path, call(1), call(2, case="other"), call(3, status=422), call(4, key="x", time=old))

    def ids(**asked: Any) -> list[int]:
        return [int(each.id, 16) for each in read_calls(path, **asked)]

    assert [4, 3, 1] == ids(case="toy")
    assert [4] == ids(key="x")
    assert [3] == ids(least_status=400)
    assert [3, 2, 1] == ids(since=datetime.now(UTC) - timedelta(minutes=30))
    assert [4, 3] == ids(most=2)


def test_the_log_of_two_workers_is_one(path: Path) -> None:
    """Two writers share the file, and lose nothing."""
    logs = [CallLog(path), CallLog(path)]
    for log in logs:
        log.open()
    for number in range(200):
        logs[number % 2].add(call(number))
    for log in logs:
        log.close()

    assert 200 == len({each.id for each in read_calls(path, most=1000)})


def test_a_disk_that_fails_for_a_while_costs_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls wait, and are written when the disk is back."""
    log = CallLog(path)
    log.open()
    write = log._write

    def fail(calls: list[Call]) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(log, "_write", fail)
    log.add(call(1))
    with pytest.raises(sqlite3.OperationalError):
        log.flush()
    assert 1 == log.waiting
    monkeypatch.setattr(log, "_write", write)
    log.close()

    assert 1 == len(read_calls(path))


def test_a_disk_that_fails_is_told_once_and_so_is_its_return(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With what failed, what becomes of the calls, and the remedy; not ten times a second."""
    log = CallLog(path)
    log.open()
    tried = threading.Semaphore(0)
    write = log._write

    def fail(calls: list[Call]) -> None:
        tried.release()
        raise sqlite3.OperationalError("database or disk is full")

    with caplog.at_level("WARNING", logger="vigie.calls"):
        monkeypatch.setattr(log, "_write", fail)
        log.add(call(1))
        for _ in range(3):
            assert tried.acquire(timeout=30)
        monkeypatch.setattr(log, "_write", write)
        log.close()

    first, *_, last = [record.getMessage() for record in caplog.records]
    assert 2 == len(caplog.records)
    assert f"{path} can't be written: database or disk is full. Calls wait in memory" in first
    assert "Make room, or name another file in VIGIE_CALLS." in first
    assert f"{path} is written again. Calls lost: 0." == last


def test_calls_that_a_full_disk_takes_at_the_end_are_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = CallLog(path)
    log.open()

    def fail(calls: list[Call]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(log, "_write", fail)
    log.add(call(1))
    log.close()

    assert f"Calls lost, as {path} can't be written (database or disk is full): 1." == (
        caplog.records[-1].getMessage()
    )


def test_when_the_memory_set_aside_is_full_calls_are_dropped_and_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that can't be written doesn't eat the memory of the service."""
    monkeypatch.setattr("pipeline.calls.log.MOST_WAITING", 3)
    log = CallLog(path)
    for number in range(5):
        log.add(call(number))

    assert (3, 2) == (log.waiting, log.dropped)


def test_what_is_too_old_is_removed(path: Path) -> None:
    """Predictions and true values go with their calls."""
    written(path, call(1, time=time.time() - 3 * 86_400), call(2))
    log = CallLog(path, keep_days=2)
    log.open()
    log._clean()
    log.close()

    assert ["0000000000000002"] == [each.id for each in read_calls(path)]
    with sqlite3.connect(path) as connection:
        assert (3,) == connection.execute("SELECT count(*) FROM predictions").fetchone()
    connection.close()


def test_true_values_are_joined_by_key_and_by_call(path: Path) -> None:
    """The truth of a key is that of every prediction of it; one for a call counts before it."""
    written(path, call(1), call(2))
    names = record_keys(KEYS)

    matched = add_actuals(
        path,
        "toy",
        [Actual(str(names[0]), 10.0), Actual.of_call(f"{2:016x}", 0, 20.0), Actual("unknown", 1.0)],
        key="admin",
    )

    found = joined(path, "toy")
    assert Added(matched=3, complete=True) == matched
    assert [10.0, 20.0] == found.truth
    assert [1.0, 1.0] == found.predicted
    assert [0.0, 0.0] == found.low


MANY = 1000
MANY_KEYS = [
    pa.array([f"counter {number % 40}" for number in range(MANY)]),
    pa.array([HOURS[number % 3] for number in range(MANY)], pa.timestamp("us", tz="UTC")),
]


def of_many(number: int, **other: Any) -> Call:
    """A call of so many records that it is kept in one piece."""
    values = [float(place) for place in range(MANY)]
    records = [{"counter": name, "hour": HOURS[0].isoformat()} for name in MANY_KEYS[0].to_pylist()]
    sent = json.dumps({"records": records}).encode()
    answered = Predictions(MANY_KEYS, values, values, values)
    return call(number, **({"records": MANY, "input": sent, "predictions": answered} | other))


def test_true_values_find_the_records_of_large_calls(path: Path) -> None:
    """By key and by call, in whatever piece the log keeps them, before and after they are spread;
    a log of many thousand predictions that nobody asks for is small.
    """
    written(path, *(of_many(number) for number in range(25)))
    size = path.stat().st_size
    keys = record_keys(MANY_KEYS)
    same = keys.count(keys[5])

    first = add_actuals(path, "toy", [Actual(str(keys[5]), 10.0)], key="")
    written(path, of_many(99))
    again = add_actuals(path, "toy", [Actual.of_call(f"{99:016x}", 7, 20.0)], key="")

    found = joined(path, "toy")
    assert (Added(matched=0, complete=False), 1) == (first, again.matched)
    assert {10.0: 26 * same, 20.0: 1} == {
        value: found.truth.count(value) for value in set(found.truth)
    }
    assert 7.0 == found.predicted[found.truth.index(20.0)]
    assert size < 25 * MANY * 30


def test_the_truth_of_a_large_call_is_seen_in_what_was_sent(path: Path) -> None:
    """What was sent of it is kept compressed, and read as it was sent."""
    written(path, call(1))
    add_actuals(path, "toy", [Actual.of_call(f"{2:016x}", 6, 9.0)], key="")
    written(path, of_many(2))
    now = datetime.now(UTC)

    found = logged_inputs(path, "toy", SCHEMA, since=now - timedelta(1), until=now + timedelta(1))

    assert ["north"] * 3 + MANY_KEYS[0].to_pylist() == found["counter"].to_pylist()
    assert [9.0] == [value for value in found["count"].to_pylist() if value is not None]
    assert 9.0 == found["count"][3 + 6].as_py()


@pytest.mark.parametrize("keys", [MANY_KEYS, None])
def test_classes_of_large_calls_are_kept_too(path: Path, keys: Any) -> None:
    """A text has no interval, and a record may not hold the whole key."""
    classes = ["daisy", "dandelion"] * (MANY // 2)
    written(path, of_many(1, predictions=Predictions(keys, classes)))

    add_actuals(path, "toy", [Actual.of_call(f"{1:016x}", 3, "daisy")], key="")

    found = joined(path, "toy")
    assert (["dandelion"], ["daisy"], [None]) == (found.predicted, found.truth, found.low)


def test_a_true_value_that_is_corrected_replaces_the_first(path: Path) -> None:
    """The newest truth counts."""
    written(path, call(1))
    name = str(record_keys(KEYS)[1])
    for value in (5.0, 6.0):
        add_actuals(path, "toy", [Actual(name, value)], key="")

    assert [6.0] == joined(path, "toy").truth


def test_a_true_value_may_come_before_its_call(path: Path) -> None:
    """It waits for the prediction."""
    CallLog(path).open()
    early = add_actuals(path, "toy", [Actual(str(record_keys(KEYS)[2]), 7.0)], key="")
    assert 0 == early.matched

    written(path, call(1))

    assert [7.0] == joined(path, "toy").truth


def test_logged_inputs_are_observations(path: Path) -> None:
    """Columns and types of the schema; the target where its truth has come."""
    written(path, call(1), call(2, status=422), call(3, case="other"))
    add_actuals(path, "toy", [Actual(str(record_keys(KEYS)[1]), 9.0)], key="")
    now = datetime.now(UTC)

    found = logged_inputs(
        path, "toy", SCHEMA, since=now - timedelta(hours=1), until=now + timedelta(hours=1)
    )

    assert SCHEMA.arrow().types == found.schema.types[:-1]
    assert HOURS == found["hour"].to_pylist()
    assert [1.5] * 3 == found["rain"].to_pylist()
    assert [None, 9.0, None] == found["count"].to_pylist()
    assert 0 == logged_inputs(path, "toy", SCHEMA, since=now, until=now).num_rows


def test_a_truth_that_came_later_is_not_known_yet(path: Path) -> None:
    """A look at the past sees no true value that was sent after it."""
    written(path, call(1))
    until = datetime.now(UTC)
    add_actuals(path, "toy", [Actual(str(record_keys(KEYS)[1]), 9.0)], key="")

    found = logged_inputs(path, "toy", SCHEMA, since=until - timedelta(hours=1), until=until)

    assert [None] * 3 == found["count"].to_pylist()


def test_another_call_is_noticed_without_reading_all(path: Path) -> None:
    """What a drift check rests on changes with every call of its case before its moment."""
    now = datetime.now(UTC)
    assert not newest_call(path, "toy", until=now)
    written(path, call(1))
    first = newest_call(path, "toy", until=datetime.now(UTC))
    written(path, call(2), call(3, case="other"))

    second = newest_call(path, "toy", until=datetime.now(UTC))

    assert first != second
    assert not newest_call(path, "toy", until=now - timedelta(hours=1))


def test_a_log_of_digests_keeps_no_inputs_and_says_so(path: Path) -> None:
    """Where what was sent may not be kept, it is not, and drift can't use it."""
    written(path, call(1), inputs="digest")
    now = datetime.now(UTC)

    with pytest.raises(StateError, match="VIGIE_LOG_INPUTS=full"):
        logged_inputs(path, "toy", SCHEMA, since=now - timedelta(1), until=now + timedelta(1))
    with sqlite3.connect(path) as connection:
        assert (None,) == connection.execute("SELECT input FROM calls").fetchone()
    connection.close()


def test_no_log_is_an_error_with_the_remedy(path: Path) -> None:
    with pytest.raises(StateError, match="vigie serve"):
        read_calls(path)


KILLED = """
import sys, time
sys.path[:0] = sys.argv[2:]
from test_calls import call
from pathlib import Path
from pipeline.calls import CallLog
log = CallLog(Path(sys.argv[1])); log.open()
number = 0
while True:
    log.add(call(number)); print(log.written, flush=True); number += 1; time.sleep(0.002)
"""


def test_a_process_that_is_killed_loses_only_what_was_not_written_yet(path: Path) -> None:
    """After SIGKILL the file is whole, and holds in one piece from the first what the log counted
    as written, however fast the machine is.
    """
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fakes")]
    command = [sys.executable, "-c", KILLED, str(path), *folders]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] and int(lines[-1]) < 200:
            lines.append(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()

    written = max(int(line) for line in lines if line.endswith("\n"))
    kept = sorted(int(each.id, 16) for each in read_calls(path, most=10_000))
    assert list(range(len(kept))) == kept
    assert 200 <= written <= len(kept)
    with sqlite3.connect(path) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
