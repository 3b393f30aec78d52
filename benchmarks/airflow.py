"""The DAG of deploy/airflow under a real Airflow: both branches taken, with real runs of a case.

    python -m benchmarks.airflow [--case bikes]

Airflow is installed in an environment of its own, with `python -m venv` and pip; the tests of
`tests/schedule/test_airflow.py` use it too, and `--prepare` does nothing else. The case runs on
its sample; the decision is asked for by a parameter, once `always` and once `never`. Says each task
that begins; one that fails is not tried again, since Airflow would wait five minutes for it. Prints
one JSON line: the state in which each task ended, by branch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import click

from benchmarks.environments import environment, installed, version
from pipeline.store.project import ROOT

NAME, REQUIREMENT = "airflow", "apache-airflow>=3.3,<3.4"
DAG = ROOT / "deploy" / "airflow" / "vigie_dag.py"
BEGINS = re.compile(r"\[DAG TEST\] starting task_id=(\S+)")
WRAPPER = """#!/bin/sh
[ "$1" = run ] && set -- "$@" --set retrain="$RETRAIN"
exec {python} -m pipeline "$@"
"""


def airflow() -> Path | None:
    """The programs of the environment; `None` when it was not made."""
    return installed(NAME, REQUIREMENT)


def settings(home: Path) -> dict[str, str]:
    """Variables of an Airflow that has its database in `home`, and no DAG but ours."""
    (home / "dags").mkdir(parents=True, exist_ok=True)
    shutil.copy2(DAG, home / "dags")
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def prepare(programs: Path, home: Path) -> None:
    """Makes Airflow's database."""
    call(programs, home, {}, "db", "migrate")


def dags_test(programs: Path, home: Path, dag: str, own: Mapping[str, str]) -> dict[str, str]:
    """Runs `airflow dags test` and gives the state in which each task of the newest run ended."""
    call(programs, home, own, "dags", "test", dag)
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        newest = "SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1"
        states = (
            f"SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id = ({newest})"
        )
        return dict(database.execute(states, (dag, dag)))


def call(programs: Path, home: Path, own: Mapping[str, str], *words: str) -> None:
    """One command of Airflow; says each task that it begins. Raises `RuntimeError` with the end of
    what it said."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    variables = {name: text for name, text in os.environ.items() if name[:9] != "COVERAGE_"}
    began, said = time.monotonic(), []
    with subprocess.Popen(
        [programs / "airflow", *words], cwd=home, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**variables, **settings(home), **own, "PATH": path},
    ) as running:  # fmt: skip
        for line in running.stdout or ():
            said.append(line)
            if task := BEGINS.search(line):
                print(f"{time.monotonic() - began:6.1f} s  {task[1]}", file=sys.stderr, flush=True)
    if running.returncode:
        raise RuntimeError(f"airflow {' '.join(words)} failed: {''.join(said)[-3000:]}")


@click.command()
@click.option("--case", default="bikes", show_default=True, help="The case that is run.")
@click.option("--prepare", "only", is_flag=True, help="Only make the environment.")
def main(*, case: str, only: bool) -> None:
    """Take both branches and print the states of the tasks as one JSON line."""
    programs = environment(NAME, REQUIREMENT)
    found: dict[str, object] = {
        "benchmark": "airflow",
        "airflow": version(programs, "apache-airflow"),
    }
    if not only:
        with tempfile.TemporaryDirectory() as folder:
            found |= {"case": case, **take_branches(programs, Path(folder), case)}
    print(json.dumps(found))


def take_branches(programs: Path, folder: Path, case: str) -> dict[str, object]:
    command = folder / "vigie"
    command.write_text(WRAPPER.format(python=sys.executable))
    command.chmod(0o755)
    own = {
        "VIGIE": str(command),
        "VIGIE_HOME": str(folder / "state"),
        "VIGIE_CASES": case,
        "VIGIE_SOURCE": "sample",
        "VIGIE_RETRIES": "0",
        "PYTHONPATH": str(ROOT),
    }
    home, began = folder / "airflow", time.monotonic()
    settings(home)
    prepare(programs, home)
    branches = {
        branch: dags_test(programs, home, f"vigie_{case}", {**own, "RETRAIN": asked})
        for branch, asked in (("retrain", "always"), ("keep", "never"))
    }
    return {"branches": branches, "seconds": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    main()
