"""Folders for the sockets of a kernel, which only this user may open and no killed owner leaves."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "vigie-kernel-"
LONGEST = 70
"""Bytes of a folder's path that leave room for a socket's name: systems allow 104 in all."""

_HELD: dict[Path, int] = {}


def make() -> Path:
    """A new folder, locked for as long as this process or a fork of it runs."""
    import fcntl

    base = tempfile.gettempdir()
    while True:
        folder = Path(tempfile.mkdtemp(f"-{os.getpid()}", PREFIX, _short(base)))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.is_dir():
            _HELD[folder] = descriptor
            return folder
        # Somebody swept it away between the two.
        os.close(descriptor)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _HELD.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


def sweep() -> None:
    """Removes what killed processes of this user left."""
    import fcntl

    for folder in Path(_short(tempfile.gettempdir())).glob(f"{PREFIX}*"):
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


def _short(base: str) -> str:
    return base if len(os.fsencode(base)) <= LONGEST else "/tmp"  # noqa: S108
