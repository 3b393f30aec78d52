"""Workers of kernels: who has some, and that they end with it."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import joblib
import nbformat
import pytest

from pipeline.errors import WorkerError
from pipeline.kernels import execute, forked, warm
from pipeline.workers import Workers

Write = Callable[..., Path]
pytestmark = [
    pytest.mark.skipif(not warm.AVAILABLE, reason="kernels are forked on Linux only"),
    pytest.mark.skipif(joblib.cpu_count() < 2, reason="one core has no workers"),
]

SPREAD = """
import os, time
from pipeline import workers

def piece(number):
    print("piece", number)
    time.sleep(0.05)
    return os.getpid()

def done():
    told = workers.packed(piece, rows=0)
    return [*workers.spread(told, range(6))] if told is not None else []

pids = done()
"""


def shown(output: Path) -> list[str]:
    """What the last cell has printed, word by word."""
    cell = nbformat.read(output, as_version=4).cells[-1]
    return str(cell.outputs[0].text).split()


def test_a_kernel_has_a_worker_for_each_core_that_it_may_use(
    write_notebook: Write, tmp_path: Path
) -> None:
    """None for one. What they print is seen in the notebook."""
    output = tmp_path / "1-ingest.ipynb"
    write_notebook(SPREAD, "print(len({*pids}), os.getpid() in pids)")
    found = []
    for cores in (1, 2):
        execute("1-ingest", output, {}, cores=cores)
        found.append(shown(output))

    assert [["0", "False"], ["2", "False"]] == found
    told = nbformat.read(output, as_version=4).cells[-2].outputs[0].text
    assert "".join(f"piece {number}\n" for number in range(6)) == told


def test_a_kernel_ends_at_once_though_it_has_workers(write_notebook: Write, tmp_path: Path) -> None:
    """They are reaped, so that nothing is left of them in the table of processes."""
    output = tmp_path / "1-ingest.ipynb"
    write_notebook(
        "from pipeline.workers import Workers", "print(*[w.pid for w in Workers.standing])"
    )
    execute("1-ingest", output, {}, cores=2)

    assert [False, False] == [Path("/proc", pid).exists() for pid in shown(output)]


def test_no_worker_stands_where_there_may_be_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One alone would do everything in turn; threads do it side by side."""
    process = subprocess.Popen(["sleep", "600"])
    pids = iter([process.pid])

    def fork() -> int:
        for pid in pids:
            return pid
        raise BlockingIOError

    monkeypatch.setattr(Workers, "standing", [])
    monkeypatch.setattr(os, "fork", fork)
    with socket.socket() as channel:
        forked._fork_workers(channel)

    assert [] == Workers.standing
    assert not Path("/proc", str(process.pid)).exists()
    process.wait()


def test_a_worker_that_dies_ends_the_notebook_with_an_error(
    write_notebook: Write, tmp_path: Path
) -> None:
    """It says what is to be done; nothing waits for it."""
    write_notebook(SPREAD, "piece = lambda number: os.kill(os.getpid(), 9)", "done()")

    with pytest.raises(WorkerError, match="Free some memory") as caught:
        execute("1-ingest", tmp_path / "1-ingest.ipynb", {}, cores=2)

    assert "died" == caught.value.failure
