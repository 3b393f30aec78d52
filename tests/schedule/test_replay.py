"""The steps of pipeline.yml, in order, on one clean machine after another.

Three scheduled runs, the third of them cut off and done again, a fourth with nothing new, and one
after the state was lost.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from github_job import Machine, install_gh, new_machine

from pipeline.records import IngestRecord, RunRecord
from pipeline.snapshots.manifest import Manifest, name_of, read_manifest
from pipeline.store import Store
from pipeline.store.project import ROOT

FAKES = ROOT / "tests" / "fakes" / "small_cases"
DAYS = ("2024-02-20", "2024-02-24", "2024-02-28")
ROWS_OF_4_DAYS = 2 * 4 * 24
ANEW = "beginning anew, without history"

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the files of a clean clone are known to git alone"
)


def expressions(day: str) -> dict[str, str]:
    """What GitHub puts in the place of expressions in a scheduled run; the day is in `as_of`."""
    return {
        "inputs.cases || vars.VIGIE_CASES": "tiny",
        "inputs.source || vars.VIGIE_SOURCE || 'live'": "sample",
        "inputs.as_of": day,
        "toJSON(inputs)": "null",
        "github.token": "token",
        "github.event_name": "schedule",
        "secrets.EIA_API_KEY": "",
        "secrets.VIGIE_NOTIFY": "",
        **{f"vars.VIGIE_SMTP_{name}": "" for name in ("PORT", "TLS")},
        **{f"secrets.VIGIE_SMTP_{name}": "" for name in ("HOST", "USER", "PASSWORD", "FROM")},
    }


@dataclass
class Schedule:
    """Machines that GitHub lends for one job each; releases and issues outlive them."""

    folder: Path
    github: dict[str, str]
    machines: list[Machine] = field(default_factory=list)

    @property
    def releases(self) -> Path:
        return Path(self.github["FAKE_GITHUB"]) / "owner_name" / "releases"

    def start(self, day: str) -> Machine:
        at = self.folder / f"machine-{len(self.machines)}"
        made = new_machine(at, Path(self.github["FAKE_GITHUB"]), expressions(day))
        made.environment |= self.github
        shutil.copytree(FAKES / "tiny", made.clone / "pipeline" / "cases" / "tiny")
        shutil.copyfile(FAKES / "expectations.json", made.clone / "expectations" / "tiny.json")
        workflow = made.clone / ".github" / "workflows" / "pipeline.yml"
        workflow.write_text(workflow.read_text().replace("RENDERER: quarto", "RENDERER: embedded"))
        self.machines.append(made)
        return made

    def run(self, day: str, *, until: str = "") -> Machine:
        made = self.start(day)
        assert 0 == made.run_job("run", until=until), made.log[-3000:]
        return made


def store_of(machine: Machine) -> Store:
    return Store.at(machine.clone / "state")


def runs_of(machine: Machine) -> list[str]:
    return store_of(machine).run_ids("tiny")


def newest_run(machine: Machine) -> RunRecord:
    found = store_of(machine).run_record("tiny", runs_of(machine)[-1])
    assert found is not None
    return found


def rows(machine: Machine) -> tuple[int, int]:
    """Of the newest ingest: those that were new, and those that were there."""
    found = store_of(machine).record("tiny", runs_of(machine)[-1], IngestRecord)
    assert found is not None
    return found.inserted, found.unchanged


def runs_on_the_site(machine: Machine) -> tuple[list[str], int]:
    """Pages of runs, and lines of the overview's history."""
    site = machine.clone / "_site" / "tiny"
    pages = sorted(path.stem for path in site.glob("runs/*.html") if path.stem != "index")
    with (site / "files" / "report" / "runs.csv").open() as lines:
        return pages, len(list(csv.DictReader(lines)))


