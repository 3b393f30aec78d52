"""Eight cases over one Dask worker and over two, and with one of two killed in the middle.

`python -m benchmarks.cluster` starts a scheduler and workers of one thread and one core each on
this machine, and runs `vigie run --cluster` on copies of the tests' case `tiny`, with kernels. It
prints one JSON line: the seconds from the first start to the last end of a run on one and on two
workers, and `ratio`, one over two. After the kill every record must be what an undisturbed run
found; how many runs were gone on with on the other worker is counted.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.small import names, settings, write_cases
from pipeline.records import RunRecord
from pipeline.runner.content import content
from pipeline.store import Store
from pipeline.store.locks import is_held

CASES = 8
PATIENCE = 120


@contextmanager
def cluster(environment: dict[str, str], workers: int) -> Iterator[tuple[str, list[Any]]]:
    """The address of a scheduler and the processes of its workers, each on a core of its own."""
    with tempfile.TemporaryDirectory() as temporary:
        told = Path(temporary, "scheduler.json")
        dask = [sys.executable, "-m", "dask"]
        quiet = ["--no-dashboard", "--scheduler-file", told]
        commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *quiet]]
        for number in range(workers):
            pinned = ["taskset", "-c", str(number % (os.cpu_count() or 1)), *dask, "worker"]
            place = ["--local-directory", temporary, "--no-nanny", "--nthreads", "1"]
            commands.append([*pinned, *place, *quiet])
        started = [
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=temporary,
            )
            for command in commands
        ]
        try:
            until = time.monotonic() + PATIENCE
            while not told.exists() and time.monotonic() < until:
                time.sleep(0.1)
            yield json.loads(told.read_text())["address"], started[1:]
        finally:
            for process in started:
                process.kill()
                process.wait()


def command(address: str, home: Path, cases: list[str]) -> list[str]:
    words = ["run", *cases, "--cluster", address, "--home", str(home), *settings()]
    return [sys.executable, "-m", "pipeline", *words]


def runs(home: Path) -> list[RunRecord]:
    """Every run of every case."""
    store = Store.at(home)
    found = [store.run_record(case, each) for case in store.cases() for each in store.run_ids(case)]
    return [record for record in found if record is not None]


def found(home: Path) -> dict[str, Any]:
    """What the newest run of every case found."""
    store = Store.at(home)
    return {case: content(store, case, store.run_ids(case)[-1]) for case in store.cases()}


def span(home: Path) -> float:
    """Seconds from the first start to the last end."""
    done = runs(home)
    ends = [record.finished for record in done if record.finished]
    return (max(ends) - min(record.started for record in done)).total_seconds()


def timed(folder: Path, environment: dict[str, str], workers: int, repetitions: int) -> list[float]:
    """The spans on so many workers, whose kernels' libraries had been imported before."""
    seconds = []
    with cluster(environment, workers) as (address, _):
        for number in range(repetitions + 1):
            home = folder / f"on-{workers}-{number}"
            ordered = command(address, home, names(CASES))
            subprocess.run(ordered, env=environment, check=True, stdout=sys.stderr)
            seconds.append(round(span(home), 2))
    return seconds[1:]


def killed(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What became of the runs when one of two workers was killed while both had a case."""
    home = folder / "killed"
    with cluster(environment, 2) as (address, workers):
        running = subprocess.Popen(
            command(address, home, names(CASES)), env=environment, stdout=sys.stderr
        )
        until = time.monotonic() + 10 * PATIENCE
        while running.poll() is None and time.monotonic() < until:
            outcomes = [record.outcome for record in runs(home)]
            # Both are at work, so whichever is killed has a case in its hands.
            if outcomes.count("done") >= CASES // 4 and outcomes.count("running") == len(workers):
                break
            time.sleep(0.2)
        workers[0].send_signal(signal.SIGKILL)
        code = running.wait(10 * PATIENCE)
    store = Store.at(home)
    gone_on = [record for record in runs(home) if record.reused]
    return {
        "exit_code": code,
        "runs": len(runs(home)),
        "broken_off": sum(record.outcome == "running" for record in runs(home)),
        "gone_on_with": len(gone_on),
        "cases_still_held": sum(is_held(home, case) for case in store.cases()),
        "equal_to_undisturbed": found(home) == found(folder / "on-2-0"),
    }


@click.command()
@click.option("--repetitions", default=3, show_default=True, help="Timed runs of all cases.")
def main(repetitions: int) -> None:
    """Print the seconds on one and on two workers as one JSON line."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = write_cases(folder / "cases", CASES)
        os.environ["PYTHONPATH"] = environment["PYTHONPATH"]
        one = timed(folder, environment, 1, repetitions)
        two = timed(folder, environment, 2, repetitions)
        told = {
            "benchmark": "cluster",
            "measured": f"seconds from the first start to the last end of {CASES} runs, medians",
            "one_worker": {"median": statistics.median(one), "all": one},
            "two_workers": {"median": statistics.median(two), "all": two},
            "killed": killed(folder, environment),
            "repetitions": repetitions,
            "cores": os.cpu_count(),
            "ratio": round(statistics.median(one) / statistics.median(two), 3),
        }
        print(json.dumps(told))
        shutil.rmtree(folder / "cases")


if __name__ == "__main__":
    main()
