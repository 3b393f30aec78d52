"""What the counts say of the clock that the times were taken from: night and morning in Paris.

Both hold in lockdowns and in holidays, so that times that are an hour or more off are told by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

PARIS = "Europe/Paris"
LEAST_DAYS = 14
QUIET = 0.2
"""Share of the busiest hour's bicycles below which an hour is quiet; at night it is 1 to 5 %."""
NEWEST = np.timedelta64(14, "D")
"""Looked at for the morning: times that are off since a few days are not outvoted by the years."""
LEAST_MORNINGS = 5
EARLY, LATE = 4, 12
"""The hours of a morning, the latter not included."""

Times = NDArray[np.datetime64]
Counts = NDArray[np.float64]


def quietest_hour(times: Times, counts: Counts) -> float:
    """Middle hour of the three in a row, by the clock, with the fewest bicycles on average.

    Of three, since single hours of the night differ by little more than chance. NaN where an hour
    was seen less than `LEAST_DAYS` times, or none is much quieter than the busiest.
    """
    means = _means(np.asarray(_local(times).hour), counts, least=LEAST_DAYS)
    if means is None or means.min() >= QUIET * means.max():
        return float("nan")
    return float((np.roll(means, 1) + means + np.roll(means, -1)).argmin())


def morning_rise(times: Times, counts: Counts, as_of: np.datetime64) -> float:
    """Hour of the clock, between two hours by straight line, at which the bicycles of working days
    have risen half the way from 4 o'clock to the busiest hour of the morning.

    Over the newest 14 days: on the counters of Paris it stayed between 7.17 and 7.30 in each two
    weeks from September 2020 to September 2021, and between 7.10 and 7.54 for single counters. NaN
    where an hour of the morning was seen on less than `LEAST_MORNINGS` working days, or nothing
    rises.
    """
    newest = (times > as_of - NEWEST) & (times <= as_of)
    moments = _local(times[newest])
    working = np.asarray(moments.day_of_week) < 5
    hours = np.asarray(moments.hour)[working]
    means = _means(hours, counts[newest][working], least=LEAST_MORNINGS)
    if means is None:
        return float("nan")
    morning = means[EARLY:LATE]
    peak = int(morning.argmax())
    if morning[0] >= QUIET * morning[peak]:
        return float("nan")
    half = (morning[0] + morning[peak]) / 2
    above = int(np.argmax(morning >= half))
    share = (half - morning[above - 1]) / (morning[above] - morning[above - 1])
    return float(EARLY + above - 1 + share)


def _local(times: Times) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(PARIS)


def _means(hours: NDArray[np.int32], counts: Counts, *, least: int) -> Counts | None:
    """Of the 24 hours of the clock; `None` where one of them was seen too rarely."""
    seen = np.bincount(hours, minlength=24)
    if seen.min() < least:
        return None
    return np.bincount(hours, weights=counts, minlength=24) / seen
