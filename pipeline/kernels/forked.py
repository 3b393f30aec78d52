"""What a process does that was forked to be a kernel, one of its workers, or to draw for all
kernels; it never returns to the server's loop.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from pipeline import drawing, workers
from pipeline.kernels import lines

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def become_kernel(request: dict[str, Any], channel: socket.socket, server: int) -> NoReturn:
    """Runs an IPython kernel with the environment, folder and arguments of the request.

    It says `ready` when its sockets are bound. It dies with the server, whatever ends that.
    """
    code = 1
    try:
        os.setsid()
        _die_with(server)
        _settle(request)
        _fork_workers(channel)
        _run([*request["arguments"], f"--IPKernelApp.parent_handle={server}"], channel)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001
        traceback.print_exc()
        lines.tell(channel, error=f"{type(error).__name__}: {error}")
    leave(code)


def become_draughtsman(control: socket.socket, server: int) -> NoReturn:
    """Draws charts until the server and all kernels have ended; it dies with the server.

    The first one is drawn for nobody: it starts the library.
    """
    try:
        _die_with(server)
        gc.enable()
        drawing.draw(drawing.SMALL)
        drawing.serve(control)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    os._exit(0)


def _die_with(server: int) -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)


def _settle(request: dict[str, Any]) -> None:
    """Nothing of the server's own stays: environment, folder, randomness, arguments, threads."""
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = ["ipykernel_launcher.py", *request["arguments"]]
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    gc.enable()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and threads != "1":
        import threadpoolctl

        threadpoolctl.threadpool_limits(int(threads))


def _fork_workers(channel: socket.socket) -> None:
    """One for each core that the kernel may use, where there are several."""
    import joblib

    count = min(joblib.cpu_count(), workers.MOST)
    kernel = os.getpid()
    for _ in range(count if count > 1 else 0):
        ours, theirs = Pipe()
        try:
            pid = os.fork()
        except OSError:
            # There are as many processes as there may be. One worker alone would do everything in
            # turn; without any, threads do it side by side.
            workers.end()
            return
        if not pid:
            channel.close()
            for connection in (ours, *(each.connection for each in workers.Workers.standing)):
                connection.close()
            _become_worker(theirs, kernel)
        theirs.close()
        workers.Workers.standing.append(workers.Worker(pid, ours))


def _become_worker(connection: Connection, kernel: int) -> NoReturn:
    """Does pieces of the kernel's work until that has ended; it dies with it.

    In a group of its own: a kernel waits for the end of all processes in its group, and an
    interrupt is for the kernel, which then ends its workers.
    """
    try:
        os.setpgid(0, 0)
        _die_with(kernel)
        workers.Workers.standing.clear()
        workers.serve(connection)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    os._exit(0)


def _run(arguments: list[str], channel: socket.socket) -> None:
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance()
    with _no_list_of_modules():
        app.initialize(arguments)
    lines.tell(channel, ready=True)
    channel.close()
    app.start()
    _end_control(app)


def _end_control(app: Any) -> None:
    """Lets the thread that was asked to end the kernel finish its answer.

    Its last act is to flush what was printed. The kernel's `close` stops the thread that writes it
    out, and then waits for this one: where it came first, the kernel hung until it was killed.
    """
    if app.control_thread and app.control_thread.is_alive():
        app.control_thread.stop()
        app.control_thread.join()


class _SysWithoutModules:
    """`sys`, but that nothing was imported."""

    modules: ClassVar[dict[str, ModuleType]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


@contextmanager
def _no_list_of_modules() -> Iterator[None]:
    """A kernel lists the files of all modules for its debugger, which there is none of. To touch
    some thousand modules copies the pages that they lie on: a quarter of its start.
    """
    ipkernel: Any = importlib.import_module("ipykernel.ipkernel")
    ipkernel.sys = _SysWithoutModules()
    try:
        yield
    finally:
        ipkernel.sys = sys


def leave(code: int) -> NoReturn:
    """Without taking the interpreter down: freeing all that was imported takes a while."""
    try:
        workers.end()
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)
