"""The files of a case: written beside their place and moved there whole, never over another."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OptionError, StateError
from pipeline.newcase.modules import candidates_module, case_module, page
from pipeline.newcase.naming import require_case_name
from pipeline.newcase.planning import make_plan
from pipeline.newcase.reading import read_file
from pipeline.newcase.suite import expectations
from pipeline.store import project


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was written, what was guessed, and how to go on."""

    folder: Path
    suite: Path
    said: tuple[str, ...]
    commands: tuple[str, ...]


def make_case(
    name: str,
    path: Path,
    *,
    target: str,
    time: str = "",
    key: tuple[str, ...] = (),
    task: str = "",
    root: Path = project.ROOT,
) -> Made:
    """Reads the file, writes the case; raises `OptionError` or `SourceError` and writes nothing."""
    require_case_name(name)
    folder, suite = root / "pipeline" / "cases" / name, root / "expectations" / f"{name}.json"
    for held in (folder, suite):
        if held.exists():
            raise OptionError(f"{held} is there already. Choose another name, or remove it first.")
    plan = make_plan(read_file(path), target=target, time=time, key=key, task=task)
    files = {
        "__init__.py": case_module(name, plan),
        "candidates.py": candidates_module(plan),
        "page.md": page(name, plan),
    }
    _place(files, folder, suite, json.dumps(expectations(name, plan), indent=2, ensure_ascii=False))
    return Made(
        folder=folder,
        suite=suite,
        said=plan.said,
        commands=(
            f"mkdir -p data/{name} && cp {shlex.quote(str(path))} data/{name}/",
            f"make run CASES={name} SOURCE=files DATA=data",
            "make serve SOURCE=files",
        ),
    )


def _place(files: dict[str, str], folder: Path, suite: Path, expected: str) -> None:
    try:
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        try:
            for name, text in files.items():
                (work / name).write_text(text, encoding="utf-8")
            work.chmod(0o755)
            with suite.open("x", encoding="utf-8") as file:
                file.write(expected + "\n")
            try:
                work.rename(folder)
            except OSError:
                suite.unlink()
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StateError.for_failed_write(folder, error) from error
