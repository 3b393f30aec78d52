"""One machine of GitHub Actions: runs the `run:` steps of a job in a checkout of their own.

What a `uses:` step would do is done beforehand or not at all. An expression that is not known here
is an error, so that none goes by unseen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.store.project import ROOT

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Machine:
    """A clean clone, and what the steps have told one another through files."""

    clone: Path
    github: Path
    """The folder of everything that GitHub keeps: releases and issues."""
    known: dict[str, str]
    """Values of expressions."""
    environment: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    log: str = ""

    def run_job(self, name: str, *, until: str = "") -> int:
        """The exit code of the first step that failed, or 0; `until` names the last step."""
        workflow = yaml.safe_load((self.clone / ".github/workflows/pipeline.yml").read_text())
        for step in workflow["jobs"][name]["steps"]:
            if "run" not in step:
                continue
            code = self._step(step, {**workflow["env"], **workflow["jobs"][name].get("env", {})})
            if code:
                return code
            if step["name"] == until:
                break
        return 0

    def _step(self, step: dict[str, Any], shared: dict[str, Any]) -> int:
        files = {name: self.clone.parent / name.lower() for name in (
            "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
        )}  # fmt: skip
        for path in files.values():
            path.write_text("")
        given = {
            name: self._value(str(text)) for name, text in {**shared, **step.get("env", {})}.items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.clone, capture_output=True, text=True, check=False,
            env={**os.environ, **self.environment, **given,
                 **{name: str(path) for name, path in files.items()}},
        )  # fmt: skip
        self.log += f"== {step['name']}\n{done.stdout}{done.stderr}"
        self._take_over(files, step.get("id", ""))
        return done.returncode

    def _take_over(self, files: dict[str, Path], step: str) -> None:
        for line in files["GITHUB_ENV"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.environment[name] = value
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step}.outputs.{name}"] = value
        for folder in files["GITHUB_PATH"].read_text().splitlines():
            before = self.environment.get("PATH", os.environ["PATH"])
            self.environment["PATH"] = f"{folder}{os.pathsep}{before}"
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()

    def _value(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self.known[match.group(1)], text)


def new_machine(folder: Path, github: Path, known: dict[str, str]) -> Machine:
    """A machine with a clean copy of what is under version control, and an environment made."""
    clone = folder / "vigie"
    clone.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    # The environment is the one that runs the tests: it was made from the same lock file.
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (clone / ".venv" / ".locked").touch()
    environment = {
        "PYTHONPATH": str(clone),
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_REPOSITORY_OWNER": "owner",
        "FAKE_GITHUB": str(github),
    }
    return Machine(clone=clone, github=github, known=known, environment=environment)
