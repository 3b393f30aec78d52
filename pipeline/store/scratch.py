"""Folders for what is only needed meanwhile, which no killed process leaves for long.

Each is locked for as long as its maker, or a fork of it, runs. Whoever makes another one removes
those of the same kind that nobody holds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HELD: dict[Path, int] = {}


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder where the system keeps such; removed in the end."""
    if os.name == "nt":
        with tempfile.TemporaryDirectory(prefix=prefix) as folder:
            yield Path(folder)
        return
    base = tempfile.gettempdir()
    sweep(base, prefix)
    made = make(base, prefix)
    try:
        yield made
    finally:
        remove(made)


def make(base: str, prefix: str, suffix: str = "") -> Path:
    """A new folder, locked for as long as this process or a fork of it runs."""
    import fcntl

    while True:
        # Until it is locked, somebody may sweep it away.
        folder = Path(tempfile.mkdtemp(suffix, prefix, base))
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.is_dir():
            _HELD[folder] = descriptor
            return folder
        os.close(descriptor)


def remove(folder: Path) -> None:
    """With all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _HELD.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


def sweep(base: str, prefix: str) -> None:
    """Removes what killed processes of this user left."""
    import fcntl

    for folder in Path(base).glob(f"{prefix}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
