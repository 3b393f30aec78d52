"""The notebooks 1-ingest and 2-validate over a folder of new cars of any size: time and memory.

`python -m benchmarks.bulk` generates files in the EEA's layout, runs `vigie run vehicles --source
files --until validate` over a third of the rows and over all of them, and prints one JSON line:
seconds, peak memory of the largest process of each run, and what became of the rows. `ratio` is
the peak with all rows over that with a third.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.eea import write_csv
from pipeline.records import IngestRecord, ValidateRecord
from pipeline.store import Store, project

EVERY = 0.05
"""Seconds between two looks at the processes."""


def peak_of(process: subprocess.Popen[str]) -> float:
    """GiB that the largest process of a tree held at once, private and shared."""
    most: dict[int, int] = {}
    root = psutil.Process(process.pid)
    while process.poll() is None:
        for each in [root, *root.children(recursive=True)]:
            try:
                held = each.memory_info().rss
            except psutil.Error:
                continue
            most[each.pid] = max(held, most.get(each.pid, 0))
        time.sleep(EVERY)
    return max(most.values()) / 2**30


def run(rows: int, work: Path) -> dict[str, Any]:
    """One run over so many rows, in a home of its own."""
    folder, home = work / f"data-{rows}", work / f"home-{rows}"
    (folder / "vehicles").mkdir(parents=True)
    write_csv(folder / "vehicles" / "generated_eea.csv", rows)
    asked = ["--source", "files", "--data", str(folder), "--home", str(home), "--until", "validate"]
    command = [sys.executable, "-m", "pipeline", "run", "vehicles", *asked]
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=project.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        peak = peak_of(process)
        seconds = time.perf_counter() - began
        said = process.stdout.read() if process.stdout else ""
    store = Store.at(home)
    arrived = next(iter(store.records("vehicles", IngestRecord)), None)
    checked = next(iter(store.records("vehicles", ValidateRecord)), None)
    if arrived is None or checked is None:
        raise SystemExit(said)
    return {
        "rows": arrived.observations.rows,
        "quarantined": checked.quarantined,
        "stopped": checked.stopped,
        "seconds": round(seconds, 1),
        "ingest_seconds": round((arrived.finished - arrived.started).total_seconds(), 1),
        "validate_seconds": round((checked.finished - checked.started).total_seconds(), 1),
        "peak_gib": round(peak, 3),
    }


@click.command()
@click.option("--rows", default=3_000_000, show_default=True)
def main(rows: int) -> None:
    """Print both runs as one JSON line."""
    with tempfile.TemporaryDirectory() as work:
        third, whole = run(rows // 3, Path(work)), run(rows, Path(work))
    ratio = round(whole["peak_gib"] / third["peak_gib"], 3)
    print(json.dumps({"benchmark": "bulk", "ratio": ratio, "third": third, "whole": whole}))


if __name__ == "__main__":
    main()
