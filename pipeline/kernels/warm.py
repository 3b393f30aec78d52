"""The server of kernels as its parent sees it: one for each process, started when first needed.

It is started anew when the package's source has changed, so that no kernel runs stale code.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.kernels import lines
from pipeline.kernels.preload import SINGLE_THREADED
from pipeline.store import project

AVAILABLE = sys.platform == "linux"
"""Forking, and telling the end of a process by a descriptor, is done on Linux only."""

START = (
    "import sys; sys.path.insert(0, sys.argv.pop()); "
    "from pipeline.kernels.server import main; main()"
)
LAST_SECONDS = 1.0
"""For an idle server to end by itself; one that is still importing is killed."""


class ForkedKernel:
    """A kernel that the server forked; like `subprocess.Popen` as far as Jupyter looks."""

    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self.channel = channel
        self.pid = 0
        self.ready = False
        self.refusal = ""
        """Why there is no kernel."""
        self.returncode: int | None = None
        self._reader = lines.Reader(channel)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; `None` while it runs."""
        if self.returncode is None:
            for words in self._reader.take():
                self.pid = words.get("pid", self.pid)
                self.ready = self.ready or "ready" in words
                self.refusal = words.get("error", self.refusal)
                self.returncode = words.get("exit")
            if self._reader.ended and self.returncode is None:
                self.returncode = 1 if self.refusal else -signal.SIGKILL
                self._end_with_the_server()
        return self.returncode

    def _end_with_the_server(self) -> None:
        """The server is gone, and with it all its kernels, but not what these had started."""
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        lines.tell(self.channel, signal=int(number))

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int | None:
        return self.poll()

    def close(self) -> None:
        """Ends it, should it still run."""
        self.channel.close()


class Server:
    """The server's process and the socket that requests go through."""

    def __init__(self) -> None:
        self.source = fingerprint()
        self.owner = os.getpid()
        self.control, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", START]
        with theirs:
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid()), str(project.ROOT)],
                env=os.environ | SINGLE_THREADED,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                start_new_session=True,
            )

    @property
    def usable(self) -> bool:
        """Whether it runs, is this process's own, and has imported the source as it is now."""
        return (
            self.owner == os.getpid()
            and self.process.poll() is None
            and self.source == fingerprint()
        )

    def fork(self, request: dict[str, Any]) -> ForkedKernel:
        """Asks for a kernel; it is there when `ready`."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"k"], [theirs.fileno()])
        lines.tell(ours, **request)
        return ForkedKernel(ours)

    def retire(self) -> None:
        """It forks no more, and ends with its last kernel."""
        self.control.close()

    def wait(self) -> None:
        try:
            self.process.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_LOCK = threading.Lock()
_SERVERS: list[Server] = []
"""The newest last; those before it only wait for their kernels."""


def server() -> Server:
    """The server of this process, started if need be; it imports while its parent goes on."""
    with _LOCK:
        if not (_SERVERS and _SERVERS[-1].usable):
            for old in _SERVERS:
                old.retire()
            _SERVERS[:] = [old for old in _SERVERS if old.process.poll() is None]
            _SERVERS.append(Server())
        return _SERVERS[-1]


def fingerprint() -> int:
    """Of the package's source files: names, sizes and times."""
    return hash(tuple(sorted(_sources(str(Path(project.ROOT) / "pipeline")))))


def _sources(folder: str) -> Iterator[tuple[str, int, int]]:
    """Asked for each notebook, so without the comfort of `Path`, which takes five times as long."""
    with os.scandir(folder) as found:
        for each in found:
            if each.name.endswith(".py"):
                status = each.stat()
                yield each.path, status.st_size, status.st_mtime_ns
            elif each.name != "__pycache__" and each.is_dir():
                yield from _sources(each.path)


def close() -> None:
    """Ends the servers and with them their kernels."""
    with _LOCK:
        for each in _SERVERS:
            each.retire()
        for each in _SERVERS:
            each.wait()
        _SERVERS.clear()


def _forget() -> None:
    """In a fork of this process: the servers belong to the parent."""
    global _LOCK  # noqa: PLW0603
    _LOCK = threading.Lock()
    for each in _SERVERS:
        each.control.close()
        each.process.returncode = 0
    _SERVERS.clear()


atexit.register(close)
if AVAILABLE:
    os.register_at_fork(after_in_child=_forget)
