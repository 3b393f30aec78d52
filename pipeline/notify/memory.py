"""What each target was told last, by case and rule."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pipeline.errors import StateError
from pipeline.store.atomic import write_bytes


def read_told(home: Path, target: str) -> dict[str, str]:
    """States by `case/rule`; empty for a target that was told nothing yet."""
    path = _path(home, target)
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        return {str(key): str(state) for key, state in found["told"].items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise StateError.for_damaged_file(path, str(error)) from error


def write_told(home: Path, target: str, told: dict[str, str]) -> None:
    content = json.dumps({"target": target, "told": told}, indent=1, sort_keys=True)
    write_bytes(_path(home, target), f"{content}\n".encode())


def _path(home: Path, target: str) -> Path:
    return home / "notified" / f"{hashlib.sha256(target.encode()).hexdigest()[:16]}.json"
