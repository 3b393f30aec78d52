"""Servers under load in turn: what came back, and the processor time that each call took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from benchmarks.load import Measured, Plan, measure


@dataclass(frozen=True)
class Loads:
    """The repetitions of one plan."""

    measured: list[Measured] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)
    """A call, of all processes of the server, in each repetition."""

    def middle(self, what: str) -> float:
        """The median over the repetitions of a field of `Measured`."""
        return round(statistics.median(getattr(each, what) for each in self.measured), 2)

    def told(self) -> dict[str, Any]:
        """For a benchmark's line of JSON."""
        return {
            "requests_per_second": self.middle("per_second"),
            "p50_ms": self.middle("p50_ms"),
            "p99_ms": self.middle("p99_ms"),
            "processor_ms_a_call": round(statistics.median(self.processor_ms), 3),
            "failed": sum(each.failed for each in self.measured),
        }


def loaded(
    processes: Mapping[str, int], plans: Mapping[str, Plan], repetitions: int
) -> dict[str, Loads]:
    """Runs all plans in turn, so many times, after a second of each that is not counted.

    `processes` are the servers' by the first word of the plans' names.
    """
    for plan in plans.values():
        measure(replace(plan, seconds=1.0))
    found = {name: Loads() for name in plans}
    for _ in range(repetitions):
        for name, plan in plans.items():
            process = processes[name.split()[0]]
            before = _processor_seconds(process)
            measured = measure(plan)
            took = _processor_seconds(process) - before
            found[name].measured.append(measured)
            found[name].processor_ms.append(1000 * took / max(1, measured.calls))
    return found


def _processor_seconds(process: int) -> float:
    parent = psutil.Process(process)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)
