"""The process that has imported the heavy libraries, and forks a kernel for each request.

It has one thread whenever it forks. A kernel lives as long as the socket of its request is open,
and the server as long as its parent: whatever ends the parent ends them all. One more fork, the
draughtsman, draws the charts of all kernels: it lives as long as the server.
"""

from __future__ import annotations

import gc
import os
import selectors
import shutil
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipeline.drawing import Drawing
from pipeline.kernels import lines
from pipeline.kernels.forked import become_draughtsman, become_kernel, leave
from pipeline.kernels.heap import keep_pieces
from pipeline.kernels.preload import stages, thread_names

PATIENCE = 1.0
"""Seconds after which the server looks again whether its parent is there."""


@dataclass(eq=False)
class Kernel:
    """A forked process, a descriptor that tells its end, and the socket of who asked for it."""

    pid: int
    ended: int
    asked: lines.Reader
    folder: str

    def signal(self, number: int) -> None:
        """To all processes of the kernel; in its first moments it is not yet their leader."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            os.kill(self.pid, number)


@dataclass(frozen=True)
class Draughtsman:
    """A forked process, and a descriptor that tells its end."""

    pid: int
    ended: int


class Server:
    """Waits for requests on `control`: one byte each, with the socket of the request."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control = control
        self.parent = parent
        self.kernels: set[Kernel] = set()
        self.draughtsman: Draughtsman | None = None
        self.open = True
        self.selector = selectors.PollSelector()
        self.selector.register(control, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Until the control socket is closed and the last kernel has ended."""
        gc.disable()
        for number in stages():
            gc.freeze()
            if not number:
                self._start_draughtsman()
            self._turn(0)
        while self.open or self.kernels:
            self._turn(PATIENCE)
        self._end_draughtsman()

    def _start_draughtsman(self) -> None:
        """Forks it; without it each kernel draws for itself."""
        if len(thread_names()) != 1:
            return
        Drawing.process, theirs = socket.socketpair()
        server = os.getpid()
        pid = os.fork()
        if not pid:
            Drawing.process.close()
            self._forget()
            become_draughtsman(theirs, server)
        theirs.close()
        self.draughtsman = Draughtsman(pid, os.pidfd_open(pid))
        self.selector.register(self.draughtsman.ended, selectors.EVENT_READ, self._end_draughtsman)

    def _end_draughtsman(self) -> None:
        """Also when it has ended by itself: then each kernel draws for itself from now on."""
        gone, self.draughtsman = self.draughtsman, None
        if gone is None or Drawing.process is None:
            return
        self.selector.unregister(gone.ended)
        os.close(gone.ended)
        os.kill(gone.pid, signal.SIGKILL)
        os.waitpid(gone.pid, 0)
        Drawing.process.close()
        Drawing.process = None

    def _turn(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            if key.fd in self.selector.get_map():
                key.data()
        if os.getppid() != self.parent:
            self.open = False
            for kernel in [*self.kernels]:
                kernel.signal(signal.SIGKILL)
                self._reap(kernel)
                shutil.rmtree(kernel.folder, ignore_errors=True)

    def _accept(self) -> None:
        byte, descriptors, _, _ = socket.recv_fds(self.control, 1, 1)
        if not byte:
            self.selector.unregister(self.control)
            self.open = False
            return
        channel = socket.socket(fileno=descriptors[0])
        channel.settimeout(None)
        asked = lines.Reader(channel)
        request: list[dict[str, Any]] = []
        while not request and not asked.ended:
            request = asked.take()
        if request:
            self._start(asked, request[0])

    def _start(self, asked: lines.Reader, request: dict[str, Any]) -> None:
        names = thread_names()
        if len(names) != 1:
            lines.tell(asked.channel, error=f"{len(names)} threads at the fork: {names}")
            asked.channel.close()
            return
        server = os.getpid()
        pid = os.fork()
        if not pid:
            self._forget()
            become_kernel(request, asked.channel, server)
        asked.channel.setblocking(False)
        kernel = Kernel(pid, os.pidfd_open(pid), asked, request["folder"])
        self.kernels.add(kernel)
        self.selector.register(
            kernel.ended, selectors.EVENT_READ, lambda kernel=kernel: self._reap(kernel)
        )
        self.selector.register(
            asked.channel, selectors.EVENT_READ, lambda kernel=kernel: self._hear(kernel)
        )
        lines.tell(asked.channel, pid=pid)

    def _forget(self) -> None:
        """In a fork: the sockets of the server and of the other kernels are none of its own."""
        self.control.close()
        if self.draughtsman is not None:
            os.close(self.draughtsman.ended)
        for kernel in self.kernels:
            kernel.asked.channel.close()
            os.close(kernel.ended)
        self.selector.close()

    def _hear(self, kernel: Kernel) -> None:
        for words in kernel.asked.take():
            kernel.signal(words["signal"])
        if kernel.asked.ended:
            kernel.signal(signal.SIGKILL)
            self._reap(kernel)
            shutil.rmtree(kernel.folder, ignore_errors=True)

    def _reap(self, kernel: Kernel) -> None:
        """What the kernel started ends with it; then its end is told."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(kernel.pid, signal.SIGKILL)
        _, status = os.waitpid(kernel.pid, 0)
        self.kernels.remove(kernel)
        self.selector.unregister(kernel.ended)
        self.selector.unregister(kernel.asked.channel)
        os.close(kernel.ended)
        lines.tell(kernel.asked.channel, exit=os.waitstatus_to_exitcode(status))
        kernel.asked.channel.close()


def main() -> None:
    """Started by `warm`, with the number of its control socket and of its parent's process."""
    control, parent = (int(word) for word in sys.argv[1:3])
    keep_pieces()
    Server(socket.socket(fileno=control), parent).serve()
    leave(0)
