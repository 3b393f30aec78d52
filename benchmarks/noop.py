"""A second run of all cases with nothing new, against `dvc repro` with nothing new.

`python -m benchmarks.noop` runs all cases on their samples once, makes a DVC pipeline of as many
stages, and times both as whole processes in turn. It prints one JSON line: seconds of each, and
`ratio`, the median of ours over the median of theirs. DVC is installed in an environment of its
own; its pipeline copies small files and is not under Git, so that nothing else is in its time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import yaml

from benchmarks.environments import environment, version
from benchmarks.processes import timed
from pipeline.case import find_cases
from pipeline.options import NOTEBOOKS
from pipeline.store import project


def make_pipeline(folder: Path, dvc: Path) -> None:
    """One chain of stages a case: each reads the file of the stage before, and its own script."""
    stages = {}
    for case in find_cases():
        (folder / f"{case}-source.txt").write_text(case)
        before = f"{case}-source.txt"
        for notebook in NOTEBOOKS:
            name, script = f"{case}-{notebook}", f"{case}-{notebook}.py"
            copy = f"import shutil; shutil.copy({before!r}, {name + '.txt'!r})"
            (folder / script).write_text(copy)
            stages[name] = {
                "cmd": f"{sys.executable} {script}",
                "deps": [before, script],
                "outs": [f"{name}.txt"],
            }
            before = f"{name}.txt"
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    for words in (
        ["init", "--no-scm", "--quiet"],
        ["config", "core.analytics", "false"],
        ["repro"],
    ):
        subprocess.run([dvc, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def measure(home: Path, repetitions: int) -> dict[str, object]:
    """Both in turn, after one of each that isn't counted."""
    vigie = [sys.executable, "-m", "pipeline", "run", "--home", home]
    programs = environment("dvc", "dvc>=3.60")
    dvc = programs / "dvc"
    before = len(list(home.glob("runs/*/*")))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_pipeline(folder, dvc)
        runs = [
            (timed(vigie, folder=project.ROOT), timed([dvc, "repro"], folder=folder))
            for _ in range(repetitions + 1)
        ][1:]
    ours, theirs = zip(*runs, strict=True)
    if len(list(home.glob("runs/*/*"))) != before:
        raise click.ClickException("A run that was to do nothing made a run folder.")
    wall = [statistics.median(took.wall for took in side) for side in (ours, theirs)]
    cpu = [statistics.median(took.cpu for took in side) for side in (ours, theirs)]
    return {
        "benchmark": "noop",
        "measured": "seconds of the whole process with nothing new, interleaved, medians",
        "cases": list(find_cases()),
        "stages": len(find_cases()) * len(NOTEBOOKS),
        "ours": {"wall": round(wall[0], 3), "cpu": round(cpu[0], 3)},
        "theirs": {
            "program": f"dvc {version(programs, 'dvc')} repro",
            "wall": round(wall[1], 3),
            "cpu": round(cpu[1], 3),
        },
        "repetitions": repetitions,
        "cores": os.cpu_count(),
        "ratio": round(wall[0] / wall[1], 4),
        "ratio_cpu": round(cpu[0] / cpu[1], 4),
    }


@click.command()
@click.option("--repetitions", default=7, show_default=True, help="Timed runs of each.")
@click.option("--home", default="", help="A home in which all cases have run; else one is made.")
def main(repetitions: int, home: str) -> None:
    """Print the seconds of both as one JSON line."""
    # Both sides use compiled modules, as they do where this is not set.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(home or temporary).resolve()
        first = [sys.executable, "-m", "pipeline", "run", "--home", at]
        subprocess.run(first, cwd=project.ROOT, check=True, stdout=sys.stderr)
        print(json.dumps(measure(at, repetitions)))


if __name__ == "__main__":
    main()
