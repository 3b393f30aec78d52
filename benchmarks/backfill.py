"""26 weekly runs of bikes on its sample, against the same runs under stock papermill in sequence.

`python -m benchmarks.backfill` times `vigie backfill bikes` as a whole process. Then some of its
dates, the first and the last of those that trained and of those that kept the champion, are run
again by `vigie run --engine stock`, with papermill's own engine, each in a copy of the home as it
was before that date. What all dates would take so, one after the other, is reckoned from the means
of both kinds. It prints one JSON line; `ratio` is ours over theirs, whole processes both.
`ratio_of_notebooks` leaves out of theirs what a process does before its first notebook and after
its last one, and nothing out of ours. The sample is made longer than usual, so that the first date
has a past to learn from.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from benchmarks.processes import Took, timed
from pipeline.records import RunRecord
from pipeline.store import Store, project

LAST = datetime(2024, 9, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
CUSTOM = """
import dataclasses
import pipeline.cases.bikes as bikes

longer = dataclasses.replace(bikes.CASE.sources["sample"], days={days})
bikes.CASE = dataclasses.replace(
    bikes.CASE, sources={{**bikes.CASE.sources, "sample": longer}}
)
"""
PAST = 240
"""Days of history before the first date."""


def vigie(home: Path, environment: dict[str, str], *words: str) -> Took:
    """Runs the command to its good end."""
    command = [sys.executable, "-m", "pipeline", *words, "--home", str(home)]
    return timed(command, folder=project.ROOT, environment=environment)


def run_of(home: Path, moment: datetime) -> RunRecord:
    """The newest run as of that time."""
    store = Store.at(home)
    records = [store.run_record("bikes", run_id) for run_id in store.run_ids("bikes")]
    (*_, newest) = (record for record in records if record and record.as_of == moment)
    return newest


def _seconds(record: RunRecord) -> float:
    if record.finished is None:
        raise click.ClickException(f"The run {record.run_id} did not end.")
    return (record.finished - record.started).total_seconds()


def without_later(home: Path, copy: Path, moment: datetime) -> Path:
    """A copy of the home without the runs as of that time and after it, and without the predictions
    of folds that these made: what the run met when it was done by ours.
    """
    shutil.copytree(home, copy)
    store = Store.at(copy)
    for run_id in store.run_ids("bikes"):
        record = store.run_record("bikes", run_id)
        if record is None or record.as_of is None or record.as_of >= moment:
            shutil.rmtree(store.run_folder("bikes", run_id))
            began = record.started.timestamp() if record else 0.0
            for path in store.folds_folder("bikes").glob("*.npy"):
                if path.stat().st_mtime >= began:
                    path.unlink()
    return copy


def measure(folder: Path, weeks: int, sampled: int) -> dict[str, object]:
    """All dates by ours, and some of them by theirs."""
    (folder / "custom").mkdir()
    custom = CUSTOM.format(days=PAST + 7 * weeks)
    (folder / "custom" / "sitecustomize.py").write_text(custom)
    path = os.pathsep.join([str(folder / "custom"), str(project.ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    moments = [LAST - number * WEEK for number in reversed(range(weeks))]
    home = folder / "home"
    span = ("--from", moments[0].isoformat(), "--to", moments[-1].isoformat())
    ours = vigie(home, environment, "backfill", "bikes", *span, "--every", "7d")
    kinds: dict[str, list[datetime]] = {"trained": [], "kept": []}
    for moment in moments:
        kind = "trained" if "4-train" in run_of(home, moment).notebooks else "kept"
        kinds[kind].append(moment)
    processes, notebooks, dates = 0.0, 0.0, []
    for kind, found in kinds.items():
        walls, inside = [], []
        for moment in spread(found, sampled):
            copy = without_later(home, folder / f"{moment:%Y%m%d}", moment)
            words = ("run", "bikes", "--as-of", moment.isoformat(), "--engine", "stock")
            walls.append(vigie(copy, environment, *words).wall)
            inside.append(_seconds(run_of(copy, moment)))
            told = {"process": round(walls[-1], 1), "notebooks": round(inside[-1], 1)}
            dates.append({"as_of": f"{moment:%Y-%m-%d}", "kind": kind, **told})
        processes += len(found) * sum(walls) / max(1, len(walls))
        notebooks += len(found) * sum(inside) / max(1, len(inside))
    return {
        "benchmark": "backfill",
        "measured": f"seconds of {weeks} weekly runs; theirs reckoned from {len(dates)} dates",
        "ours": {"process": round(ours.wall, 1), "cpu": round(ours.cpu, 1)},
        "theirs": {"process": round(processes, 1), "notebooks": round(notebooks, 1)},
        "runs": {kind: len(found) for kind, found in kinds.items()},
        "dates": dates,
        "cores": os.cpu_count(),
        "ratio": round(ours.wall / processes, 4),
        "ratio_of_notebooks": round(ours.wall / notebooks, 4),
    }


def spread(moments: list[datetime], count: int) -> list[datetime]:
    """As many of them, from the first to the last."""
    if len(moments) <= count:
        return moments
    return [moments[number * (len(moments) - 1) // max(1, count - 1)] for number in range(count)]


@click.command()
@click.option("--weeks", default=26, show_default=True, help="Runs of the schedule.")
@click.option(
    "--sampled", default=2, show_default=True, help="Dates of each kind run by papermill as well."
)
def main(weeks: int, sampled: int) -> None:
    """Print the seconds of both as one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), weeks, sampled)))


if __name__ == "__main__":
    main()
