"""MLflow on a server or a database of its own works as well as on the home's file."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import postgres
import pytest

from pipeline.records import TrainRecord
from pipeline.store import Store
from pipeline.store.experiments import ALIAS, SERVER, connected
from pipeline.store.tracking import mirror


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture
def ran(tiny_home: Path, tmp_path: Path) -> Store:
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def served(database: str, tmp_path: Path) -> Iterator[str]:
    """An MLflow server on the loopback address, with its data in PostgreSQL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "1", "--backend-store-uri", database,
         "--artifacts-destination", str(tmp_path / "artifacts")],
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health", process, tmp_path / "log")
        yield address
    finally:
        import os
        import signal

        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        log.close()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(address, timeout=5):
                return
        except URLError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def champion_in(store: Store) -> str:
    with connected(store) as client:
        return str(client.get_model_version_by_alias("vigie-tiny", ALIAS).tags["vigie.candidate"])


def test_a_run_is_tracked_in_postgresql(
    ran: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER, database)
    said: list[str] = []
    mirror(ran, ["tiny"], say=said.append)

    champion = ran.champion("tiny")
    assert champion is not None
    assert champion.ref.candidate == champion_in(ran)
    assert "mlflow@" not in said[0]
    assert not (ran.home / "mlflow.db").exists()


def test_nothing_is_tracked_twice(
    ran: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER, database)
    for _ in range(2):
        mirror(ran, ["tiny"], say=lambda line: None)
    trained = ran.record("tiny", "first", TrainRecord)

    with connected(ran) as client:
        experiment = client.get_experiment_by_name("tiny")
        assert trained is not None
        assert len(trained.candidates) == len(client.search_runs([experiment.experiment_id]))


def test_a_server_gets_a_copy_of_the_model(
    ran: Store, served: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SERVER, served)
    shutil.rmtree(ran.home / "mlflow", ignore_errors=True)
    with connected(ran) as client:
        client.create_registered_model("vigie-other")
    mirror(ran, ["tiny"], say=lambda line: None)

    assert champion_in(ran)


def test_a_server_that_is_away_stops_no_run(ran: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER, "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said: list[str] = []
    mirror(ran, ["tiny"], say=said.append)

    assert "can't be used" in said[-1]
    assert "secret" not in said[-1]
