"""A CSV of 3 million cars to a validated table, and the same with pandas.

`python -m benchmarks.ingest` generates files in the EEA's layout (38 columns) and prints one JSON
line: seconds and peak memory of the steps ingest and validate over a million and over all rows,
and of pandas (`read_csv`, the same suite by Great Expectations over the whole frame,
`to_parquet`). `ratio` is ours over theirs. Each side runs in a process of its own that has
imported its libraries before the clock starts, as the kernels of a run have; as theirs, our charts
are drawn by a process beside. Processor time is told too, without that of charts: on a busy
machine it says more than the clock.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import click
import pyarrow as pa

from benchmarks.eea import COLUMNS, FORMAT, SCHEMA, write_csv
from pipeline import suites
from pipeline.case import Case, Gates, Windows
from pipeline.drawing import SMALL, Drawing, svg_of
from pipeline.options import IngestOptions, ValidateOptions
from pipeline.records import IngestRecord, ValidateRecord
from pipeline.sources import Feed, Part, Request
from pipeline.sources.streams import Reading, stream_csv
from pipeline.steps.ingest import ingest
from pipeline.steps.run import Run
from pipeline.steps.validate import validate
from pipeline.store import Store, project
from pipeline.tasks.regression import Regression

AS_OF = datetime(2022, 1, 2, tzinfo=UTC)
DRAWS = """
import socket, sys
from pipeline import drawing
drawing.serve(socket.socket(fileno=int(sys.argv[1])))
"""
BETWEEN = {
    "mass": (500, 4000),
    "test_mass": (500, 4500),
    "co2": (0, 290),
    "wheel_base": (1500, 4500),
    "axle_front": (1000, 2200),
    "axle_rear": (1000, 2200),
    "capacity": (500, 8000),
    "power": (10, 900),
    "electric_use": (50, 400),
    "electric_range": (10, 900),
    "fuel_consumption": (0, 30),
}
FUELS = ["PETROL", "DIESEL", "ELECTRIC", "PETROL/ELECTRIC"]


def entry(kind: str, severity: str, name: str, **kwargs: Any) -> dict[str, Any]:
    meta = {"name": name, "sentence": f"It is {name}."}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": meta}


SUITE = [
    entry("table_row_count_to_be_between", "critical", "enough-rows", min_value=1000),
    entry(
        "column_max_to_be_between",
        "critical",
        "fresh",
        column="time",
        min_value={"$PARAMETER": "fresh_since"},
    ),
    entry(
        "column_unique_value_count_to_be_between", "critical", "makes", column="make", min_value=5
    ),
    entry("column_values_to_be_unique", "warning", "id-unique", column="id"),
    entry("column_values_to_be_in_set", "warning", "known-fuel", column="fuel", value_set=FUELS),
    entry(
        "column_values_to_match_regex",
        "warning",
        "approval-form",
        column="approval",
        regex=r"^E\d+\*",
    ),
    *(
        entry(
            "column_values_to_not_be_null",
            "warning",
            f"{name.replace('_', '-')}-given",
            column=name,
        )
        for name in ("id", "country", "make", "fuel", "mass", "time")
    ),
    *(
        entry(
            "column_values_to_be_between",
            "warning",
            f"{name.replace('_', '-')}-plausible",
            column=name,
            min_value=low,
            max_value=high,
        )
        for name, (low, high) in BETWEEN.items()
    ),
]


@dataclass(frozen=True, kw_only=True)
class CarFile:
    """The file, in pieces."""

    path: Path
    publisher: str = "a generator"
    licence: str = "MIT"
    address: str = ""
    simulated: bool = True
    note: str = "Nothing was measured."

    def fetch(self, request: Request) -> Feed:
        """As the feed of a folder does; see `pipeline.sources.folders`."""
        parts: list[Part] = []
        return Feed(parts=parts, batches=self._batches(parts))

    def _batches(self, parts: list[Part]) -> Iterator[pa.RecordBatch]:
        reading = Reading()
        yield from stream_csv(self.path, FORMAT, reading)
        parts.append(Part(name=self.path.name, sha256=reading.sha256, rows=reading.rows))


def case(path: Path) -> Case:
    return Case(
        name="cars",
        title="Cars",
        question="How much does it emit?",
        task=Regression(),
        schema=SCHEMA,
        sources={"sample": CarFile(path=path)},
        candidates=(),
        windows=Windows(
            folds=2,
            held_out=timedelta(days=90),
            current=timedelta(days=30),
            block=timedelta(days=7),
        ),
        gates=Gates(
            most_quarantined=0.5,
            fresh=timedelta(days=30),
            degradation=0.1,
            oldest_champion=timedelta(days=365),
            margin=0.01,
        ),
        check_columns=lambda table, _: table,
        check_rows_alone=True,
    )


def ours(path: Path, suite: Path, home: Path) -> dict[str, int]:
    """The steps, with all that they write; gives what they recorded."""
    settings: dict[str, Any] = {"case": "cars", "home": str(home), "run_id": "timed"}
    options = IngestOptions(as_of=AS_OF.isoformat(), **settings)
    store = Store.at(home)
    run = Run(case=case(path), store=store, settings=options, run_id="timed", by_hand=False)
    with mock.patch.object(project, "suite", return_value=suite):
        ingest(run, options)
        validate(run, ValidateOptions(as_of=AS_OF.isoformat(), **settings))
    arrived, checked = run.need(IngestRecord), run.need(ValidateRecord)
    return {
        "rows": arrived.observations.rows,
        "quarantined": checked.quarantined,
        "held": sum(finding.success for finding in checked.findings),
    }


def theirs(path: Path, suite: Path, home: Path) -> dict[str, int]:
    """What a short script does."""
    import pandas as pd

    names = {header: name for header, name, *_ in COLUMNS}
    frame = pd.read_csv(path, low_memory=False).rename(columns=names)
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    fresh = AS_OF - timedelta(days=30)
    verdict = suites.check(frame, suite, parameters={"fresh_since": fresh})
    failing = list(verdict.reasons())
    home.mkdir(parents=True)
    frame.drop(index=failing).to_parquet(home / "validated.parquet")
    return {
        "rows": len(frame),
        "quarantined": len(failing),
        "held": sum(finding.success for finding in verdict.findings),
    }


@contextmanager
def drawing() -> Iterator[None]:
    """A process that draws charts, which has started its library, as kernels have one beside."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", DRAWS, str(theirs.fileno())],
            cwd=project.ROOT,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        Drawing.process = ours
        try:
            svg_of(SMALL)
            yield
        finally:
            Drawing.process = None
            ours.close()
            process.wait()


