"""`serve` with a child that stands in for BentoML: what it says, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.packaging import serve, serving
from pipeline.store import Store


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> list[subprocess.Popen[bytes]]:
    """Starts `code` in place of BentoML, and gives the processes that were started."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def other(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(start([sys.executable, "-S", "-c", code, *command[-1:]], **options))
        return started[-1]

    monkeypatch.setattr(serving.subprocess, "Popen", other)
    return started


def test_a_service_that_ends_at_its_start_is_told(
    store: Store, case: Case, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that fails before it is ready is an error with its code."""
    stand_in(monkeypatch, "raise SystemExit(7)")

    with pytest.raises(ServiceError, match="ended at its start with code 7"):
        serve(store, port=port, cases={"toy": case}, say=lambda line: None)


def test_a_service_that_is_never_ready_is_ended(
    store: Store, case: Case, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that does not come up in time, and ignores SIGTERM, is killed."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    started = stand_in(monkeypatch, code)
    monkeypatch.setattr(serving, "SECONDS_TO_START", 1.0)
    monkeypatch.setattr(serving, "SECONDS_TO_END", 0.5)

    with pytest.raises(ServiceError, match="not ready after 1 s"):
        serve(store, port=port, cases={"toy": case}, say=lambda line: None)

    assert -signal.SIGKILL == started[0].returncode


def test_a_ready_service_is_announced_and_ends_on_a_signal(
    store: Store, case: Case, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call to copy is shown once the service is ready; SIGTERM ends both without an error."""
    started = stand_in(monkeypatch, "import time; time.sleep(60)")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(serving, "_is_ready", lambda address: True)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if "predict" in line:
            signal.raise_signal(signal.SIGTERM)

    serve(store, port=port, cases={"toy": case}, say=say)

    assert f"http://127.0.0.1:{port}/v1/toy/predict -H 'Authorization: Bearer KEY' " in lines[-1]
    assert started[0].returncode is not None
    assert before == signal.getsignal(signal.SIGTERM)


def test_a_service_that_ends_by_itself_is_told(
    store: Store, case: Case, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the child ends although nobody asked, that is an error with its code."""
    stand_in(monkeypatch, "import time; time.sleep(1); raise SystemExit(3)")
    monkeypatch.setattr(serving, "_is_ready", lambda address: True)

    with pytest.raises(ServiceError, match="ended by itself with code 3"):
        serve(store, port=port, cases={"toy": case}, say=lambda line: None)


def test_readiness_is_asked_over_http(port: int) -> None:
    """A service is ready when /readyz answers 200, and not before it listens."""
    address = f"http://127.0.0.1:{port}"
    assert not serving._is_ready(address)

    with HTTPServer(("127.0.0.1", port), Ready) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        ready = serving._is_ready(address)
        thread.join(timeout=60)

    assert ready


def test_bentoml_keeps_its_files_where_the_user_says(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BENTOML_HOME is kept when it is set, and is below the home folder otherwise."""
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    default = serving.bentoml_environment(store)["BENTOML_HOME"]
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "mine"))

    assert str(store.home / "bentoml") == default
    assert str(tmp_path / "mine") == serving.bentoml_environment(store)["BENTOML_HOME"]
