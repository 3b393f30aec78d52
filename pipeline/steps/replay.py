"""What the drift alarms would have said week after week, from the rows that were known then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.shift import Measured
from pipeline.steps.shifts import Shifts, compare_windows, errors_of

if TYPE_CHECKING:
    import pandas as pd

WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A model, the rows that it predicts from, and until when it had learned."""

    model: Any
    frame: pd.DataFrame
    learned: datetime


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
    champion: Champion | None = None,
) -> pd.DataFrame:
    """One row a look: its window, the columns that alarmed, and their sentences.

    A look compares the newest `window` with all that is older, as far back as the observations
    go. Where that is less than a year there is no same season to compare with, and the window is
    held against the course of the weeks before it. With a `champion`, its predictions and errors
    are judged with the columns, on the rows that it had not learned from. A week in which nothing
    changed any more is quiet, even when it is still far from what it was before the last change.
    Raises `StepError` for a case without times, or a first look that has nothing older to compare
    with.
    """
    import pandas as pd

    looks = list(_looks(case, observations, since, until, alpha, material, every, window, champion))
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
    champion: Champion | None,
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
        errors = _errors(case, champion, start, start + window) if champion else ()
        yield (
            start,
            compare_windows(case, before, now, alpha=alpha, material=material, errors=errors),
        )
        start += every


def _errors(case: Case, champion: Champion, start: datetime, end: datetime) -> tuple[Measured, ...]:
    return errors_of(
        case, champion.frame, champion.model, learned=champion.learned, start=start, end=end
    )
