"""The DAG: its branches under a real Airflow where there is one, and its commands everywhere."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import airflow_names
import pytest
from commands import calls, check_call

from benchmarks.airflow import DAG, airflow, dags_test, prepare, settings
from pipeline.cli import commands

RECORDER = """#!/bin/sh
echo "$@" >> {folder}/calls
[ "$1" = status ] && cat {folder}/status.json
exit 0
"""


class Recorder:
    """A `vigie` that notes what it is asked, and says what it is told to say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "vigie"
        self.program.write_text(RECORDER.format(folder=folder))
        self.program.chmod(0o755)

    def stands(self, *, decision: str | None, ended: str = "done") -> None:
        (self.folder / "calls").write_text("")
        case = {
            "case": "waves",
            "newest_run": {"ended": ended},
            "decision": decision and {"decision": decision},
        }
        (self.folder / "status.json").write_text(json.dumps({"cases": [case]}))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def dag(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The file, read with stand-ins for the five names of Airflow that it imports."""
    monkeypatch.setenv("VIGIE", str(recorder.program))
    monkeypatch.setenv("VIGIE_CASES", "waves")
    for name, module in airflow_names.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    specification = importlib.util.spec_from_file_location("vigie_dag", DAG)
    assert specification is not None
    assert specification.loader is not None
    found = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(found)
    return found


def test_every_task_calls_a_command_that_exists(dag: ModuleType, recorder: Recorder) -> None:
    commanded = [task.command for task in dag.vigie_waves.tasks.values() if task.command]

    assert 5 == len(commanded)
    for command in commanded:
        (words,) = calls(recorder.program.name, command)
        check_call(commands, words)


def test_the_branches_part_after_the_drift_and_meet_in_the_report(dag: ModuleType) -> None:
    assert [
        ("decision", "keep"), ("decision", "retrain"), ("decision", "stopped_by_a_gate"),
        ("drift", "decision"), ("fetch", "drift"),
        ("keep", "report"), ("report", "publish"), ("retrain", "report"),
        ("stopped_by_a_gate", "report"),
    ] == sorted(dag.vigie_waves.edges)  # fmt: skip


@pytest.mark.parametrize(
    ("stands", "follows"),
    [
        ({"decision": "retrain"}, "retrain"),
        ({"decision": "keep"}, "keep"),
        ({"decision": "retrain", "ended": "stopped"}, "stopped_by_a_gate"),
        ({"decision": None, "ended": "stopped"}, "stopped_by_a_gate"),
    ],
)
def test_what_follows_is_what_is_on_record(
    dag: ModuleType, recorder: Recorder, stands: dict[str, Any], follows: str
) -> None:
    recorder.stands(**stands)

    assert follows == dag.decided("waves")
    assert follows in dag.vigie_waves.tasks


def test_a_failed_gate_is_a_result_and_another_code_a_failure(dag: ModuleType) -> None:
    results = {
        name: re.findall(r'case " ([\d ]*) " in', task.command)
        for name, task in dag.vigie_waves.tasks.items()
        if task.command
    }

    assert {
        "fetch": ["0 3"], "drift": ["0 3"], "retrain": ["0"], "report": ["0 3"], "publish": ["0"]
    } == results  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A real Airflow, and the folder of its database."""
    found = airflow()
    if found is None:
        pytest.skip("Airflow is not there: python -m benchmarks.airflow --prepare installs it")
    home = tmp_path_factory.mktemp("airflow")
    settings(home)
    prepare(found, home)
    return found, home


def tried(programs: tuple[Path, Path], recorder: Recorder, **own: str) -> dict[str, str]:
    variables = {"VIGIE": str(recorder.program), "VIGIE_CASES": "waves", "VIGIE_SOURCE": "sample"}
    return dags_test(*programs, "vigie_waves", {**variables, "VIGIE_HOME": "home", **own})


@pytest.mark.parametrize(("decision", "skipped"), [("retrain", "keep"), ("keep", "retrain")])
def test_airflow_takes_each_branch(
    programs: tuple[Path, Path], recorder: Recorder, decision: str, skipped: str
) -> None:
    recorder.stands(decision=decision)

    states = tried(programs, recorder)

    assert {"skipped": 2, "success": 6} == {
        state: list(states.values()).count(state) for state in set(states.values())
    }
    assert ("success", "skipped") == (states[decision], states[skipped])
    run = "run waves --source sample"
    trained = [f"{run} --until promote"] if decision == "retrain" else []
    assert [
        f"{run} --until validate", f"{run} --until decide", "status --json", *trained, run,
        "site --output home/pages/site",
    ] == recorder.calls  # fmt: skip
