"""From the frame to numbers: the same transformers train and serve.

The calendar is read on Paris clocks: people ride by local time, the table is in UTC.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

PARIS = ZoneInfo("Europe/Paris")
SCHOOL_ZONE = "C"
MONDAY, FRIDAY = 0, 4
FEW = 16
"""Fewer hours than this are looked up one by one sooner than sorted."""


def read_calendars() -> None:
    """Once for all that is computed in this process: it takes almost half a second."""
    _public_holidays(2021)
    _school_calendar()


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
        utc = X.iloc[:, 0].dt.tz_convert("UTC").dt.tz_localize(None)
        return self.transform_arrays(utc.to_numpy("datetime64[us]"))

    def transform_arrays(self, times: NDArray[Any]) -> NDArray[np.float64]:
        """The same from times in UTC; hours in Paris begin when hours in UTC do."""
        hours = times.astype("datetime64[h]").astype(np.int64)
        if len(hours) < FEW:
            return np.array([_row(hour) for hour in hours.tolist()]).reshape(-1, 6)
        different, place = np.unique(hours, return_inverse=True)
        rows = np.array([_row(hour) for hour in different.tolist()]).reshape(-1, 6)
        return np.asarray(rows[place])

    def get_feature_names_out(self, names: Any = None) -> NDArray[np.object_]:
        """The columns' names."""
        return np.array(self.NAMES, dtype=object)


@lru_cache(maxsize=100_000)
def _row(hour: int) -> tuple[float, ...]:
    """Of an hour, counted from 1970 in UTC."""
    local = datetime.fromtimestamp(hour * 3600, PARIS)
    clock = (local.hour, local.weekday(), local.timetuple().tm_yday)
    return (*map(float, clock), *_flags(local.date()))


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
