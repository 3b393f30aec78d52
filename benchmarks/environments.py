"""Programs that we are measured against, each in an environment of its own in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path


def environment(name: str, *requirements: str) -> Path:
    """The folder of programs of an environment that holds the requirements; made when missing."""
    folder = _folder(name)
    programs, done = folder / "bin", folder / "installed.txt"
    wanted = "\n".join(requirements)
    if installed(name, *requirements) is None:
        print(f"Installing {', '.join(requirements)} in {folder} …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [programs / "python", "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(command, check=True)
        done.write_text(wanted)
    return programs


def installed(name: str, *requirements: str) -> Path | None:
    """The programs of an environment that was made before; `None` where there is none."""
    done = _folder(name) / "installed.txt"
    there = done.exists() and done.read_text() == "\n".join(requirements)
    return done.parent / "bin" if there else None


def _folder(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "vigie-benchmarks" / name


def version(programs: Path, package: str) -> str:
    """Which version of a package the environment holds."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    ran = subprocess.run(
        [programs / "python", "-c", code], check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()
