"""How good the model is, over HTTP: held out, and in service as true values come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from toy_service import Serving, serving

from bento import truths

HOURS = [f"2021-03-08T{hour:02}:00:00Z" for hour in range(1, 21)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, open=True) as found:
        yield found


def predicted(served: Serving, hours: list[str]) -> tuple[str, list[float]]:
    """The id of a call, and what it was answered."""
    records = [{"counter": "north", "hour": hour} for hour in hours]
    answer = served.client.post("/v1/toy/predict", json={"records": records}).json()
    return answer["call"], [each["prediction"] for each in answer["predictions"]]


def told(client: httpx.Client, records: list[dict[str, Any]]) -> dict[str, Any]:
    answer = client.post("/v1/toy/actuals", json={"records": records})
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_scores_of_the_held_out_window_are_told(served: Serving) -> None:
    """Of the champion and of the baseline, with the window; the squared error beside its root."""
    found = served.client.get("/v1/toy/metrics").json()

    assert None is found["in_service"]
    for name in ("held_out", "baseline"):
        scores = found[name]["scores"]
        assert pytest.approx(scores["rmse"] ** 2) == scores["mse"]
        assert found[name]["rows"] > 0
        assert found[name]["start"] < found[name]["end"]


def test_a_truth_by_its_key_scores_the_model_in_service(served: Serving) -> None:
    """Each prediction of the hour is matched, and its error counts."""
    _, (first, second) = predicted(served, HOURS[:2])
    truths = [
        {"counter": "north", "hour": HOURS[0], "count": first + 3.0},
        {"counter": "north", "hour": HOURS[1], "count": second - 4.0},
        {"counter": "north", "hour": HOURS[2], "count": 1.0},
    ]

    expected = {"case": "toy", "received": 3, "matched": 2, "complete": True}
    assert expected == told(served.client, truths)
    in_service = served.client.get("/v1/toy/metrics").json()["in_service"]
    assert 2 == in_service["rows"]
    assert pytest.approx(3.5) == in_service["scores"]["mae"]
    assert pytest.approx(12.5) == in_service["scores"]["mse"]


def test_a_truth_by_its_call_finds_a_record_of_many(served: Serving) -> None:
    """The place in the call names the record, in long calls as in short ones."""
    call, found = predicted(served, HOURS)
    answer = told(served.client, [{"call": call, "record": 17, "count": found[17] + 2.0}])

    assert 1 == answer["matched"]
    in_service = served.client.get("/v1/toy/metrics").json()["in_service"]
    assert (1, pytest.approx(2.0)) == (in_service["rows"], in_service["scores"]["mae"])


def test_a_truth_that_is_no_number_is_refused(served: Serving) -> None:
    """The record and the field are named, and nothing is kept."""
    hours = [{"counter": "north", "hour": hour, "count": 1.0} for hour in HOURS[:2]]
    hours[1]["count"] = "many"

    answer = served.client.post("/v1/toy/actuals", json={"records": hours})

    assert 422 == answer.status_code
    assert "count" in {each["field"] for each in answer.json()["errors"]}
    assert 'vigie_actuals_total{case="toy"} 1.0' not in served.client.get("/metrics").text


def test_predictions_do_not_wait_for_the_log(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While every thread that reads the log is busy, a call of many records is answered."""
    going, free = threading.Semaphore(0), threading.Event()
    read = truths.in_service

    def slow(*given: Any, **more: Any) -> Any:
        going.release()
        assert free.wait(60)
        return read(*given, **more)

    monkeypatch.setattr(truths, "in_service", slow)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(served.client.get("/v1/toy/metrics").status_code)

    readers = [threading.Thread(target=ask) for _ in range(4)]
    for each in readers:
        each.start()
    try:
        assert all(going.acquire(timeout=60) for _ in range(2))
        _, found = predicted(served, HOURS * 10)
    finally:
        free.set()
        for each in readers:
            each.join()

    assert 200 == len(found)
    assert [200] * 4 == statuses
