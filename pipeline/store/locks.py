"""One writer per case: a lock with its owner, which nobody has to remove by hand.

An owner on this machine is dead when its process is. One on another machine that shares the home
is dead when it has given no sign of life for a minute: it touches its lock every few seconds. A
lock is a file `<case>.<number>.lock`; who takes a free or dead one over makes the file of the next
number, which the file system lets only one do.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import HeldError, StateError
from pipeline.store.atomic import write_bytes

BEAT = 5.0
"""Seconds between two signs of life."""
LEASE = 60.0
"""Seconds without one after which an owner on another machine is dead."""
WAIT = 0.2
"""Seconds between two looks at a holder that is waited for."""
SAME_START = 2.0
"""Seconds by which two readings of the start of one process may differ."""
FREE = b"{}"


class Holder(BaseModel):
    """Who holds a case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    since: str
    place: str
    pid: int
    started: float
    ticket: str = ""

    def __str__(self) -> str:
        return f"{self.owner} since {self.since}"


@dataclass(kw_only=True)
class Held:
    """A case that is held; `check` says when it no longer is."""

    case: str
    path: Path
    _ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises `StateError` when another has taken the case over, as after a long sleep."""
        if not self.path.exists():
            raise StateError.for_lost_case(self.case, LEASE)

    def beat(self) -> None:
        """Signs of life until the block ends."""
        while not self._ended.wait(BEAT):
            try:
                os.utime(self.path)
            except FileNotFoundError:
                return

    def release(self) -> None:
        self._ended.set()
        if self.path.exists():
            write_bytes(self.path, FREE)


def owner() -> str:
    """The process that calls and its machine, in words."""
    return f"process {os.getpid()} on {platform.node()}"


@contextmanager
def hold(home: Path, case: str, since: str, *, ticket: str = "") -> Iterator[Held]:
    """Holds the case while the block runs; raises `HeldError` that names who holds it.

    A holder with the same `ticket` is waited for: the same piece of work, given out twice.
    """
    me = Holder(
        owner=owner(),
        since=since,
        place=_place(),
        pid=os.getpid(),
        started=_started(os.getpid()) or 0.0,
        ticket=ticket,
    )
    try:
        (home / "locks").mkdir(parents=True, exist_ok=True)
        path = _take(home / "locks", case, me)
    except OSError as error:
        raise StateError.for_failed_write(home / "locks" / f"{case}.lock", error) from error
    held = Held(case=case, path=path)
    threading.Thread(target=held.beat, name=f"holds {case}", daemon=True).start()
    try:
        yield held
    finally:
        held.release()


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
    return holder(home, case) is not None


def holder(home: Path, case: str) -> Holder | None:
    """Who holds the case; `None` when nobody that lives does."""
    newest = _newest(home / "locks", case)
    return _living(newest[1]) if newest else None


def _take(folder: Path, case: str, me: Holder) -> Path:
    while True:
        newest = _newest(folder, case)
        living = _living(newest[1]) if newest else None
        if living is not None:
            if not me.ticket or living.ticket != me.ticket:
                raise HeldError.for_held_case(case, str(living))
            time.sleep(WAIT)
            continue
        number = newest[0] + 1 if newest else 1
        path = folder / f"{case}.{number}.lock"
        if _create(path, me.model_dump_json().encode()) and _is_newest(folder, case, number):
            for old in _all(folder, case):
                if old[0] < number:
                    old[1].unlink(missing_ok=True)
            return path


def _is_newest(folder: Path, case: str, number: int) -> bool:
    """A folder that changes while it is listed may hide a file: what was made is looked at again,
    and withdrawn where it is behind.
    """
    newest = _newest(folder, case)
    if newest is not None and newest[0] > number:
        (folder / f"{case}.{number}.lock").unlink(missing_ok=True)
        return False
    return True


def _create(path: Path, content: bytes) -> bool:
    """Makes the file with its content in one step; false when another was first."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def _all(folder: Path, case: str) -> list[tuple[int, Path]]:
    form = re.compile(re.escape(case) + r"\.(\d+)\.lock")
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    found = [(form.fullmatch(name), name) for name in names]
    return [(int(match.group(1)), folder / name) for match, name in found if match]


def _newest(folder: Path, case: str) -> tuple[int, Path] | None:
    return max(_all(folder, case), default=None)


def _living(path: Path) -> Holder | None:
    """The holder that the file names, when it lives; a file that has just gone names none."""
    try:
        content = path.read_bytes()
        if content == FREE:
            return None
        found = _named(content)
        here = found.place == _place()
        lives = _lives(found) if here else _age(path) < LEASE
    except FileNotFoundError:
        return None
    return found if lives else None


def _named(content: bytes) -> Holder:
    """Who holds it; a file that was damaged, as by a power cut, names one of whom nothing is known
    but the signs of life that it does not give.
    """
    try:
        return Holder.model_validate_json(content)
    except ValidationError:
        return Holder(owner="another process", since="some time", place="", pid=0, started=0)


def _lives(found: Holder) -> bool:
    started = _started(found.pid)
    return started is not None and abs(started - found.started) <= SAME_START


def _started(pid: int) -> float | None:
    """When the process began, in seconds of the epoch; `None` when there is none that lives."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _age(path: Path) -> float:
    """Seconds since the file was touched, by the clock of the file system that keeps it."""
    touched = path.stat().st_mtime
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".now.") as now:
        return os.fstat(now.fileno()).st_mtime - touched


@cache
def _place() -> str:
    """Where process numbers mean the same: a machine since its start, and its container."""
    told = [platform.node()]
    for path in (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")):
        if path.is_symlink():
            told.append(str(path.readlink()))
        elif path.exists():
            told.append(path.read_text().strip())
    return " ".join(told)
