"""Ends the service when who started it is gone, however it went.

`python -m pipeline.packaging.guard FD COMMAND…` runs the command and waits for the end of the
pipe FD, whose other end only the starter holds: the system closes it even when the starter is
killed. Then the command and all of its processes are asked to end, and killed if they don't.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Final

SECONDS_TO_END: Final = 15.0
SECONDS_BETWEEN_LOOKS: Final = 0.1


def main(arguments: list[str]) -> int:
    """The exit code of the command."""
    pipe = int(arguments[0])
    process = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL, close_fds=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: process.send_signal(received))
    while process.poll() is None:
        ready, _, _ = select.select([pipe], [], [], SECONDS_BETWEEN_LOOKS)
        if ready:
            _end(process)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """The group is this process's own: it was started as the leader of a session."""
    process.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
