"""Fifty thousand calls, to see that the memory of the service stays flat; twenty thousand more with
two promotions in the middle; then SIGTERM while calls go on.

`python -m benchmarks.soak` starts `vigie serve` on a copy of a home with a champion of bikes and
calls it over 64 connections from another process. In the middle the baseline is promoted, as a
record in the store, and `vigie rollback` puts the champion before back: the service finds both by
itself. At the end the calls that were answered are compared with those in the log.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.load import Measured, Plan, measure
from benchmarks.servers import free_port, running
from benchmarks.serving import FREE, bodies, trained, write_frame
from pipeline.calls import read_calls
from pipeline.keys import make_key
from pipeline.packaging.bundles import ModelCard, read_bundle
from pipeline.packaging.rollback import MEASURED_IN
from pipeline.packaging.serving import service_files
from pipeline.records import TrainRecord
from pipeline.store import Store

CONNECTIONS = 64
MOST_SECONDS = 900.0
MOST_SECONDS_TO_SERVE = 120.0


@click.command()
@click.option("--calls", default=20_000, show_default=True, help="With the promotions.")
@click.option("--memory-calls", default=50_000, show_default=True, help="To look at the memory.")
@click.option("--home", type=click.Path(path_type=Path), help="A home with a champion of bikes.")
def main(calls: int, memory_calls: int, home: Path | None) -> None:
    """Print what happened as one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if home is not None:
            shutil.copytree(home, work / "home", symlinks=True)
        store = trained(work / "home")
        records = write_frame(store, work / "frame.parquet")
        files = service_files(store)
        files["calls"].unlink(missing_ok=True)
        _, key = make_key(files["keys"], f"soak {time.time()}", ["predict"], now=datetime.now(UTC))
        port = free_port()
        command = [sys.executable, "-m", "pipeline", "serve", "--home", str(store.home)]
        environment = {**os.environ, **FREE, "OMP_NUM_THREADS": "1"}
        plan: dict[str, Any] = {
            "port": port,
            "path": "/v1/bikes/predict",
            "bodies": bodies(records, 1),
            "headers": {"Authorization": f"Bearer {key}"},
            "connections": CONNECTIONS,
            "seconds": MOST_SECONDS,
        }
        with running([*command, "--port", str(port)], port, "/readyz", env=environment) as pid:
            memory = _memory(pid, plan, memory_calls)
            promoting = _Promoting(store)
            promoting.start()
            found = measure(Plan(**plan, most=calls))
            promoting.join()
            last = _until_ended(pid, Plan(**plan, most=10**9), seconds=2.0)
        answered = [*memory["ids"], *found.ids, *last.ids]
        told = {
            "benchmark": "soak",
            "champion": promoting.before,
            "failed_in_memory_calls": memory["failed"],
            "memory_megabytes": memory["megabytes"],
            "memory_growth": round(memory["megabytes"][-1] / memory["megabytes"][1] - 1, 3),
            "calls": found.calls,
            "failed_with_promotions": found.failed,
            "requests_per_second": found.per_second,
            "p99_ms": found.p99_ms,
            "seconds_until_served": promoting.seconds,
            "models_that_answered": _models(files["calls"], set(found.ids)),
            "answered_until_the_end": len(last.ids),
            "refused_until_the_end": len(last.ids) - last.statuses.get("200", 0),
            **_compared(answered, _logged(files["calls"])),
        }
        print(json.dumps(told))


class _Promoting(threading.Thread):
    """A promotion and a roll back, each waited for until the service answers with it."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.before = self._served().candidate
        self.seconds: list[float] = []

    def run(self) -> None:
        time.sleep(2.0)
        before = self._served().version
        self._timed(lambda: promote_baseline(self.store), lambda version: version != before)
        command = [sys.executable, "-m", "pipeline", "rollback", "bikes"]
        roll_back = [*command, "--home", str(self.store.home)]
        self._timed(
            lambda: subprocess.run(roll_back, check=True, stdout=subprocess.DEVNULL),
            lambda version: version == before,
        )

    def _timed(self, act: Callable[[], object], is_there: Callable[[str], bool]) -> None:
        act()
        began = time.monotonic()
        while not is_there(self._newest_answer()):
            if time.monotonic() - began > MOST_SECONDS_TO_SERVE:
                raise SystemExit(f"not served after {MOST_SECONDS_TO_SERVE} s")
            time.sleep(0.1)
        self.seconds.append(round(time.monotonic() - began, 2))

    def _served(self) -> ModelCard:
        return read_bundle(self.store.home / "serving" / "current" / "bikes").card

    def _newest_answer(self) -> str:
        """The model that answered last, by the log."""
        (call,) = read_calls(service_files(self.store)["calls"], case="bikes", most=1)
        return call.model


def promote_baseline(store: Store) -> None:
    """As the promotion step records it."""
    known = store.promotion("bikes")
    assert known is not None
    trained_in = store.record("bikes", known.champion.ref.run_id, TrainRecord)
    assert trained_in is not None
    moment = datetime.now(UTC)
    changed = {
        "run_id": f"{moment:%Y%m%dT%H%M%S%fZ}-soak",
        "started": moment,
        "finished": moment,
        "action": "promote",
        "champion": trained_in.baseline,
        "scores": known.baseline_scores,
        "parameters": {MEASURED_IN: known.run_id},
        "sentence": "Promote the baseline, to see that the service takes it over.",
    }
    store.write_record(known.model_copy(update=changed))


def _memory(pid: int, plan: dict[str, Any], calls: int) -> dict[str, Any]:
    """Resident megabytes of all processes of the service, after each sixth of the calls."""
    megabytes: list[float] = []
    ids: list[str] = []
    failed = 0
    for _ in range(6):
        found = measure(Plan(**plan, most=max(1, calls // 6)))
        ids += found.ids
        failed += found.failed
        megabytes.append(round(_resident(pid) / 2**20, 1))
    return {"megabytes": megabytes, "ids": ids, "failed": failed}


def _resident(pid: int) -> int:
    parent = psutil.Process(pid)
    return sum(each.memory_info().rss for each in parent.children(recursive=True))


def _until_ended(pid: int, plan: Plan, *, seconds: float) -> Measured:
    """Calls until the service has ended; those that were answered count."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    time.sleep(seconds)
    os.kill(pid, signal.SIGTERM)
    assert process.stdout is not None
    return Measured(**json.loads(process.stdout.read()))


def _logged(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id FROM calls WHERE route LIKE '%predict'").fetchall()
    return [name for (name,) in rows]


def _compared(answered: list[str], logged: list[str]) -> dict[str, int]:
    return {
        "answered": len(answered),
        "logged": len(logged),
        "logged_twice": len(logged) - len(set(logged)),
        "answered_and_not_logged": len(set(answered) - set(logged)),
        "logged_and_not_answered": len(set(logged) - set(answered)),
    }


def _models(path: Path, ids: set[str]) -> int:
    """How many models answered the calls."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, model FROM calls").fetchall()
    return len({model for name, model in rows if name in ids})


if __name__ == "__main__":
    main()
