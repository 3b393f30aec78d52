"""A seal says that nothing has changed since a look found nothing to do; it costs no import.

It lists, by size and time of change, all that a look rests on: the checkout's own files, the
case's files, its runs and the versions of its tables. When all is as listed, the same look would
find the same. When anything differs, or a source can't be known by its files, the look is taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pipeline

ROOT = Path(pipeline.__file__).parent.parent
SETTLED_NS = 2_000_000_000
"""What changed less than this before it was listed may change again unseen."""
OWN = ("pipeline", "notebooks", "expectations")


class Asked(NamedTuple):
    """What is asked of a run, as far as its outcome depends on it."""

    source: str
    data: str
    as_of: str
    own: Mapping[str, Any]


class Sealed(NamedTuple):
    """The run that stands."""

    run_id: str
    outcome: str
    sentence: str


def home_at(home: str | Path) -> Path:
    """The home folder: the one that is named, else VIGIE_HOME, else the checkout's `var`."""
    chosen = str(home) or os.environ.get("VIGIE_HOME", "") or str(ROOT / "var")
    return Path(chosen).expanduser().resolve()


def case_names() -> list[str]:
    """The folders of cases, by name."""
    folder = ROOT / "pipeline" / "cases"
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def nothing_new(case: str, standing: Sealed) -> str:
    """The line that says so."""
    return f"{case:<10} nothing new  run {standing.run_id} stands: {standing.sentence}"


def seal(home: Path, case: str, asked: Asked, standing: Sealed) -> bytes | None:
    """The content of the seal; `None` when something changed too recently to be sure of it."""
    found = _listed(home, case, asked)
    if found is None:
        return None
    return json.dumps({"digest": found, "standing": standing._asdict()}).encode()


def path_of(home: Path, case: str) -> Path:
    return home / "checks" / f"{case}.seal"


def sealed(home: Path, case: str, asked: Asked) -> Sealed | None:
    """The run that stands, when the seal holds; then the time of this look is noted on it."""
    path = path_of(home, case)
    try:
        held = json.loads(path.read_bytes())
        standing = Sealed(**held["standing"])
        if held["digest"] != _listed(home, case, asked):
            return None
        os.utime(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return standing


def _listed(home: Path, case: str, asked: Asked) -> str | None:
    """A digest of all that the look rests on, or `None`."""
    now = time.time_ns()
    total = hashlib.sha256(json.dumps([case, *asked], sort_keys=True).encode())
    try:
        for line, changed in _entries(home, case, asked):
            if now - changed < SETTLED_NS:
                return None
            total.update(line.encode())
    except OSError:
        return None
    return total.hexdigest()


def _entries(home: Path, case: str, asked: Asked) -> Iterator[tuple[str, int]]:
    """Lines, each with the time of the change of what people edit, in ns; of what runs write, 0."""
    for name in OWN:
        yield from _files(ROOT / name)
    yield _line(ROOT / "requirements.lock")
    if asked.data:
        yield from _files(Path(asked.data).expanduser() / case)
    for kind in ("runs", "tables"):
        for folder in _folders(home / kind / case):
            yield _line(folder)[0], 0
    for path in sorted((home / "runs" / case).glob("*/run.json")):
        yield _line(path)[0], 0
    yield f"{(home / 'mlflow.db').exists()}\n", 0
    for path in (home / "mlflow").glob(f"{case}.txt"):
        yield _line(path)[0], 0


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """All files below, but what Python compiled."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.is_dir():
            yield _line(Path(entry.path))
        elif entry.name != "__pycache__":
            yield from _files(Path(entry.path))


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and all below: the time of a folder changes when something in it comes or goes."""
    yield folder
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _folders(Path(entry.path))


def _line(path: Path) -> tuple[str, int]:
    found = path.stat()
    told = (path, found.st_size, found.st_mtime_ns, found.st_ino)
    return " ".join(map(str, told)) + "\n", found.st_mtime_ns