SIDES: dict[str, Callable[[Path, Path, Path], dict[str, int]]] = {"ours": ours, "pandas": theirs}


def timed(side: str, path: Path, folder: Path) -> dict[str, Any]:
    """One side in this process, after a small round that imports what it needs."""
    suite = folder / "cars.json"
    suite.write_text(json.dumps({"name": "cars", "expectations": SUITE}))
    small = folder / "small.csv"
    write_csv(small, 2_000)
    SIDES[side](small, suite, folder / f"{side}-small")
    with drawing():
        began, worked = time.perf_counter(), time.process_time()
        found = SIDES[side](path, suite, folder / f"{side}-home")
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    told = {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "peak_gib": round(peak, 3)}
    return {**found, **told}


def in_process(side: str, path: Path) -> dict[str, Any]:
    """One side in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest", "--side", side, "--path", str(path)],
        cwd=project.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@click.command()
@click.option("--rows", default=3_000_000, show_default=True)
@click.option("--side", type=click.Choice(list(SIDES)), help="One side, over --path alone.")
@click.option("--path", type=click.Path(path_type=Path))
def main(rows: int, side: str | None, path: Path | None) -> None:
    """Print both sides as one JSON line."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        if side and path:
            print(json.dumps(timed(side, path, folder)))
            return
        third, whole = folder / "third.csv", folder / "whole.csv"
        write_csv(third, rows // 3)
        write_csv(whole, rows)
        os.sync()  # else the first side would share the disk with what is still being written
        small, large = in_process("ours", third), in_process("ours", whole)
        pandas = in_process("pandas", whole)
        size = whole.stat().st_size
    if any(large[name] != pandas[name] for name in ("rows", "quarantined", "held")):
        raise SystemExit(f"not the same: {large} here, {pandas} by pandas")
    print(
        json.dumps(
            {
                "benchmark": "ingest",
                "rows": rows,
                "columns": len(COLUMNS),
                "file_mb": round(size / 1e6),
                "quarantined": large["quarantined"],
                "seconds": large["seconds"],
                "pandas_seconds": pandas["seconds"],
                "cpu_seconds": large["cpu"],
                "pandas_cpu_seconds": pandas["cpu"],
                "ratio": round(large["seconds"] / pandas["seconds"], 3),
                "times_faster": round(pandas["seconds"] / large["seconds"], 2),
                "peak_gib": large["peak_gib"],
                "peak_gib_of_a_third": small["peak_gib"],
                "pandas_peak_gib": pandas["peak_gib"],
            }
        )
    )


if __name__ == "__main__":
    main()
