"""What deploy/ holds names commands and files that exist, and its own programs can read it."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import calls, check_call
from packaging.specifiers import SpecifierSet

from benchmarks.deployments import CHECKS, DEPLOY, PASSWORDS, compose_asks_for, manifests, tools
from pipeline.cli import commands
from pipeline.store.project import ROOT


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
    return found


def containers() -> list[dict[str, Any]]:
    """Of all Kubernetes manifests."""
    found = []
    for item in manifests():
        spec = item.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        found += spec.get("template", {}).get("spec", {}).get("containers", [])
    return found


def scripts() -> dict[str, str]:
    """Every script that calls vigie, by where it stands."""
    service = (DEPLOY / "cron" / "vigie.service").read_text()
    lines = (DEPLOY / "cron" / "crontab").read_text().splitlines()
    (line,) = [line for line in lines if line[:1].isdigit()]
    return {
        "compose": compose()["services"]["scheduler"]["command"][0].replace("$$", "$"),
        "kubernetes": next(one["args"][0] for one in containers() if "command" in one),
        "systemd": "\n".join(re.findall(r"^Exec\w+=(.*)$", service, re.MULTILINE)),
        "crontab": shlex.split(line)[-1],
    }


@pytest.mark.parametrize("where", ["compose", "kubernetes", "systemd", "crontab"])
def test_every_place_runs_publishes_and_tells_with_commands_that_exist(where: str) -> None:
    called = list(calls("vigie", scripts()[where]))
    for words in called:
        check_call(commands, words)

    assert ["run", "site", "notify"] == [words[0] for words in called][:3]


def test_the_service_is_started_with_options_that_exist() -> None:
    ours = [one["args"] for one in containers() if one["name"] == "service"]
    for words in [compose()["services"]["service"]["command"], *ours]:
        check_call(commands, words)
    assert 1 == len(ours)


def test_what_the_image_is_made_of_is_there() -> None:
    """And nothing of it is left out by .dockerignore."""
    copied = re.findall(
        r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE
    )
    names = [name for line in copied for name in line.split()]
    ignored = (ROOT / ".dockerignore").read_text().split()

    assert {"pipeline", "bento", "notebooks", "requirements.lock"} <= set(names)
    assert [] == [name for name in names if not (ROOT / name).exists() or name in ignored]


def test_every_password_of_the_compose_file_must_be_given() -> None:
    text = (DEPLOY / "docker" / "compose.yaml").read_text()

    assert set(PASSWORDS) == set(re.findall(r"\$\{(\w+):\?set \1 in \.env\}", text))
    assert not re.search(r"(?i)password: (?!\$\{)\S", text)


def test_a_line_of_a_crontab_has_no_percent_sign() -> None:
    """cron would end the command there and hand it the rest as input."""
    assert "%" not in (DEPLOY / "cron" / "crontab").read_text().splitlines()[-1]


def test_every_command_of_the_page_on_schedules_exists() -> None:
    page = (ROOT / "site" / "schedule.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    called = [words for block in blocks for words in calls("vigie", block)]
    for words in called:
        check_call(commands, words)

    assert {"state", "notify", "run", "new"} == {words[0] for words in called}


def test_the_environment_of_conda_users_follows_the_project() -> None:
    """Python, Quarto and the extra that it names are those that the project knows."""
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [one for one in wanted if isinstance(one, str)]
    (pip,) = [one["pip"] for one in wanted if isinstance(one, dict)]
    (python,) = [one.partition("=")[2] for one in named if one.startswith("python=")]
    (quarto,) = [one.removeprefix("quarto") for one in named if one.startswith("quarto")]
    workflow = (ROOT / ".github" / "workflows" / "pipeline.yml").read_text()

    assert SpecifierSet(project["requires-python"]).contains(python)
    assert f'python-version: "{python}"' in workflow
    (used,) = re.findall(r"quarto-actions/setup@.*\n\s+with:\n\s+version: (\S+)", workflow)
    assert SpecifierSet(quarto).contains(used)
    ((extras,),) = [re.findall(r"^--editable \.\[(.*)\]$", line) for line in pip]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


@pytest.fixture(scope="module")
def programs() -> Path:
    found = tools()
    if found is None:
        pytest.skip("the programs are not there: python -m benchmarks.deployments installs them")
    return found


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_its_own_program_finds_nothing_wrong(programs: Path, check: str) -> None:
    if check == "units" and not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")

    assert [] == CHECKS[check](programs)


def test_docker_compose_asks_for_what_is_missing(programs: Path) -> None:
    told = "\n".join(compose_asks_for(programs))

    assert all(f"set {name} in .env" in told for name in PASSWORDS)
