"""The whole drift report beside Evidently's data-drift preset, on the same rows.

`python -m benchmarks.drift` prints one JSON line: seconds of both on 1,000,000 rows x 20 columns
and of ours on 10,000 rows, and `ratio`, ours over theirs. Evidently runs in an environment of its
own under the user's cache folder, which is made when it is missing; its run on a million rows takes
minutes and is made once, ours is the median of runs before and after it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from pipeline.shift import Table, Watched, compare, judge

if TYPE_CHECKING:
    import pandas as pd

PEER = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow")
COLUMNS = 20
HOURS = 10_000
THEIRS = """
import sys, time
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
before, now = (pd.read_parquet(path) for path in sys.argv[1:3])
start = time.perf_counter()
result = Report([DataDriftPreset()]).run(now, before)
result.dict()
print(time.perf_counter() - start)
"""


def made(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """10,000 hours of as many series as fill the rows; one column has shifted in the last fifth."""
    import pandas as pd

    random = np.random.default_rng(0)
    hour = np.arange(rows) // max(1, rows // HOURS)
    daily = np.sin(hour * 2 * np.pi / 24)[:, None]
    values = random.standard_normal((rows, COLUMNS)) + daily
    cut = rows * 4 // 5
    values[cut:, 3] += 0.5
    table = pd.DataFrame(values, columns=[f"x{place}" for place in range(COLUMNS)])
    return table.iloc[:cut], table.iloc[cut:]


def ours(before: pd.DataFrame, now: pd.DataFrame) -> float:
    """Seconds of the whole report: measured, judged, in words."""
    series_count = max(1, (len(before) + len(now)) // HOURS)
    hours = np.arange(len(before) + len(now)) // series_count
    times = np.datetime64("2021-01-04", "us") + hours * np.timedelta64(1, "h")
    series = np.arange(len(hours)) % series_count
    start = time.perf_counter()
    windows, first = [], 0
    for rows in (before, now):
        part = slice(first, first + len(rows))
        columns = {name: rows[name].to_numpy() for name in rows.columns}
        windows.append(Table(columns=columns, times=times[part], entities=series[part]))
        first += len(rows)
    watched = [Watched(name=name, kind="number") for name in before.columns]
    found = judge(compare(windows[0], windows[1], watched, block=timedelta(days=1)), alpha=0.05)
    seconds = time.perf_counter() - start
    if not found[3].alarm:
        raise click.ClickException("The column that was shifted raised no alarm.")
    return seconds


def peer() -> Path:
    """Python of the environment that holds Evidently."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vigie-benchmarks"
    folder = cache / "-".join(PEER[0].split("=="))
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER], check=True)
        (folder / "ready").touch()
    return python


def theirs(before: pd.DataFrame, now: pd.DataFrame) -> float:
    """Seconds of Evidently's report, without its start-up."""
    python = peer()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("before.parquet", "now.parquet")]
        for rows, path in zip((before, now), paths, strict=True):
            rows.to_parquet(path, index=False)
        done = subprocess.run(
            [str(python), "-c", THEIRS, *map(str, paths)],
            check=True,
            capture_output=True,
            text=True,
        )
    return float(done.stdout.split()[-1])


@click.command()
@click.option("--rows", default=1_000_000, help="Rows of both windows together.")
@click.option("--repeat", default=3, help="Runs of ours before, and as many after, theirs.")
def main(rows: int, repeat: int) -> None:
    """Print seconds and ratio as one JSON line."""
    small, large = made(10_000), made(rows)
    ours(*small)
    seconds = [ours(*large) for _ in range(repeat)]
    small_seconds = [ours(*small) for _ in range(2 * repeat + 1)]
    peer_seconds = theirs(*large)
    seconds += [ours(*large) for _ in range(repeat)]
    median = statistics.median(seconds)
    print(
        json.dumps(
            {
                "benchmark": "drift",
                "rows": rows,
                "columns": COLUMNS,
                "seconds": round(median, 3),
                "seconds_10000_rows": round(statistics.median(small_seconds), 3),
                "peer": PEER[0],
                "peer_seconds": round(peer_seconds, 1),
                "ratio": round(median / peer_seconds, 5),
                "times_faster": round(peer_seconds / median, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
