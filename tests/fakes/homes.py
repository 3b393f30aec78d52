"""Homes as plain files, for tests that move them."""

from __future__ import annotations

from pathlib import Path


def write(home: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


def contents(home: Path) -> dict[str, str]:
    """What a snapshot is to bring back: every file but those of this machine alone."""
    return {
        path.relative_to(home).as_posix(): path.read_text()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "locks" not in path.parts and not path.name.startswith(".snapshot")
    }


def silent(line: str) -> None:
    """Takes what a command would print."""
