"""The workflow files: their form, what they call, and that nothing of it is left to chance."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import calls, check_call

from pipeline.cli import commands
from pipeline.options import NOTEBOOKS, SETTINGS_OF_A_RUN
from pipeline.store.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIPELINE = ROOT / ".github" / "workflows" / "pipeline.yml"
OF_THE_RUN = {"cases", "source", "as_of"}


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    found["on"] = found.pop(True)  # YAML 1.1 reads the word as a truth value
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job.get("steps", [])


def scripts(path: Path) -> list[str]:
    return [step["run"] for step in steps(path) if "run" in step]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_the_form_is_that_of_the_published_schema() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows",
         *map(str, WORKFLOWS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == checked.returncode, checked.stdout


def test_every_action_is_pinned_to_a_commit(workflow: Path) -> None:
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])


def test_nothing_is_permitted_but_what_a_job_asks_for(workflow: Path) -> None:
    found = read(workflow)

    assert {} == found["permissions"]
    assert all("permissions" in job and "timeout-minutes" in job for job in found["jobs"].values())


def test_what_others_may_write_never_becomes_part_of_a_script(workflow: Path) -> None:
    """Inputs, titles and secrets come as variables of the environment."""
    assert not [script for script in scripts(workflow) if "${{" in script]


def test_every_command_of_ours_exists_with_its_options(workflow: Path) -> None:
    called = [words for script in scripts(workflow) for words in calls("vigie", script)]
    for words in called:
        check_call(commands, words)


def test_every_recipe_exists(workflow: Path) -> None:
    recipes = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for script in scripts(workflow):
        for words in calls("make", script):
            assert words[0] in recipes


def test_the_schedule_is_at_an_odd_minute_and_nothing_is_cancelled() -> None:
    found = read(PIPELINE)
    minute = int(found["on"]["schedule"][0]["cron"].split()[0])

    assert minute % 5
    assert not found["concurrency"]["cancel-in-progress"]


def test_every_parameter_of_the_notebooks_can_be_given_by_hand() -> None:
    """A parameter that is new in `pipeline/options.py` needs an input of the same name."""
    wanted = {
        name for model in NOTEBOOKS.values() for name in model.model_fields
    } - SETTINGS_OF_A_RUN
    inputs = read(PIPELINE)["on"]["workflow_dispatch"]["inputs"]

    assert wanted == set(inputs) - OF_THE_RUN
    assert 25 >= len(inputs), "GitHub takes no more"
