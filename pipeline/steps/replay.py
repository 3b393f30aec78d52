"""What the drift alarms would have said look after look, from the rows that were known then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.shift import Measured
from pipeline.steps.renewal import Champion, Renewal
from pipeline.steps.shifts import Shifts, compare_windows, errors_of
from pipeline.steps.stretches import known_at

if TYPE_CHECKING:
    import pandas as pd

WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look: its window, the champion that served before it, and what was found."""

    start: datetime
    end: datetime
    champion: Champion | None
    shifts: Shifts


def replay(
    case: Case,
    observations: pd.DataFrame,
    *,
    since: datetime,
    until: datetime,
    alpha: float = 0.05,
    material: float = 0.1,
    every: timedelta = WEEK,
    window: timedelta | None = None,
    renewal: Renewal | None = None,
) -> Iterator[Look]:
    """One look after the other, the first with a window that begins at `since`.

    A look compares the newest `window` (the case's own unless given) with what the champion of
    that time had learned from or was last examined on, and its predictions and errors with those
    before on rows that it had not learned from, as the drift step does; then the champion is
    renewed as `renewal` says. Rows whose values were not known by the end of a window are no part
    of its look.
    Without one, all that is older than the window is the reference. Where that is less than a year
    there is no same season to compare with, and the window is held against the course of the weeks
    before it. Raises `StepError` for a case without times, or a look that has no rows on one side.
    """
    if case.schema.time is None:
        raise StepError(f"Case {case.name!r} has no time column: there are no weeks to replay.")
    length = window or case.windows.current
    start = since
    champion = renewal.first(start + length) if renewal else None
    while start + length <= until:
        end = start + length
        oldest = min(start, champion.examined) if champion else start
        known = known_at(observations, case.schema, end)
        times = known[case.schema.time]
        before = known[(times < oldest).to_numpy()]
        now = known[(times >= start).to_numpy()]
        if before.empty or now.empty:
            raise StepError(
                f"There are no rows {'before' if before.empty else 'in'} the {length.days} days "
                f"from {start:%Y-%m-%d}. Replay a stretch that the observations cover."
            )
        errors: tuple[Measured, ...] = ()
        if renewal and champion and champion.learned < start:
            errors = errors_of(
                case,
                known_at(renewal.frame, case.schema, end),
                champion.model,
                learned=champion.learned,
                start=start,
                end=end,
            )
        shifts = compare_windows(case, before, now, alpha=alpha, material=material, errors=errors)
        yield Look(start=start, end=end, champion=champion, shifts=shifts)
        if renewal and champion:
            alarmed = tuple(shift.column for shift in shifts.columns if shift.alarm)
            champion = renewal.next(champion, alarmed, length, end)
        start += every


def alarms_table(looks: Iterator[Look], every: timedelta = WEEK) -> pd.DataFrame:
    """One row a look, told by its newest stretch."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "newest rows from": f"{look.end - every:%Y-%m-%d}",
                "window from": f"{look.start:%Y-%m-%d}",
                "champion learned until": f"{look.champion.learned:%Y-%m-%d}"
                if look.champion
                else "",
                "alarms": len(look.shifts.alarms),
                "columns": ", ".join(shift.column for shift in look.shifts.alarms),
                "in words": " ".join(shift.sentence for shift in look.shifts.alarms)
                or "No change that chance would not explain.",
                "compared with": look.shifts.columns[0].against,
            }
            for look in looks
        ]
    )
