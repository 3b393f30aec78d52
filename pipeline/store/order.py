"""The order of a case's runs: by the time that they see up to, not by when they were started."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path


def in_order_of_time(folders: Iterable[Path]) -> list[str]:
    """Names of the runs' folders, oldest as-of time first, then by name."""
    return in_order({folder.name: as_of_in(folder) for folder in folders})


def in_order(as_ofs: Mapping[str, str]) -> list[str]:
    """Names of runs by their as-of times as `as_of_in` gives them, oldest first, then by name.

    A run that ended before it knew its as-of time stands where the runs before it had come to.
    """
    reached = ""
    placed = []
    for name in sorted(as_ofs):
        as_of = as_ofs[name] or reached
        reached = max(reached, as_of)
        placed.append((as_of, name))
    return [name for _, name in sorted(placed)]


def as_of_in(folder: Path) -> str:
    """The as-of time of a run in UTC, as text that sorts; empty when nothing tells it."""
    for path in (folder / "run.json", *sorted(folder.glob("*/record.json"))):
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
        return _read(path, changed)
    return ""


@lru_cache(maxsize=10_000)
def _read(path: Path, changed: int) -> str:  # noqa: ARG001 - another change, another reading
    """What the file says; a damaged one is refused by whoever reads it whole."""
    try:
        held = json.loads(path.read_bytes())
        text = held.get("as_of") or held.get("asked_as_of") or ""
        return datetime.fromisoformat(text).isoformat() if text else ""
    except (OSError, ValueError, AttributeError):
        return ""
