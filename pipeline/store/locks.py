"""One writer per case: locks that the operating system frees when their owner dies."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import HeldError, StateError


def owner() -> str:
    """The process that calls and its machine, in words."""
    return f"process {os.getpid()} on {platform.node()}"


@contextmanager
def hold(home: Path, case: str, since: str) -> Iterator[None]:
    """Holds the case while the block runs; raises `HeldError` that names who holds it."""
    from filelock import FileLock, Timeout

    path = home / "locks" / f"{case}.lock"
    note = path.with_suffix(".owner")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout as error:
        held_by = note.read_text() if note.exists() else "another process"
        raise HeldError.for_held_case(case, held_by) from error
    except OSError as error:
        raise StateError.for_failed_write(path, error) from error
    try:
        note.write_text(f"{owner()} since {since}")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


@contextmanager
def take_turns(home: Path, name: str) -> Iterator[None]:
    """Waits until no other process is in a block of this name; raises `StateError`."""
    from filelock import FileLock

    path = home / "locks" / f"{name}.turn"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    except OSError as error:
        raise StateError.for_failed_write(path, error) from error
    try:
        yield
    finally:
        lock.release()


def is_held(home: Path, case: str) -> bool:
    """Whether a living process holds the case."""
    from filelock import FileLock, Timeout

    path = home / "locks" / f"{case}.lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
