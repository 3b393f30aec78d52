"""The current window of the drift step may be what callers asked, and nothing newer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hand_made import Bench
from tables import expect, part_case, parts

from pipeline.calls import Call, CallLog, Predictions
from pipeline.errors import StateError, StepError
from pipeline.records import DriftRecord, IngestRecord
from pipeline.store import Store, project

HOUR = timedelta(hours=1)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Parts, learned from and validated, whose calls log lies beside them."""
    suite = expect(tmp_path, "weight")
    monkeypatch.setattr(project, "suite", lambda case: suite)
    found = Bench(store=Store.at(tmp_path / "home"), case=part_case())
    found.do("ingest", "validate")
    return found


def as_of(bench: Bench) -> datetime:
    record = bench.store.record("parts", "run-1", IngestRecord)
    assert record
    return record.as_of


def log(bench: Bench, records: Iterable[dict[str, Any]], moment: datetime) -> None:
    """A call for each record, as the service writes them."""
    kept = CallLog(bench.store.calls_file, keep_days=100_000)
    kept.open()
    for number, record in enumerate(records):
        kept.add(
            Call(
                id=f"{number:016x}",
                time=moment.timestamp(),
                key="",
                method="POST",
                route="/v1/{case}/predict",
                case="parts",
                status=200,
                problem="",
                milliseconds=1.0,
                records=1,
                model="m",
                input=json.dumps({"records": [record]}).encode(),
                predictions=Predictions(None, [1.0]),
            )
        )
    kept.close()


def questions(count: int = 300, larger: float = 0.0) -> list[dict[str, Any]]:
    rows = parts(seed=42).dropna(subset="size").head(count)
    sizes = zip(rows["mould"], rows["size"] + larger, strict=True)
    return [{"mould": mould, "size": size} for mould, size in sizes]


def drifted(bench: Bench) -> DriftRecord:
    bench.do("drift", current="calls")
    found = bench.store.record("parts", "run-1", DriftRecord)
    assert found
    return found


def test_callers_who_ask_of_larger_parts_are_noticed(bench: Bench) -> None:
    """The column that they sent is compared with what was observed; the truth, which no question
    holds, is not. Ten weeks of history don't tell what the season does to it: they are far larger.
    """
    log(bench, questions(larger=60.0), as_of(bench) - HOUR)

    found = drifted(bench)

    assert {"mould", "size"} == {column.column for column in found.columns}
    assert ["size"] == [column.column for column in found.columns if column.alarm]
    assert 300 == found.current.rows
    assert "calls" == found.parameters["current"]
    assert "The current window is what callers asked: 300 different records." in found.sentence


def test_callers_who_ask_of_the_same_parts_raise_no_alarm(bench: Bench) -> None:
    """What is asked is what was observed."""
    log(bench, questions(), as_of(bench) - HOUR)

    assert not [column.column for column in drifted(bench).columns if column.alarm]


def test_a_question_that_is_asked_again_counts_once(bench: Bench) -> None:
    """A caller who repeats one question makes no window of it."""
    log(bench, questions(20) * 50, as_of(bench) - HOUR)

    with pytest.raises(StepError, match=r"sent 20 different records .* 30 are needed"):
        bench.do("drift", current="calls")


@pytest.mark.parametrize("after", [timedelta(0), HOUR])
def test_no_call_from_after_the_run_is_seen(bench: Bench, after: timedelta) -> None:
    """A run of the past knows only what had been asked by then, and says when calls came."""
    moment = as_of(bench) + after
    log(bench, questions(larger=15.0), moment)
    told = f"sent 0 different records .* The newest call is of {moment:%Y-%m-%d %H:%M} UTC. Choose"

    with pytest.raises(StepError, match=told):
        bench.do("drift", current="calls")


def test_calls_before_the_window_are_not_in_it(bench: Bench) -> None:
    """The window is as long as the case or the parameter says."""
    log(bench, questions(), as_of(bench) - timedelta(days=5))

    with pytest.raises(StepError, match="sent 0 different records"):
        bench.do("drift", current="calls", current_days=4)


def test_records_without_a_watched_column_are_no_window(bench: Bench) -> None:
    """It is told which columns are watched."""
    log(bench, [{"batch": f"batch {number}"} for number in range(40)], as_of(bench) - HOUR)

    with pytest.raises(StepError, match=r"hold none of the columns that are watched \(.*size"):
        bench.do("drift", current="calls")


def test_without_a_log_the_remedy_is_told(bench: Bench) -> None:
    """Nothing falls back to the observations."""
    with pytest.raises(StateError, match="There is no call log"):
        bench.do("drift", current="calls")
