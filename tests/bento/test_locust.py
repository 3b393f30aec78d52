"""The Locust file that operators run asks for what the service answers."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from toy_service import Serving, serving

from pipeline.keys import make_key

FILE = Path(__file__).parents[2] / "deploy" / "locustfile.py"


class Session:
    """What the file uses of Locust's client, and how much was asked."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.headers: dict[str, str] = {}
        self.answers: list[tuple[str, int]] = []
        self.records: list[int] = []

    def get(self, path: str, name: str = "") -> httpx.Response:
        return self._kept(name or path, self.client.get(path, headers=self.headers))

    def post(self, path: str, json: Any, name: str = "") -> httpx.Response:
        self.records.append(len(json["records"]))
        answer = self.client.post(path, json=json, headers=self.headers)
        return self._kept(name or path, answer)

    def _kept(self, name: str, answer: httpx.Response) -> httpx.Response:
        self.answers.append((name, answer.status_code))
        return answer


class HttpUser:
    """Locust's user, with a session of ours."""

    client: Session


def task(weight: int) -> Callable[[Any], Any]:
    """Marks what a user does, as Locust's own does."""

    def mark(act: Any) -> Any:
        act.weight = weight
        return act

    return mark


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    """A service that takes thirty records a call."""
    with serving(tmp_path, most_records=30) as found:
        yield found


def test_every_task_of_the_load_test_is_answered(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key of scopes predict and read; no call holds more records than the service takes."""
    stand_in = ModuleType("locust")
    vars(stand_in).update(HttpUser=HttpUser, between=lambda *_: None, task=task)
    monkeypatch.setitem(sys.modules, "locust", stand_in)
    assert served.settings.keys is not None
    now = datetime.now(UTC)
    _, key = make_key(served.settings.keys, "load", ["predict", "read"], now=now)
    monkeypatch.setenv("VIGIE_KEY", key)
    caller = runpy.run_path(str(FILE))["Caller"]()
    caller.client = Session(served.client)

    caller.on_start()
    tasks = [act for act in vars(type(caller)).values() if hasattr(act, "weight")]
    for act in tasks:
        act(caller)

    assert 3 == len(tasks)
    assert [1, 30] == sorted(caller.client.records)
    assert {200} == {status for _, status in caller.client.answers}
    assert {"/v1/cases", "/v1/toy/model", "/v1/{case}/trends"} < {
        name for name, _ in caller.client.answers
    }
