"""A run that is killed leaves a home from which the next one goes on as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.options import NOTEBOOKS
from pipeline.publish import read_status
from pipeline.records import RECORDS, STEPS, StepName
from pipeline.runner.content import contents
from pipeline.store import Store
from pipeline.store.locks import is_held

FAKES = Path(__file__).parent.parent / "fakes"
AT = {step: f"20240301T{number:012d}Z" for number, step in enumerate(STEPS)}
"""The run that was killed in the middle of the first write of a step."""
AFTER = f"20240301T{len(STEPS):012d}Z"


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Homes in which runs were killed, with plain runs after them, and one undisturbed."""
    folder = tmp_path_factory.mktemp("killed")
    ran = subprocess.run(
        [sys.executable, str(FAKES / "killed.py"), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def rows(home: Path, name: Any) -> pa.Table:
    keys = [(column, "ascending") for column in ("series", "time")]
    return Store.at(home).table("tiny", name).read().sort_by(keys)


@pytest.mark.parametrize("name", ["killed", "moment-0", "moment-1"])
def test_a_run_after_a_kill_ends_as_if_nothing_had_been(homes: Path, name: str) -> None:
    """What it found is what an undisturbed run found, wherever the runs before it died."""
    found = contents(Store.at(homes / name), "tiny")

    assert list(found) == ["2024-03-01T00:00:00+00:00"]
    assert found == contents(Store.at(homes / "undisturbed"), "tiny")


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed_at_a_step_went_on_from_the_kill_before(
    homes: Path, step: StepName
) -> None:
    """The steps before have their records; the one in which it died has begun and has none.
    What a notebook had ended before a kill is not done again.
    """
    store = Store.at(homes / "killed")
    before = STEPS[: STEPS.index(step)]
    recorded = [name for name in STEPS if store.record("tiny", AT[step], RECORDS[name])]
    killed = store.run_record("tiny", AT[step])
    assert killed is not None

    assert recorded == list(before)
    assert (store.run_folder("tiny", AT[step]) / step).is_dir()
    assert killed.outcome == "running"
    assert len(killed.notebooks) <= 1


def test_the_run_after_the_kills_does_only_what_is_left(homes: Path) -> None:
    """Every notebook was executed to its end once."""
    store = Store.at(homes / "killed")
    runs = [store.run_record("tiny", run_id) for run_id in store.run_ids("tiny")]

    assert [notebook for run in runs if run for notebook in run.notebooks] == list(NOTEBOOKS)
    assert runs[-1] is not None
    assert (runs[-1].run_id, runs[-1].notebooks) == (AFTER, ("6-report",))


def test_a_promotion_of_a_killed_notebook_does_not_serve(homes: Path) -> None:
    """Notebook 5 ended in the run that died at its report, and in no other."""
    promotions = Store.at(homes / "killed").promotions("tiny")

    assert [record.run_id for record in promotions] == [AT["report"]]


@pytest.mark.parametrize("name", ["killed", "moment-0", "moment-1"])
def test_a_home_in_which_runs_were_killed_is_whole(homes: Path, name: str) -> None:
    """Tables hold what they would; every record can be read; the case is free."""
    store = Store.at(homes / name)
    for kind in RECORDS.values():
        list(store.records("tiny", kind))

    assert rows(store.home, "observations").equals(rows(homes / "undisturbed", "observations"))
    assert rows(store.home, "quarantine").equals(rows(homes / "undisturbed", "quarantine"))
    assert store.champion("tiny") is not None
    assert not is_held(store.home, "tiny")
    (status,) = read_status(store, now=datetime(2024, 3, 2, tzinfo=UTC)).cases
    assert "done" == status.newest_run.ended


RUNNER = """
import os, sys
from pathlib import Path
from pipeline.store import project
from pipeline.kernels import execute
project.NOTEBOOKS = Path(sys.argv[1])
execute("1-ingest", Path(sys.argv[2]), {})
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_the_kernel_of_a_killed_runner_ends_too(tmp_path: Path) -> None:
    """It would else go on writing to a case that nobody holds any more."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    document = new_notebook(cells=[new_code_cell(code)], metadata={"kernelspec": kernel})
    nbformat.write(document, tmp_path / "1-ingest.ipynb")
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), str(tmp_path / "run" / "1-ingest.ipynb")],
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()) and time.monotonic() < until:
            time.sleep(0.1)
        kernel_pid = int(mark.read_text())
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    until = time.monotonic() + 120
    while alive(kernel_pid) and time.monotonic() < until:
        time.sleep(0.1)
    left = alive(kernel_pid)
    if left:
        os.kill(kernel_pid, signal.SIGKILL)

    assert not left
