"""What the drift alarms would have said week after week, from the rows that were known then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.steps.shifts import Shifts, compare_windows

if TYPE_CHECKING:
    import pandas as pd

WEEK = timedelta(days=7)


def replay(
    case: Case,
    observations: pd.DataFrame,
    *,
    since: datetime,
    until: datetime,
    alpha: float = 0.05,
    material: float = 0.1,
    every: timedelta = WEEK,
    window: timedelta = WEEK,
) -> pd.DataFrame:
    """One row a look: its window, the columns that alarmed, and their sentences.

    A look compares the newest `window` with all that is older, as far back as the observations
    go. Where that is less than a year there is no same season to compare with, and the window is
    held against the course of the weeks before it. A week in which nothing changed any more is
    quiet, even when it is still far from what it was before the last change. Raises `StepError`
    for a case without times, or a first look that has nothing older to compare with.
    """
    import pandas as pd

    looks = list(_looks(case, observations, since, until, alpha, material, every, window))
    return pd.DataFrame(
        [
            {
                "window start": start,
                "window end": start + window,
                "alarms": len(shifts.alarms),
                "columns": ", ".join(shift.column for shift in shifts.alarms),
                "in words": " ".join(shift.sentence for shift in shifts.alarms),
                "compared with": shifts.columns[0].against,
            }
            for start, shifts in looks
        ]
    )


def _looks(
    case: Case,
    observations: pd.DataFrame,
    since: datetime,
    until: datetime,
    alpha: float,
    material: float,
    every: timedelta,
    window: timedelta,
) -> Iterator[tuple[datetime, Shifts]]:
    if case.schema.time is None:
        raise StepError(f"Case {case.name!r} has no time column: there are no weeks to replay.")
    times = observations[case.schema.time]
    start = since
    while start + window <= until:
        before = observations[(times < start).to_numpy()]
        now = observations[((times >= start) & (times < start + window)).to_numpy()]
        if before.empty or now.empty:
            raise StepError(
                f"There are no rows {'before' if before.empty else 'in'} the {window.days} days "
                f"from {start:%Y-%m-%d}. Replay a stretch that the observations cover."
            )
        yield start, compare_windows(case, before, now, alpha=alpha, material=material)
        start += every
