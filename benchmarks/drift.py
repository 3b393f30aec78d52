"""The whole drift report beside Evidently's data-drift preset, on the same rows.

`python -m benchmarks.drift` prints one JSON line: seconds of both on 1,000,000 rows x 20 columns
and of ours on 10,000 rows, and `ratio`, ours over theirs. Ours is what 3-drift calls, on frames as
it reads them: beside the columns, it takes in the time and the name of the series of each row.
Evidently is given the columns alone, which is all that it looks at. It runs in an environment of
its own under the user's cache folder, which is made when it is missing; its run on a million rows
takes minutes and is made once, ours is the median of runs before and after it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from pipeline.case import Case, find_case
from pipeline.schema import Column, Schema
from pipeline.steps.shifts import compare_windows

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


def case_of(names: list[str]) -> Case:
    """Hourly rows of several series, whose numbers a model takes; the last is foretold."""
    columns = (
        Column(name="series", kind="category", description="which series"),
        Column(name="time", kind="time", description="start of the hour"),
        *(Column(name=name, kind="number", description="a number") for name in names[:-1]),
        Column(name=names[-1], kind="number", description="the target"),
    )
    known = tuple(replace(column, known_ahead=column.kind == "number") for column in columns)
    schema = Schema(columns=known, key=("series", "time"), target=names[-1], time="time")
    windows = replace(find_case("bikes").windows, zone="UTC")
    return replace(
        find_case("vehicles"), name="made", schema=schema, windows=windows, trends=(), candidates=()
    )


def made(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """10,000 hours of as many series as fill the rows; one column has shifted in the last fifth."""
    import pandas as pd
    import pyarrow as pa

    random = np.random.default_rng(0)
    series = max(1, rows // HOURS)
    hour = np.arange(rows) // series
    daily = np.sin(hour * 2 * np.pi / 24)
    columns = {f"x{place}": random.standard_normal(rows) + daily for place in range(COLUMNS)}
    cut = rows * 4 // 5
    columns["x3"][cut:] += 0.5
    first = np.datetime64("2021-01-04", "us")
    times = pd.DatetimeIndex(first + hour * np.timedelta64(1, "h")).tz_localize("UTC")
    names = np.array([f"series {number}" for number in range(series)])[np.arange(rows) % series]
    # From Arrow to pandas, as the tables of a home are read.
    table = pa.table({"series": names, "time": times, **columns}).to_pandas()
    return table.iloc[:cut], table.iloc[cut:]


def ours(before: pd.DataFrame, now: pd.DataFrame) -> float:
    """Seconds of the whole report: measured, judged, in words."""
    case = case_of([name for name in before.columns if name not in ("series", "time")])
    start = time.perf_counter()
    found = compare_windows(case, before, now, alpha=0.05).columns
    seconds = time.perf_counter() - start
    if len(found) != COLUMNS or not found[3].alarm:
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
            rows.drop(columns=["series", "time"]).to_parquet(path, index=False)
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
