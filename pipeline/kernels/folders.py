"""Folders for the sockets of a kernel, which only this user may open and no killed owner leaves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pipeline.store import scratch

PREFIX = "vigie-kernel-"
LONGEST = 70
"""Bytes of a folder's path that leave room for a socket's name: systems allow 104 in all."""


def make() -> Path:
    """A new folder, locked for as long as this process or a fork of it runs."""
    return scratch.make(_base(), PREFIX, f"-{os.getpid()}")


def remove(folder: Path) -> None:
    scratch.remove(folder)


def sweep() -> None:
    """Removes what killed processes of this user left."""
    scratch.sweep(_base(), PREFIX)


def _base() -> str:
    found = tempfile.gettempdir()
    return found if len(os.fsencode(found)) <= LONGEST else "/tmp"  # noqa: S108
