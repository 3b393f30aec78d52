"""Small cases for proofs of many runs: copies of the tests' case `tiny`, whose run takes seconds.

They are found in every process that gets `environment`, kernels too: Python imports a module
`sitecustomize` when it starts, and this one puts the copies in the place of the package's cases.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.store import project

FAKES = project.ROOT / "tests" / "fakes"
LIGHT = {"folds": 1, "candidates": "ridge"}
"""Parameters with which a run does everything once, and no more."""
CUSTOM = """
import pipeline.case
from pathlib import Path
from pipeline.store import project

pipeline.case.CASES_PACKAGE = "copied_cases"
project.suite = lambda case: Path({suite!r})
"""
COPY = """
from small_cases.tiny import TinySource, case

CASE = case({name!r}, TinySource(simulated=True))
"""


def names(count: int) -> list[str]:
    """The names of so many copies."""
    return [f"tiny{number}" for number in range(count)]


def write_cases(folder: Path, count: int) -> dict[str, str]:
    """Writes the copies; gives the environment of processes that know them."""
    package = folder / "copied_cases"
    for name in names(count):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text(COPY.format(name=name))
    (package / "__init__.py").write_text("")
    suite = FAKES / "small_cases" / "expectations.json"
    (folder / "sitecustomize.py").write_text(CUSTOM.format(suite=str(suite)))
    path = os.pathsep.join([str(folder), str(FAKES), str(project.ROOT)])
    return {**os.environ, "PYTHONPATH": path}


def settings() -> list[str]:
    """The light parameters as options of `vigie run`."""
    return [word for name, value in LIGHT.items() for word in ("--set", f"{name}={value}")]
