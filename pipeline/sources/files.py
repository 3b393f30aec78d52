"""Files of a folder: which there are, and what their bytes are worth (their SHA-256).

What the operating system refuses is a `SourceError` here as everywhere in this package.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import SourceError


def list_files(folder: Path, *patterns: str) -> tuple[Path, ...]:
    """Files of the folder whose names fit one of the patterns, whatever the case, by name.

    Raises `SourceError` when the folder is missing or may not be read.
    """
    with readable(folder):
        if not folder.is_dir():
            raise SourceError.for_missing_folder(folder)
        found = [Path(entry.path) for entry in os.scandir(folder) if entry.is_file()]
    return tuple(path for path in sorted(found) if _fits(path.name, patterns))


def digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the operating system refuses into a `SourceError` that names the path."""
    try:
        yield
    except OSError as error:
        raise SourceError.for_unreadable(path, error) from error


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
