"""What publishing costs as runs pile up: seconds and bytes of the site, by the embedded renderer.

`python -m benchmarks.site` runs the cases on their samples once, and makes many runs of each: the
same records and notebooks under other ids, times and scores. It prints one JSON line: seconds
to publish after run 10 and after run 1,000 of every case, the median of interleaved repetitions,
each with one run more of every case; `ratio`, the second over the first; the bytes of the large
site; and the seconds of a site of 100 runs of every case, from nothing and when one has changed.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pipeline.publish import Published, publish
from pipeline.store import Store, project

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
EVERY = timedelta(hours=24)
SHOWN = frozenset({".ipynb", ".svg", ".csv"})
"""Files of a run that pages show or offer."""
SWING = 0.05
"""Share by which scores go up and down."""


@dataclass(frozen=True, kw_only=True)
class Growing:
    """A home that gets runs of all cases, made of one run of each, and the site made from it."""

    template: Store
    cases: tuple[str, ...]
    home: Path
    output: Path

    def add(self, first: int, last: int, cases: tuple[str, ...] = ()) -> None:
        """Runs `first` to `last`, the latter left out, of the cases named or of all."""
        for case in cases or self.cases:
            (made,) = self.template.run_ids(case)[-1:]
            for number in range(first, last):
                add_run(self.template.run_folder(case, made), self.home / "runs" / case, number)

    def publish(self) -> Published:
        return publish(
            Store(home=self.home), self.output, renderer="embedded", now=datetime.now(UTC)
        )


def add_run(template: Path, folder: Path, number: int) -> None:
    """Writes run `number` of a case: a day later than the one before, its scores a little other."""
    as_of = BEGIN + number * EVERY
    run = folder / f"{as_of:%Y%m%dT%H%M%S%fZ}"
    for path in template.rglob("*"):
        target = run / path.relative_to(template)
        if path.suffix == ".json":
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text().replace(template.name, run.name)
            target.write_text(json.dumps(_changed(json.loads(text), as_of, number)))
        elif path.suffix in SHOWN:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)


def _changed(record: dict[str, Any], as_of: datetime, number: int) -> dict[str, Any]:
    factor = 1 + SWING * math.sin(number)
    if "scores" in record:
        scores = {name: value * factor for name, value in record["scores"].items()}
        record = {**record, "scores": scores}
    if "champion" in record and "ref" in record["champion"]:
        digest = f"{number // 10:064x}"
        champion = {**record["champion"], "ref": {**record["champion"]["ref"], "sha256": digest}}
        record = {**record, "champion": champion}
    later = (as_of + timedelta(minutes=1)).isoformat()
    return {**record, "as_of": as_of.isoformat(), "started": later, "finished": later}


def timed(work: Callable[[], Published]) -> tuple[float, float, Published]:
    """Seconds of the wall's clock and of the processor, and what was made."""
    began, spent = time.perf_counter(), time.process_time()
    made = work()
    return time.perf_counter() - began, time.process_time() - spent, made


def weight(site: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


def piled_up(small: Growing, large: Growing, *, few: int, many: int, times: int) -> dict[str, Any]:
    """Seconds of a publish after `few` runs of every case and after `many`."""
    took: list[tuple[float, ...]] = []
    for growing, runs in ((small, few - 1), (large, many - 1)):
        growing.add(0, runs)
        # Twice: from the third site on, two take turns.
        for _ in range(2):
            growing.publish()
    rendered = 0
    for more in range(times):
        seconds = []
        for growing, runs in ((small, few - 1 + more), (large, many - 1 + more)):
            growing.add(runs, runs + 1)
            wall, spent, made = timed(growing.publish)
            seconds += [wall, spent]
            rendered = made.rendered
        took.append(tuple(seconds))
    first, first_cpu, last, last_cpu = (statistics.median(side) for side in zip(*took, strict=True))
    return {
        f"seconds_after_run_{few}": round(first, 3),
        f"seconds_after_run_{many}": round(last, 3),
        "ratio": round(last / first, 3),
        f"cpu_seconds_after_run_{few}": round(first_cpu, 3),
        f"cpu_seconds_after_run_{many}": round(last_cpu, 3),
        "ratio_cpu": round(last_cpu / first_cpu, 3),
        "rendered": rendered,
        "megabytes": round(weight(large.output) / 1e6, 2),
        "files": sum(1 for path in large.output.rglob("*") if path.is_file()),
    }


def from_nothing(growing: Growing, *, runs: int, times: int) -> dict[str, Any]:
    """Seconds of a whole site, and of one where a single case has a new run."""
    growing.add(0, runs)
    whole, _, made = timed(growing.publish)
    changed = []
    case = growing.cases[0]
    for more in range(times):
        growing.add(runs + more, runs + more + 1, (case,))
        changed.append(timed(growing.publish)[0])
    return {
        "runs": runs,
        "pages": made.pages,
        "seconds_from_nothing": round(whole, 2),
        "seconds_a_page": round(whole / made.pages, 4),
        "seconds_one_case_changed": round(statistics.median(changed), 3),
        "seconds_nothing_changed": round(timed(growing.publish)[0], 3),
    }


def measure(
    template: Store, *, cases: int, few: int, many: int, some: int, times: int
) -> dict[str, Any]:
    """All figures, in folders that are gone afterwards; of the first so many cases by name."""
    named = tuple(template.cases()[:cases])
    with tempfile.TemporaryDirectory(dir=template.home.parent) as temporary:
        folders = [Path(temporary) / name for name in ("one", "some", "small", "large")]
        one, middle, small, large = (
            Growing(template=template, cases=named, home=folder / "home", output=folder / "site")
            for folder in folders
        )
        first = from_nothing(one, runs=1, times=times)
        again = from_nothing(middle, runs=some, times=times)
        shutil.rmtree(folders[1])
        return {
            "benchmark": "site",
            "measured": "seconds of publish() with the embedded renderer, medians; bytes of a site",
            "cases": list(named),
            "one_run": first,
            "some_runs": again,
            "piled_up": (piled := piled_up(small, large, few=few, many=many, times=times)),
            "cores": os.cpu_count(),
            "ratio": piled["ratio"],
        }


@click.command()
@click.option("--home", default="", help="A home in which all cases have run; else one is made.")
@click.option("--cases", default=4, show_default=True, help="How many cases, by name.")
@click.option("--few", default=10, show_default=True, help="Runs of a young home.")
@click.option("--many", default=1000, show_default=True, help="Runs of an old one.")
@click.option("--some", default=100, show_default=True, help="Runs of the site from nothing.")
@click.option("--times", default=5, show_default=True, help="Repetitions of what is repeated.")
def main(home: str, cases: int, few: int, many: int, some: int, times: int) -> None:
    """Print the seconds and bytes as one JSON line."""
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(home or temporary).resolve()
        if not home:
            first = [sys.executable, "-m", "pipeline", "run", "--home", at]
            subprocess.run(first, cwd=project.ROOT, check=True, stdout=sys.stderr)
        sizes = {"cases": cases, "few": few, "many": many, "some": some, "times": times}
        print(json.dumps(measure(Store(home=at), **sizes)))


if __name__ == "__main__":
    main()
