"""Where the checkout's own files are, and which version of them this is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pipeline
from pipeline.errors import StateError

ROOT = Path(pipeline.__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
SITE = ROOT / "site"
LOCK_FILE = ROOT / "requirements.lock"


def notebook(name: str) -> Path:
    """The notebook's source; raises `StateError` when the checkout lacks it."""
    path = NOTEBOOKS / f"{name}.ipynb"
    if not path.is_file():
        raise StateError(f"{path} is missing. Run from a whole checkout of the project.")
    return path


def suite(case: str) -> Path:
    """The case's expectations; raises `StateError` when there are none."""
    path = ROOT / "expectations" / f"{case}.json"
    if not path.is_file():
        raise StateError(f"{path} is missing. Every case has a suite of expectations there.")
    return path


@cache
def code_version() -> str:
    """The package's version and a digest of its source."""
    return f"{pipeline.__version__}+{_digest((ROOT / 'pipeline').rglob('*.py'))}"


@cache
def lock_digest() -> str:
    """Digest of the lock file: which versions of the libraries were meant to be installed."""
    return _digest([LOCK_FILE]) if LOCK_FILE.is_file() else "none"


def _digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:12]
