"""Whole processes: how long they take, and how they are killed with all that they started."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds by the clock, and of processor time with all children that were waited for."""

    wall: float
    cpu: float


def timed(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None
) -> Took:
    """Runs the command to its good end; raises `CalledProcessError` with what it printed."""
    began, before = time.monotonic(), os.times()
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    return Took(
        wall=time.monotonic() - began,
        cpu=cpu - before.children_user - before.children_system,
    )
