"""The changes that drift alarms are tried on, at the sizes that must be found.

`benchmarks.drift_truth` puts each into fresh simulations and counts how soon it is alarmed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.injections import (
    Change,
    Gradual,
    Missing,
    NewCategory,
    Seasonal,
    Stuck,
    Sudden,
)


def documented_changes(start: datetime, counters: tuple[str, ...]) -> dict[str, tuple[Change, ...]]:
    """By name, the changes that begin at `start`; `counters` are all those of the simulation."""
    half = counters[: len(counters) // 2]
    return {
        "sudden: counts of half the counters -35 %": (
            Sudden(column="count", start=start, factor=0.65, only={"counter": half}),
        ),
        "gradual: counts of half the counters -40 % over 14 days": (
            Gradual(
                column="count",
                start=start,
                over=timedelta(days=14),
                factor=0.6,
                only={"counter": half},
            ),
        ),
        "seasonal: another daily rhythm, counts +50 % at 6 and -50 % at 18 UTC": (
            Seasonal(column="count", start=start, period=timedelta(days=1), factor=1.5),
        ),
        "one column: wind +3 m/s": (Sudden(column="wind", start=start, by=3.0),),
        "target only: counts +60 %": (Sudden(column="count", start=start, factor=1.6),),
        "missing: a tenth of the temperatures": (
            Missing(column="temperature", start=start, share=0.1),
        ),
        "new category: a twentieth of the rows of an unknown counter": (
            NewCategory(column="counter", start=start, category="unknown", share=0.05),
        ),
        "stuck: one counter at zero": (
            Stuck(column="count", start=start, only={"counter": counters[-1:]}),
        ),
        "unit: temperature in °F": (
            Sudden(column="temperature", start=start, factor=1.8, by=32.0),
        ),
    }