@pytest.fixture(scope="module")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schedule]:
    folder = tmp_path_factory.mktemp("schedule")
    yield Schedule(folder=folder, github=install_gh(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def first(schedule: Schedule) -> Machine:
    return schedule.run(DAYS[0], until="Keep the state")


@pytest.fixture(scope="module")
def second(schedule: Schedule, first: Machine) -> Machine:
    return schedule.run(DAYS[1], until="Keep the state")


@pytest.fixture(scope="module")
def cut_off(schedule: Schedule, second: Machine) -> Machine:
    """Switched off in the middle of its run, when the first notebook has left its record."""
    made = schedule.start(DAYS[2])
    before = made.clone / "state" / "runs" / "tiny"

    def in_the_middle() -> bool:
        return len(list(before.glob("*/ingest/record.json"))) == len(runs_of(second)) + 1

    assert made.run_job("run", until="Run the cases", cut=in_the_middle) < 0, made.log[-3000:]
    return made


@pytest.fixture(scope="module")
def third(schedule: Schedule, cut_off: Machine) -> Machine:
    return schedule.run(DAYS[2])


@pytest.fixture(scope="module")
def lost(schedule: Schedule, third: Machine) -> Machine:
    """A run after somebody has removed the release with the state."""
    shutil.rmtree(schedule.releases / "vigie-state")
    return schedule.run(DAYS[2], until="Say how every case stands")


def test_the_first_run_begins_anew_and_says_so(first: Machine) -> None:
    assert ANEW in first.log
    assert 1 == len(runs_of(first))


def test_the_second_run_does_only_what_is_new(
    schedule: Schedule, first: Machine, second: Machine
) -> None:
    assert ANEW not in second.log
    assert (ROWS_OF_4_DAYS, sum(rows(first))) == rows(second)
    assert "4-train" not in newest_run(second).notebooks
    before, after = (snapshot(schedule, number) for number in (1, 2))
    assert before.packs == after.packs[:1]
    assert 2 == len(after.packs)


def snapshot(schedule: Schedule, number: int) -> Manifest:
    path = schedule.releases / "vigie-state" / name_of(number)
    return read_manifest(path.name, path.read_bytes())


def test_a_run_that_was_cut_off_leaves_no_trace(
    second: Machine, cut_off: Machine, third: Machine
) -> None:
    assert set(runs_of(second)) < set(runs_of(third))
    assert not set(runs_of(cut_off)) <= set(runs_of(third))
    assert (ROWS_OF_4_DAYS, sum(rows(second))) == rows(third)


def test_the_third_site_shows_the_history_of_three(third: Machine) -> None:
    assert ANEW not in third.log
    assert (runs_of(third), 3) == runs_on_the_site(third)
    status = json.loads((third.clone / "_site" / "status.json").read_text())
    assert runs_of(third)[-1] == status["cases"][0]["newest_run"]["run_id"]


def test_the_job_tells_the_summary_and_attaches_the_bento(
    schedule: Schedule, third: Machine
) -> None:
    assert "| Waves |" in third.summary
    assert "0" == third.outputs["steps.run.outputs.code"]
    assert (schedule.releases / "vigie-bento" / "vigie.bento").is_file()


def test_a_run_with_nothing_new_makes_none_and_sends_nothing(
    schedule: Schedule, third: Machine
) -> None:
    again = schedule.run(DAYS[2], until="Keep the state")

    assert runs_of(third) == runs_of(again)
    assert f"nothing new  run {runs_of(third)[-1]} stands" in again.log
    assert "0.0 MB sent" in again.log, "only when it was looked at is new"


def test_where_the_state_is_lost_a_whole_run_begins_anew_and_says_so(
    third: Machine, lost: Machine
) -> None:
    assert ANEW in lost.log
    assert not set(runs_of(third)) & set(runs_of(lost))
    assert (runs_of(lost), 1) == runs_on_the_site(lost)
    assert sum(rows(third)) == rows(lost)[0]
    assert "4-train" in newest_run(lost).notebooks
    assert store_of(lost).promotion("tiny") is not None
