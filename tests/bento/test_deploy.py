"""Alerts and dashboard ask for what /metrics really exposes; Prometheus itself reads both."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_service import Serving, serving

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "vigie.rules.yml"
METRIC = re.compile(r"\bvigie_[a-z_]+")
LABELS = re.compile(r"(?:by|ignoring) \(([^)]*)\)|([a-z]+)=~?\"")
NEEDS = "needs Debian's package prometheus"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that has answered, refused and failed to find."""
    with serving(tmp_path_factory.mktemp("scraped"), open=True) as found:
        record = {"counter": "north", "hour": "2021-03-08T07:00:00Z"}
        for body in ({"records": [record]}, {"records": [{**record, "rain": 9.0}]}, {}):
            found.client.post("/v1/toy/predict", json=body)
        found.client.post(
            "/v1/toy/actuals",
            json={"records": [{"counter": "north", "hour": record["hour"], "count": 3.0}]},
        )
        found.client.get("/nothing")
        yield found


def exposed(served: Serving) -> tuple[set[str], set[str]]:
    """Names of samples, and of their labels."""
    lines = [line for line in served.client.get("/metrics").text.splitlines() if line[:1] != "#"]
    labels = {name for line in lines for name in re.findall(r'([a-z_]+)="', line)}
    return {re.split(r"[ {]", line)[0] for line in lines}, labels


def expressions() -> list[str]:
    rules = yaml.safe_load(RULES.read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((DEPLOY / "grafana" / "vigie-service.json").read_text())
    return [*found, *(t["expr"] for panel in board["panels"] for t in panel["targets"])]


def test_alerts_and_dashboard_ask_for_what_there_is(served: Serving) -> None:
    """Every metric and every label that they name is exposed."""
    names, labels = exposed(served)
    asked = {name for text in expressions() for name in METRIC.findall(text)}
    grouped = {
        name.strip()
        for text in expressions()
        for found in LABELS.findall(text)
        for name in (found[0] or found[1]).split(",")
    }

    assert set() == asked - names
    assert set() == grouped - labels - {"job"}
    assert 25 < len(expressions())


def test_requests_are_counted_by_route_and_outcome(served: Serving) -> None:
    """What a caller writes in a path or a method never becomes a label."""
    served.client.request("BREW", "/v1/toy/predict")
    served.client.get("/some/secret/path")
    text = served.client.get("/metrics").text

    assert 'vigie_requests_total{method="POST",route="/v1/{case}/predict",status="200"} 2.0' in text
    assert 'vigie_refusals_total{problem="invalid-record",route="/v1/{case}/predict"} 1.0' in text
    assert 'vigie_predictions_total{candidate="ridge",case="toy"' in text
    assert 'vigie_actuals_total{case="toy"} 1.0' in text
    assert "BREW" not in text
    assert "secret" not in text


@pytest.mark.skipif(shutil.which("promtool") is None, reason=NEEDS)
def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    """promtool finds nothing wrong."""
    checked = subprocess.run(
        ["promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == checked.returncode, checked.stdout + checked.stderr


@pytest.mark.skipif(shutil.which("prometheus") is None, reason=NEEDS)
def test_prometheus_reads_the_service(served: Serving, tmp_path: Path) -> None:
    """It scrapes the service, and every expression of alerts and dashboard is one that it can
    answer.
    """
    port = free_port()
    config = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    config = config.replace("127.0.0.1:3000", served.client.base_url.netloc.decode())
    (tmp_path / "prometheus.yml").write_text(config.replace("15s", "1s"))
    shutil.copy(RULES, tmp_path)
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}"]
    command += [
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while not query(port, 'up{job="vigie"} == 1') and time.monotonic() < deadline:
                time.sleep(0.3)
            assert query(port, "vigie_predictions_total")[0]["metric"]["case"] == "toy"
            for text in expressions():
                query(port, text.replace("$__rate_interval", "1m").replace("$case", ".*"))
        finally:
            process.terminate()


def query(port: int, text: str) -> list[dict[str, Any]]:
    """The result of an instant query; empty while Prometheus isn't there yet."""
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.request.quote(text)}"  # type: ignore[attr-defined]
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            found = json.loads(answer.read())
    except ConnectionError:
        return []
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return []
        raise AssertionError(f"{text}: {error.read()!r}") from error
    except urllib.error.URLError:
        return []
    assert "success" == found["status"], text
    result: list[dict[str, Any]] = found["data"]["result"]
    return result


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
