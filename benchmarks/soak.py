"""Twenty thousand calls with a promotion in the middle and SIGTERM at the end; then more calls, to
see that the memory of the service stays flat.

`python -m benchmarks.soak` starts `vigie serve` on a home with a champion of bikes, calls it over
64 connections from another process, lets the champion before serve again in the middle (`vigie
rollback` on record), sends SIGTERM while calls go on, and compares the calls that were answered
with those in the log.
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
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.load import Measured, Plan, measure
from benchmarks.serving import FREE, bodies, free_port, running, trained, write_frame
from pipeline.keys import make_key
from pipeline.packaging.bundles import read_bundle
from pipeline.packaging.generations import export_generation
from pipeline.packaging.serving import service_files

CONNECTIONS = 64


@click.command()
@click.option("--calls", default=20_000, show_default=True, help="Before SIGTERM.")
@click.option("--memory-calls", default=50_000, show_default=True, help="To look at the memory.")
@click.option("--home", type=click.Path(path_type=Path), help="A home with a champion of bikes.")
def main(calls: int, memory_calls: int, home: Path | None) -> None:
    """Print what happened as one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if home is not None:
            shutil.copytree(home, work / "home")
        store = trained(work / "home")
        records = write_frame(store, work / "frame.parquet")
        files = service_files(store)
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
            "seconds": 3600.0,
        }
        with running([*command, "--port", str(port)], port, "/readyz", env=environment) as pid:
            memory = _memory(pid, plan, memory_calls)
            found = _with_promotion(store, Plan(**plan, most=calls))
            last = _until_ended(pid, Plan(**plan, most=10**9), seconds=2.0)
        logged = _logged(files["calls"])
        answered = [*found.ids, *last.ids]
        versions = _versions(files["calls"], set(found.ids))
        print(
            json.dumps(
                {
                    "benchmark": "soak",
                    "calls": found.calls,
                    "failed_before_sigterm": found.failed,
                    "requests_per_second": found.per_second,
                    "p99_ms": found.p99_ms,
                    "exports_served": versions,
                    "answered_until_the_end": len(answered),
                    "answered_and_not_logged": len(set(answered) - logged["all"]),
                    "logged_and_not_answered": len(
                        logged["predict"] - set(answered) - memory["ids"]
                    ),
                    "memory_megabytes": memory["megabytes"],
                }
            )
        )


def _memory(pid: int, plan: dict[str, Any], calls: int) -> dict[str, Any]:
    """Resident megabytes of all processes of the service, after each fifth of the calls."""
    megabytes, ids = [], set()
    for _ in range(6):
        found = measure(Plan(**plan, most=max(1, calls // 6)))
        ids.update(found.ids)
        megabytes.append(round(_resident(pid) / 2**20, 1))
    return {"megabytes": megabytes, "ids": ids}


def _resident(pid: int) -> int:
    parent = psutil.Process(pid)
    return sum(each.memory_info().rss for each in parent.children(recursive=True))


def _with_promotion(store: Any, plan: Plan) -> Measured:
    """A new export, as after a promotion, while the calls go on."""
    serving = store.home / "serving"
    before = read_bundle(serving / "current" / "bikes").card

    def promote() -> None:
        time.sleep(2.0)
        export_generation(store, serving)
        card = serving / "current" / "bikes" / "card.json"
        content = json.loads(card.read_text())
        content["drift"] = None if before.drift is not None else content["drift"]
        content["promoted_as_of"] = datetime.now(UTC).isoformat()
        card.write_text(json.dumps(content))

    promoting = threading.Thread(target=promote)
    promoting.start()
    found = measure(plan)
    promoting.join()
    return found


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


def _logged(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, route FROM calls").fetchall()
    return {
        "all": {name for name, _ in rows},
        "predict": {name for name, route in rows if route.endswith("predict")},
    }


def _versions(path: Path, ids: set[str]) -> int:
    """How many models answered the calls with the promotion."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, model FROM calls").fetchall()
    return len({model for name, model in rows if name in ids})


if __name__ == "__main__":
    main()
