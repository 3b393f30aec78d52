"""The steps of pipeline.yml, in order, on one clean machine after another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from github_job import Machine, new_machine

from pipeline.store.project import ROOT

FAKES = ROOT / "tests" / "fakes" / "small_cases"
DAYS = ("2024-02-20", "2024-02-24", "2024-02-28")
Start = Callable[[str], Machine]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the files of a clean clone are known to git alone"
)


@pytest.fixture
def start(tmp_path: Path, github: Path) -> Start:
    """A new machine with the small case, as of a day; the releases outlive it."""

    def machine(day: str) -> Machine:
        number = len(list(tmp_path.glob("machine-*")))
        made = new_machine(tmp_path / f"machine-{number}", github, expressions(day))
        shutil.copytree(FAKES / "tiny", made.clone / "pipeline" / "cases" / "tiny")
        shutil.copyfile(FAKES / "expectations.json", made.clone / "expectations" / "tiny.json")
        return made

    return machine


def expressions(day: str) -> dict[str, str]:
    return {
        "inputs.cases || vars.VIGIE_CASES": "tiny",
        "inputs.source || vars.VIGIE_SOURCE || 'live'": "sample",
        "inputs.as_of": day,
        "toJSON(inputs)": json.dumps({"as_of": day, "folds": "1", "retrain": ""}),
        "github.token": "token",
        "github.event_name": "schedule",
        "secrets.EIA_API_KEY": "",
        "secrets.VIGIE_NOTIFY": "",
        **{f"secrets.VIGIE_SMTP_{name}": "" for name in ("HOST", "USER", "PASSWORD", "FROM")},
    }


def ran(machine: Machine, *, until: str = "") -> Machine:
    workflow = machine.clone / ".github" / "workflows" / "pipeline.yml"
    workflow.write_text(workflow.read_text().replace("RENDERER: quarto", "RENDERER: embedded"))
    assert 0 == machine.run_job("run", until=until), machine.log[-3000:]
    return machine


def runs_at(machine: Machine) -> list[str]:
    return sorted(path.name for path in (machine.clone / "state/runs/tiny").iterdir())


def test_three_scheduled_runs_one_of_them_cut_off_and_done_again(start: Start) -> None:
    """Each on a machine of its own: what was cut off leaves no trace, the last site shows the
    history of three, and where the state is lost the next run begins anew and says so.
    """
    first = ran(start(DAYS[0]), until="Keep the state")
    second = ran(start(DAYS[1]), until="Keep the state")
    cut_off = ran(start(DAYS[2]), until="Run the cases")
    third = ran(start(DAYS[2]))

    assert "beginning anew" in first.log
    assert "beginning anew" not in second.log + cut_off.log + third.log
    assert [1, 2, 3, 3] == [len(runs_at(made)) for made in (first, second, cut_off, third)]
    assert set(runs_at(second)) < set(runs_at(third))
    assert not set(runs_at(cut_off)) <= set(runs_at(third))
    status = (third.clone / "_site" / "status.json").read_text()
    assert runs_at(third)[-1] in status
    assert "| Waves |" in third.summary
    assert "0" == third.outputs["steps.run.outputs.code"]
    assert (third.github / "owner_name/releases/vigie-bento/vigie.bento").is_file()

    shutil.rmtree(third.github / "owner_name" / "releases")
    lost = ran(start(DAYS[2]), until="Restore the state")
    assert "beginning anew" in lost.log
