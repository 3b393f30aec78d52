"""Tells a kernel that the system killed for want of memory from one that somebody killed."""

from __future__ import annotations

from pathlib import Path

COUNTERS = (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events"))


def times_out_of_memory() -> int:
    """How often the system has killed a process for want of memory, as far as it tells."""
    return sum(_counted(path) for path in COUNTERS)


def _counted(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
