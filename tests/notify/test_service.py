"""Failures of the service become news, by the call log or by a real Prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from standings import NOW, status
from told import Listener

from pipeline.calls import Call, CallLog
from pipeline.cli.notifying import notify as command
from pipeline.errors import StateError
from pipeline.notify.events import RULES, of_service
from pipeline.notify.service import Answered, Limits, of_log, of_prometheus
from pipeline.notify.telling import notify
from pipeline.store import Store

HOUR = timedelta(hours=1)


def call(code: int, *, case: str = "bikes", minutes_ago: float = 1.0, now: float) -> Call:
    return Call(
        id="c", time=now - 60 * minutes_ago, key="", method="POST", route="/v1/{case}/predict",
        case=case, status=code, problem="", milliseconds=1.0,
    )  # fmt: skip


def log(path: Path, calls: list[Call]) -> Path:
    written = CallLog(path)
    written.open()
    for one in calls:
        written.add(one)
    written.close()
    return path


def calls_at(now: float, **codes: int) -> list[Call]:
    return [
        call(int(code.removeprefix("s")), now=now) for code, n in codes.items() for _ in range(n)
    ]


def tell(store: Store, answered: Answered, listener: Listener) -> None:
    found = of_service(answered, Limits(), status(), site="https://x.example/v/")
    notify(store, found, [listener], rules=frozenset(RULES), say=pytest.fail)


def answers(failed: int, calls: int = 100, case: str = "bikes") -> Answered:
    return Answered(calls=calls, failed=failed, within=HOUR, most_of=case)


def test_only_what_the_service_itself_got_wrong_counts(tmp_path: Path) -> None:
    moment = datetime.now(UTC)
    now = moment.timestamp()
    path = log(
        tmp_path / "calls.db",
        [
            *calls_at(now, s200=6, s404=1, s422=1, s500=1),
            call(503, case="states", now=now),
            call(500, case="", now=now),
            call(500, case="states", now=now, minutes_ago=61),
            call(503, case="states", now=now),
        ],
    )

    assert Answered(calls=12, failed=4, within=HOUR, most_of="states") == of_log(
        path, within=HOUR, now=moment
    )
    assert 5 == getattr(of_log(path, within=2 * HOUR, now=moment), "failed", None)


def test_a_home_without_a_service_has_nothing_to_tell(tmp_path: Path) -> None:
    assert of_log(tmp_path / "calls.db", within=HOUR, now=NOW) is None


def test_failures_are_told_once_and_so_is_their_end(store: Store) -> None:
    listener = Listener()
    for failed in (0, 5, 30, 1, 0):
        tell(store, answers(failed), listener)

    assert ["failing", "answering"] == [event.state for event in listener.heard]
    assert [False, True] == [event.well for event in listener.heard]
    assert listener.heard[0].text.splitlines() == [
        "Service: calls fail",
        "5 of 100 calls of the last 60 min failed with an error of the service, "
        "most of them of bikes.",
        "5.0% failed; 1.0% may",
        "https://x.example/v/bikes/runs/r1.html",
    ]


def test_failures_of_no_case_lead_to_the_site(store: Store) -> None:
    listener = Listener()
    tell(store, answers(9, case=""), listener)

    assert "https://x.example/v/" == listener.heard[0].link


def test_too_few_calls_are_no_news_and_no_end_of_the_news(store: Store) -> None:
    listener = Listener()
    for failed, calls in ((9, 19), (9, 100), (0, 19), (9, 100)):
        tell(store, answers(failed, calls), listener)

    assert ["failing"] == [event.state for event in listener.heard]


@pytest.fixture
def failing_home(tiny_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_home, tmp_path / "home")
    log(tmp_path / "home" / "calls.db", calls_at(time.time(), s200=20, s500=3))
    return tmp_path / "home"


def call_command(home: Path, hook: Any, *options: str) -> Result:
    target = ["--rules", "errors", f"webhook:{hook.url}", "--home", str(home)]
    return CliRunner().invoke(command, [*target, *options], catch_exceptions=False)


def test_the_command_reads_the_call_log_of_the_home(failing_home: Path, hook: Any) -> None:
    assert "1 message sent." in call_command(failing_home, hook).output
    assert "0 messages sent." in call_command(failing_home, hook).output

    (body,) = hook.got
    assert ("service", "errors", "failing") == (body["case"], body["rule"], body["state"])
    assert "13.0% failed; 1.0% may" == body["number"]


@pytest.mark.parametrize("option", [("--most-errors", "0.2"), ("--least-calls", "24")])
def test_the_limits_can_be_set(failing_home: Path, hook: Any, option: tuple[str, str]) -> None:
    assert "0 messages sent." in call_command(failing_home, hook, *option).output


def test_a_prometheus_that_is_away_is_said_and_stops_nobody(failing_home: Path, hook: Any) -> None:
    told = call_command(failing_home, hook, "--prometheus", "http://127.0.0.1:9")

    assert 0 == told.exit_code
    assert "failures were not counted. Prometheus was not reached: ConnectError." in told.output


def test_something_else_than_prometheus_is_refused(hook: Any) -> None:
    with pytest.raises(StateError, match="was not reached: HTTPStatusError"):
        of_prometheus(hook.url, within=HOUR)


def exposed(port: int) -> Callable[[], None]:
    """A service that answers well twice as often as it fails; gives what ends it."""
    from prometheus_client import CollectorRegistry, Counter, start_http_server

    registry = CollectorRegistry()
    requests = Counter("vigie_requests", "-", ["route", "method", "status"], registry=registry)
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            requests.labels("/v1/{case}/predict", "POST", "200").inc(2)
            requests.labels("/v1/{case}/predict", "POST", "500").inc(1)

    worker = threading.Thread(target=work)
    worker.start()

    def end() -> None:
        ended.set()
        worker.join()
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has looked at a service a few times."""
    if not shutil.which("prometheus"):
        pytest.skip("Prometheus is not installed (Debian: apt install prometheus)")
    watched, port = free_port(), free_port()
    scrape = {
        "job_name": "vigie",
        "scrape_interval": "200ms",
        "scrape_timeout": "200ms",
        "static_configs": [{"targets": [f"127.0.0.1:{watched}"]}],
    }
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    end = exposed(watched)
    with (tmp_path / "log").open("w") as output:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={tmp_path / 'data'}"],
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            wait_for_samples(f"http://127.0.0.1:{port}", tmp_path / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
            end()


def wait_for_samples(address: str, said: Path) -> None:
    query = "sum(count_over_time(vigie_requests_total[1m]))"
    for _ in range(200):
        try:
            with urlopen(f"{address}/api/v1/query?query={query}", timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except URLError:
            found = []
        if found and float(found[0]["value"][1]) >= 8:
            return
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def test_a_real_prometheus_is_asked_for_the_same(prometheus: str) -> None:
    found = of_prometheus(prometheus, within=timedelta(minutes=5))

    assert found.calls > 0
    assert 1 / 3 == pytest.approx(found.rate, abs=0.15)
