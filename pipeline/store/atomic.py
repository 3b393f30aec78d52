"""Every write that matters is whole or absent: a new file beside the old one, then a rename."""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from pathlib import Path

from pipeline.errors import StateError


def write_bytes(path: Path, content: bytes) -> str:
    """Writes the file in one step and gives its sha256; raises `StateError` when it can't."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise StateError.for_failed_write(path, error) from error
    return hashlib.sha256(content).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def exchange(fresh: Path, current: Path) -> None:
    """Puts the folder `fresh` in the place of `current` in one step; `fresh` then holds the old.

    Where the system can't exchange two names, the old one is moved out of the way first.
    Raises `OSError`; `current` is then as it was.
    """
    if not current.exists():
        fresh.rename(current)
    elif not _exchanged(fresh, current):
        aside = fresh.with_name(f".{fresh.name}.old")
        current.rename(aside)
        try:
            fresh.rename(current)
        except OSError:
            aside.rename(current)
            raise
        aside.rename(fresh)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the system gave each folder the other's name; see renameat2(2)."""
    function = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if function is None:
        return False
    here, exchange_names = -100, 2
    return bool(function(here, os.fsencode(one), here, os.fsencode(other), exchange_names) == 0)


def sha256_of(path: Path) -> str:
    """The file's sha256; raises `StateError` when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StateError.for_damaged_file(path, error.strerror or str(error)) from error
