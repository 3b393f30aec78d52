"""Kills whole runs of the tiny case with SIGKILL: `python killed.py FOLDER`.

One process imports the libraries and forks a child for each run, since an import takes longer
than a run. In `killed` a run died at every step, one after the other; in `moment-…` one died at
some moment; in `undisturbed` none did. A plain run follows in all of them.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import in_process

from pipeline.records import STEPS
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.store import Store, atomic, project

SEED = 20_240_301
MOMENTS = 2
HEAVY = (
    "altair",
    "deltalake",
    "duckdb",
    "great_expectations",
    "pandas",
    "pyarrow.dataset",
    "sklearn.compose",
    "sklearn.impute",
    "sklearn.linear_model",
    "skops.io",
    "vl_convert",
)


def run_id(number: int) -> str:
    """Ids of that order."""
    return f"20240301T{number:012d}Z"


def run(home: Path, run_id: str) -> None:
    """A run that must end well."""
    ran = run_case(Store.at(home), "tiny", Order(), run_id=run_id, say=lambda line: None)
    assert ran.outcome == "done", ran.sentence


def child(work: Callable[[], None]) -> int:
    """The process id of a fork that does the work and ends."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException as error:  # noqa: BLE001
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(home: Path, run_id: str, step: str) -> None:
    """A run that dies in the middle of the first write of that step."""
    real = os.fsync

    def dies(descriptor: int) -> None:
        if f"/{step}/." in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor)

    def work() -> None:
        atomic.os.fsync = dies  # type: ignore[assignment]
        run(home, run_id)

    assert ended(child(work)) == -signal.SIGKILL, step


def killed_after(home: Path, run_id: str, seconds: float) -> None:
    """A run that dies some time after its start, wherever it then is."""
    pid = child(lambda: run(home, run_id))
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    ended(pid)


def whole(home: Path, run_id: str) -> float:
    """A run that nothing disturbs; gives its seconds."""
    began = time.monotonic()
    assert ended(child(lambda: run(home, run_id))) == 0, (home, run_id)
    return time.monotonic() - began


def main(folder: Path) -> None:
    in_process.apply(setattr)
    for name in HEAVY:
        importlib.import_module(name)
    # Every fork would start an engine of its own to draw, for seconds.
    sys.modules["vl_convert"].vegalite_to_svg = lambda spec: "<svg/>"  # type: ignore[attr-defined]
    # Once for all forks: it would else follow whoever edits the source meanwhile.
    project.code_version()
    seconds = whole(folder / "undisturbed", run_id(0))

    for number, step in enumerate(STEPS):
        killed_at(folder / "killed", run_id(number), step)
    whole(folder / "killed", run_id(len(STEPS)))

    pauses = random.Random(SEED)
    for number in range(MOMENTS):
        home = folder / f"moment-{number}"
        killed_after(home, run_id(0), pauses.uniform(0.1, 0.7) * seconds)
        whole(home, run_id(1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
