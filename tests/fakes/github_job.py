"""One machine of GitHub Actions: runs the `run:` steps of a job in a checkout of their own.

What a `uses:` step would do is done beforehand or not at all. An expression that is not known here
is an error, so that none goes by unseen.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.store.project import ROOT

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
MOST_SECONDS = 300


def install_gh(folder: Path) -> dict[str, str]:
    """A `gh` of our own in `folder`, and the variables that make it found."""
    program = folder / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{(Path(__file__).parent / 'gh.py').read_text()}")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "FAKE_GITHUB": str(folder / "github")}


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

    def run_job(self, name: str, *, until: str = "", cut: Callable[[], bool] | None = None) -> int:
        """The exit code of the first step that failed, or 0.

        `until` names the last step. With `cut`, the machine is switched off in that step as soon
        as it gives true.
        """
        workflow = yaml.safe_load((self.clone / ".github/workflows/pipeline.yml").read_text())
        for step in workflow["jobs"][name]["steps"]:
            if "run" not in step:
                continue
            last = step["name"] == until
            shared = {**workflow["env"], **workflow["jobs"][name].get("env", {})}
            code = self._step(step, shared, cut if last else None)
            if code or last:
                return code
        return 0

    def _step(
        self, step: dict[str, Any], shared: dict[str, Any], cut: Callable[[], bool] | None
    ) -> int:
        files = {name: self.clone.parent / name.lower() for name in (
            "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
        )}  # fmt: skip
        for path in files.values():
            path.write_text("")
        given = {
            name: self._value(str(text)) for name, text in {**shared, **step.get("env", {})}.items()
        }
        own = {name: str(path) for name, path in files.items()}
        said = self.clone.parent / "log"
        with said.open("w") as output:
            process = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
                cwd=self.clone, stdout=output, stderr=output, start_new_session=True,
                env={**_inherited(), **self.environment, **given, **own},
            )  # fmt: skip
            code = _wait(process, cut)
        self.log += f"== {step['name']}\n{said.read_text()}"
        self._take_over(files, step.get("id", ""))
        return code

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


def _wait(process: subprocess.Popen[bytes], cut: Callable[[], bool] | None) -> int:
    """The exit code; the process and its children are killed when `cut` says so."""
    if cut is None:
        return process.wait(MOST_SECONDS)
    end = time.monotonic() + MOST_SECONDS
    while process.poll() is None and not cut() and time.monotonic() < end:
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _inherited() -> dict[str, str]:
    """Without what would measure the coverage of another checkout, which takes its time."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


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
            shutil.copy2(ROOT / name, clone / name)
    # Compiled modules count for a source of the same time: a second is saved in each process.
    for compiled in (ROOT / "pipeline").rglob("__pycache__"):
        if (at := clone / compiled.relative_to(ROOT)).parent.is_dir():
            shutil.copytree(compiled, at)
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
