"""The service as a user starts it: a real `bentoml serve`, from the checkout and from a Bento."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from toy_service import promote, toy_case

from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.packaging import export_champions, pack, packing
from pipeline.packaging.rollback import roll_back
from pipeline.store import Store, project

RECORD = {"records": [{"counter": "north", "hour": "2021-03-08T07:00:00Z"}]}
SERVE = (
    "import sys\nfrom pathlib import Path\n"
    "from pipeline.store import Store\nfrom pipeline.packaging import serve\n"
    "from pipeline.packaging.settings import Settings\n"
    "serve(Store(home=Path(sys.argv[1])), port=int(sys.argv[2]), settings=Settings(open=True), "
    "say=lambda line: print(line, flush=True))\n"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project whose only case is the toy."""
    root = tmp_path / "checkout"
    for name in packing.PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project.ROOT / name, root / name, ignore=ignored)
    for case in (root / "pipeline" / "cases").iterdir():
        if case.is_dir():
            shutil.rmtree(case)
    (root / "pipeline" / "cases" / "toy").mkdir()
    toy = Path(__file__).parent / "toy.py"
    shutil.copy(toy, root / "pipeline" / "cases" / "toy" / "__init__.py")
    shutil.copy(project.LOCK_FILE, root / "requirements.lock")
    return root


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process that never outlives the test, nor do its children."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        family = _family(process.pid)
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=60)
        process.wait(timeout=60)
        if process.stdout is not None:
            process.stdout.close()


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.status, answer.read()


def predict(port: int) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/toy/predict",
        data=json.dumps(RECORD).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def wait_for(port: int, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if 200 == get(port, "/readyz")[0]:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the service on port {port} did not come up")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends_cleanly(store: Store, checkout: Path, ending: int) -> None:
    """The service prints a call that works, answers under BentoML, and leaves no process."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(store.home), str(port)]

    with running(command, checkout, HOME=str(checkout / "nobody")) as process:
        assert process.stdout is not None
        call = f"curl http://127.0.0.1:{port}/v1/toy/predict"
        shown = next(line for line in process.stdout if call in line)
        answer = predict(port)
        statuses = [get(port, path)[0] for path in ("/healthz", "/metrics", "/openapi.json")]
        page = get(port, "/")[1]
        family = _family(process.pid)
        process.send_signal(ending)
        code = process.wait(timeout=90)

        assert 0 == code
        assert "2021-03-08T00" in shown
        assert 1 == len(answer["predictions"])
        assert [200, 200, 200] == statuses
        assert b"googletagmanager" not in page
        assert 2 < len(family)
        assert not psutil.wait_procs(family, timeout=60)[1]
    assert not (checkout / "nobody" / "bentoml").exists()


def test_what_is_promoted_is_served_and_a_kill_leaves_nothing_behind(
    store: Store, checkout: Path
) -> None:
    """A promotion while the service runs is served within seconds, without a failed call, and so
    is a roll back; after SIGKILL of the command no process of it is left.
    """
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(store.home), str(port)]
    with running(command, checkout, HOME=str(checkout / "nobody")) as process:
        wait_for(port)
        before = predict(port)["model"]["version"]
        promote(store, "20210309T000000-bbbb", alpha=1000.0)
        deadline = time.monotonic() + 60
        while (found := predict(port)["model"]["version"]) == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        roll_back(store, toy_case())
        while predict(port)["model"]["version"] == found:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        back = predict(port)["model"]["version"]
        family = _family(process.pid)[1:]
        process.kill()

        assert before != found
        assert before == back
        assert 2 < len(family)
        assert not psutil.wait_procs(family, timeout=60)[1]


def test_a_bento_answers_like_the_checkout(
    store: Store, case: Case, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `pack` builds holds the promoted model, and serves it on its own."""
    monkeypatch.setattr(project, "ROOT", checkout)
    monkeypatch.setattr(project, "LOCK_FILE", checkout / "requirements.lock")
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.setenv("HOME", str(checkout / "nobody"))

    packed = pack(store, checkout / "vigie.tar", cases={"toy": case})
    again = pack(store, cases={"toy": case})

    assert (packed.tag, packed.path) == (again.tag, again.path)
    assert packed.path.is_relative_to(store.home / "bentoml")
    assert not (checkout / "nobody" / "bentoml").exists()
    assert packed.archive is not None
    with tarfile.open(packed.archive) as archive:
        assert any(name.endswith("bento.yaml") for name in archive.getnames())
    exported = export_champions(store, checkout / "champions", cases={"toy": case})
    inside = packed.path / "src" / "champions" / "toy" / "model.skops"
    assert exported[0].model_bytes() == inside.read_bytes()
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", str(packed.path), "--port", str(port)]
    home = str(store.home / "bentoml")
    with running(command, packed.path, BENTOML_HOME=home, VIGIE_OPEN="true"):
        wait_for(port)

        assert 1 == len(predict(port)["predictions"])


def test_what_bentoml_says_is_passed_on(
    store: Store, case: Case, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that fails tells what BentoML said."""
    monkeypatch.setattr(project, "ROOT", checkout)
    monkeypatch.setattr(project, "LOCK_FILE", checkout / "requirements.lock")
    (checkout / "bento" / "service.py").write_text("raise RuntimeError('no service today')")

    with pytest.raises(ServiceError, match=r"(?s)bentoml build failed.*no service today"):
        pack(store, cases={"toy": case})
