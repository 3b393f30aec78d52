"""Two whole runs at once whose experiments are kept in one PostgreSQL database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest

from pipeline.records import TrainRecord
from pipeline.store import Store
from pipeline.store.experiments import ALIAS, SERVER, connected

FAKES = Path(__file__).parents[1] / "fakes"
RUN = """
import sys
sys.path[:0] = sys.argv[1:3]
import in_process, pipeline.case
in_process.apply(setattr)
pipeline.case.CASES_PACKAGE = "two_cases"
from pipeline.cli import commands
commands(["run", *sys.argv[4:], "--home", sys.argv[3]])
"""


@pytest.fixture
def database() -> Iterator[str]:
    """Empty: its tables are made by the first who comes."""
    with postgres.server() as address:
        yield address


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """The folder of a package with two cases that are equal but for their names."""
    for name in ("tiny", "twin"):
        folder = tmp_path / "two_cases" / name
        folder.mkdir(parents=True)
        source = "from small_cases.tiny import TinySource, case\n"
        (folder / "__init__.py").write_text(
            f'{source}CASE = case("{name}", TinySource(simulated=True))\n'
        )
    (tmp_path / "two_cases" / "__init__.py").touch()
    return tmp_path


def started(cases: Path, home: Path, database: str, case: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, FAKES, cases, home, case]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, SERVER: database},
    )  # fmt: skip


def tracked(home: Path, case: str) -> tuple[int, str]:
    """Of MLflow: how many candidates it has of the case, and who is champion."""
    with connected(Store.at(home)) as client:
        experiment = client.get_experiment_by_name(case)
        runs = client.search_runs([experiment.experiment_id])
        version = client.get_model_version_by_alias(f"vigie-{case}", ALIAS)
    return len(runs), str(version.tags["vigie.candidate"])


def recorded(home: Path, case: str) -> tuple[int, str]:
    """The same by the records."""
    store = Store.at(home)
    trained = store.record(case, store.run_ids(case)[-1], TrainRecord)
    champion = store.champion(case)
    assert trained is not None
    assert champion is not None
    return len(trained.candidates), champion.ref.candidate


def test_two_machines_that_run_a_case_each_at_once_are_both_tracked(
    cases: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find an empty database, and both want to make its tables."""
    both = {case: started(cases, tmp_path / case, database, case) for case in ("tiny", "twin")}
    said = {case: process.communicate()[0] for case, process in both.items()}

    assert {"tiny": 0, "twin": 0} == {case: both[case].returncode for case in both}, said
    monkeypatch.setenv(SERVER, database)
    for case in both:
        assert "tracked" in said[case]
        assert recorded(tmp_path / case, case) == tracked(tmp_path / case, case)
        assert not (tmp_path / case / "mlflow.db").exists()
