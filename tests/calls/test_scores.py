"""What is counted as truths come is what counting all from the start gives."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joined import joined

from pipeline.calls import Actual, Call, CallLog, Predictions, add_actuals, in_service
from pipeline.calls.database import connect
from pipeline.calls.predictions import FEW, spread
from pipeline.calls.sums import Sums
from pipeline.metrics import regression_metrics

NOW = time.time()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ["north", "south", "east"]
MEMORY = Path("/dev/shm")
NUMBERS = st.one_of(
    st.floats(-1000, 1000), st.sampled_from([0.0, -0.0, 5e-324, 1e20, 3.0, 0.1, 1e150])
)


def call(number: int, values: list[Any], hours_ago: float = 0.0, case: str = "toy") -> Call:
    """A call whose records ask the counters in turn."""
    keys = pa.array([NAMES[place % len(NAMES)] for place in range(len(values))])
    return Call(
        id=f"{number:016x}",
        time=NOW - 3600 * hours_ago,
        key="",
        method="POST",
        route="/v1/{case}/predict",
        case=case,
        status=200,
        problem="",
        milliseconds=1.0,
        records=len(values),
        predictions=Predictions([keys], values),
    )


def written(path: Path, *calls: Call) -> None:
    log = CallLog(path)
    log.open()
    for each in calls:
        log.add(each)
    log.close()


def scores(path: Path) -> dict[str, float]:
    spread(path)
    found = in_service(path, "toy", since=LONG_AGO)
    return found.sums.regression_metrics() if found else {}


def from_the_start(path: Path) -> dict[str, float]:
    found = joined(path, "toy")
    if not found.truth:
        return {}
    return regression_metrics(np.array(found.truth, float), np.array(found.predicted, float))


calls = st.tuples(
    st.just("call"), st.lists(NUMBERS, min_size=1, max_size=FEW + 4), st.floats(0, 50)
)
by_key = st.tuples(st.just("key"), st.sampled_from([*NAMES, "nowhere"]), NUMBERS)
by_call = st.tuples(st.just("place"), st.tuples(st.integers(1, 6), st.integers(0, 20)), NUMBERS)
spreads = st.tuples(st.just("spread"), st.none(), st.none())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(calls, by_key, by_call, spreads), max_size=8))
def test_scores_kept_up_are_those_counted_from_the_start(steps: list[Any]) -> None:
    """Whatever comes first, calls or truths, small or large, corrected or not."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder) / "calls.db"
        log = CallLog(path)
        log._connection = connect(path)
        number = 0
        for kind, what, value in steps:
            if kind == "call":
                number += 1
                log.add(call(number, what, value))
                log.flush()
            elif kind == "spread":
                spread(path)
            else:
                named = what if kind == "key" else f"{what[0]:016x}\x1f{what[1]}"
                add_actuals(path, "toy", [Actual(named, value)], key="")

        expected = from_the_start(path)
        found = scores(path)
        log.close()

    # A float's sum of squares forgets what is small beside it; that of whole numbers doesn't.
    assert expected.keys() - {"r2"} == found.keys() - {"r2"}
    for name in expected.keys() - {"r2", "bias"}:
        assert pytest.approx(expected[name], rel=1e-9) == found[name]
    if expected:
        assert pytest.approx(expected["bias"], abs=1e-9 * expected["mae"]) == found["bias"]
    if expected.get("r2", -np.inf) > -1e6:
        assert pytest.approx(expected["r2"], rel=1e-6, abs=1e-6) == found["r2"]


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1), st.tuples(NUMBERS, NUMBERS))
def test_what_is_taken_away_leaves_no_trace(rows: list[tuple[float, float]], wrong: Any) -> None:
    """Sums are whole numbers, so a truth of 1e150 that is corrected costs no digit of the rest."""
    plain, corrected = Sums(), Sums()
    corrected.add(*wrong, 3)
    for predicted, truth in rows:
        plain.add(predicted, truth, 1)
        corrected.add(predicted, truth, 1)
    corrected.add(*wrong, -3)

    assert plain == corrected == Sums.of_text(plain.text())


def test_a_score_larger_than_a_float_is_left_out() -> None:
    """The others are told."""
    sums = Sums()
    sums.add(-1e308, 1e308, 1)

    assert {"n", "wape"} == sums.regression_metrics().keys()


def test_classes_are_counted_as_right_or_wrong(tmp_path: Path) -> None:
    """Their texts are compared."""
    path = tmp_path / "calls.db"
    written(path, call(1, ["daisy", "dandelion", "daisy"]))
    truths = [Actual("north", "daisy"), Actual("south", "daisy")]
    add_actuals(path, "toy", truths, key="")

    found = in_service(path, "toy", since=LONG_AGO)
    assert found is not None
    assert {"n": 2.0, "accuracy": 0.5} == found.sums.accuracy()


def test_only_the_hours_asked_for_count(tmp_path: Path) -> None:
    """Whole hours, and those of another case not at all."""
    path = tmp_path / "calls.db"
    written(path, call(1, [1.0], 30), call(2, [2.0]), call(3, [9.0], case="other"))
    for case in ("toy", "other"):
        add_actuals(path, case, [Actual("north", 5.0)], key="")

    found = in_service(path, "toy", since=datetime.fromtimestamp(NOW - 3600, UTC))
    assert found is not None
    assert {"n": 1.0, "rmse": 3.0, "mae": 3.0, "wape": 0.6, "bias": -3.0} == (
        found.sums.regression_metrics()
    )
    assert found.start.timestamp() <= NOW <= found.end.timestamp()


def test_a_service_looks_through_large_calls_when_truths_have_come(tmp_path: Path) -> None:
    """Without being asked again."""
    path = tmp_path / "calls.db"
    written(path, *(call(number, [1.0] * 300) for number in range(1, 21)))
    assert not add_actuals(path, "toy", [Actual("north", 2.0)], key="").complete
    log = CallLog(path)
    log.open()
    deadline = time.monotonic() + 60
    found = None
    while (found is None or found.sums.rows < 2000) and time.monotonic() < deadline:
        time.sleep(0.05)
        found = in_service(path, "toy", since=LONG_AGO)
    log.close()

    assert found is not None
    assert 2000 == found.sums.rows
    assert add_actuals(path, "toy", [Actual("south", 2.0)], key="").complete


def test_a_log_from_before_sums_were_kept_is_counted(tmp_path: Path) -> None:
    """Once, when it is opened."""
    path = tmp_path / "calls.db"
    written(path, call(1, [1.0, 2.0]))
    add_actuals(path, "toy", [Actual("south", 5.0)], key="")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE scores; PRAGMA user_version = 0;")

    written(path)

    assert from_the_start(path) == scores(path)
    assert 3.0 == scores(path)["mae"]


def test_what_is_too_old_counts_no_more(tmp_path: Path) -> None:
    """Calls, scores and truths go together; those that stay are counted as from the start."""
    path = tmp_path / "calls.db"
    written(path, call(1, [1.0, 2.0], 60), call(2, [1.0, 2.0], 1))
    add_actuals(path, "toy", [Actual("south", 5.0), Actual("north", 1.0)], key="")
    with closing(sqlite3.connect(path)) as connection:
        old = "UPDATE actuals SET time = 0 WHERE record = 'north'"
        connection.execute(old)
        connection.commit()
    log = CallLog(path, keep_days=2)
    log.open()
    log._clean()
    log.close()

    assert {"n": 1.0, "rmse": 3.0, "mae": 3.0, "wape": 0.6, "bias": -3.0} == scores(path)
    assert from_the_start(path) == scores(path)
