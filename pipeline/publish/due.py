"""When the next run of a case is due, so that a page can tell by itself that none came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from pydantic import Field

from pipeline.publish.rows import RunThen
from pipeline.records import Part

RECENT = 10
FEWEST = 3
"""Runs on a live feed from whose distances the schedule is guessed."""
SHORTEST = timedelta(minutes=10)


class Due(Part):
    """The schedule of a case and its next time."""

    next: datetime = Field(description="when the next run is due")
    every_hours: float = Field(description="distance of the runs")
    stated: bool = Field(description="false: a guess, the median distance of the newest runs")


def next_due(
    rows: Sequence[RunThen], looked: datetime | None, every: timedelta | None, *, live: bool
) -> Due | None:
    """The time after the newest look at which the next one is due; `None` where no schedule is
    known: none was stated, and there are too few runs on a live feed to guess one from.
    """
    length = every or (_usual(rows) if live else None)
    if length is None or looked is None:
        return None
    hours = length / timedelta(hours=1)
    return Due(next=looked + length, every_hours=hours, stated=every is not None)


def _usual(rows: Sequence[RunThen]) -> timedelta | None:
    moments = [row.as_of for row in rows[-RECENT:] if row.as_of is not None]
    if len(moments) < FEWEST:
        return None
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    usual = timedelta(seconds=median(gaps))
    return usual if usual >= SHORTEST else None
