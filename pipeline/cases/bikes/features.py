"""From the frame to numbers: the same transformers train and serve.

The calendar is read on Paris clocks: people ride by local time, the table is in UTC.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

ZONE = "Europe/Paris"
SCHOOL_ZONE = "C"
MONDAY, FRIDAY = 0, 4


class LocalCalendar(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From a time column to local hour, weekday, day of the year, public and school holiday.

    A year without a published school calendar gives NaN in that column: not known, not "no".
    """

    NAMES = ("hour", "weekday", "yearday", "public_holiday", "bridge_day", "school_holiday")

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learns nothing."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Shape (rows, 6), in the order of `NAMES`."""
        local = X.iloc[:, 0].dt.tz_convert(ZONE)
        days, place = np.unique(local.dt.date.to_numpy(), return_inverse=True)
        flags = np.array([_flags(day) for day in days], dtype=np.float64).reshape(-1, 3)
        clock = np.column_stack([local.dt.hour, local.dt.day_of_week, local.dt.day_of_year]).astype(
            np.float64
        )
        return np.hstack([clock, flags[place]])

    def get_feature_names_out(self, names: Any = None) -> NDArray[np.object_]:
        """The columns' names."""
        return np.array(self.NAMES, dtype=object)


@cache
def _flags(day: date) -> tuple[float, float, float]:
    public = _public_holidays(day.year)
    toward_midweek = {MONDAY: 1, FRIDAY: -1}.get(day.weekday(), 0)
    bridge = day not in public and day + timedelta(days=toward_midweek) in public
    return float(day in public), float(bridge), _school_holiday(day)


@cache
def _public_holidays(year: int) -> frozenset[date]:
    import holidays

    return frozenset(
        day
        for near in (year - 1, year, year + 1)
        for day in holidays.country_holidays("FR", years=near)
    )


@cache
def _school_calendar() -> Any:
    from vacances_scolaires_france import SchoolHolidayDates

    return SchoolHolidayDates()


def _school_holiday(day: date) -> float:
    calendar = _school_calendar()
    if not calendar.min_year <= day.year <= calendar.max_year:
        return float("nan")
    return float(calendar.is_holiday_for_zone(day, SCHOOL_ZONE))
