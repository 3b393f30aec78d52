"""Steps of a grid of time, counted whole: a year is a year, whether it has 365 days or 366.

A step is written as a number and a unit, `s`, `m` (minutes), `h`, `D`, `W` (from Monday), `M`
(months) or `Y`, and what its beginnings are moved by: `15m`, `h+30m`, `W+6D` (Sundays), `3M`
(quarters), `M-1D` (ends of months), `Y+6M` (years from July). All in UTC. An ordinal is a step's
number since 1970.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CaseError

if TYPE_CHECKING:
    import pandas as pd

MONTH = timedelta(days=365.2425 / 12)
YEAR = timedelta(days=365.25)
"""For windows of whole years: they are counted back in steps, so that a quarter of a day is lost
in rounding and no year is.
"""
_LENGTHS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "D": timedelta(days=1),
    "W": timedelta(days=7),
}
_MONTHS = {"M": 1, "Y": 12}
_UNITS = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "D": "day",
    "W": "week",
    "M": "month",
    "Y": "year",
}
_MONDAY = timedelta(days=4)
"""1970 began on a Thursday."""
_WRITTEN = re.compile(r"(?P<count>[1-9]\d*)?(?P<unit>[smhDWMY])(?P<moved>([+-]\d+[smhDWMY])*)")
_LEAP_CYCLE = 48
"""Years among which every length of a step of months is found."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Of one length, or of whole months, where `length` is only the mean."""

    length: timedelta
    months: int = 0
    first_month: int = 0
    """Months after January at which a step of months begins."""
    moved: timedelta = timedelta(0)
    """What the beginnings lie after 1970, or after the first of a month."""
    name: str
    """`hour`, `quarter`, `step of 15 minutes`."""


@cache
def step(every: str) -> Step:
    """What is written; raises `CaseError` for what is no step."""
    found = _WRITTEN.fullmatch(every)
    moves = re.findall(r"([+-]\d+)([smhDWMY])", found["moved"]) if found else []
    months = sum(int(count) * _MONTHS[unit] for count, unit in moves if unit in _MONTHS)
    if found is None or (months and found["unit"] not in _MONTHS):
        raise CaseError(
            f"{every!r} is no step of time: write a number and one of s, m, h, D, W, M, Y, such as "
            "15m, h, D, W, 3M or Y, and how far its beginnings are moved, such as h+30m or M-1D; "
            "by months only where the step has months."
        )
    count, unit = int(found["count"] or 1), found["unit"]
    moved = sum((int(n) * _LENGTHS[u] for n, u in moves if u in _LENGTHS), timedelta(0))
    name = _name(count, unit)
    if unit in _MONTHS:
        whole = count * _MONTHS[unit]
        return Step(length=whole * MONTH, months=whole, first_month=months, moved=moved, name=name)
    first = _MONDAY if unit == "W" else timedelta(0)
    return Step(length=count * _LENGTHS[unit], moved=first + moved, name=name)


def _name(count: int, unit: str) -> str:
    if (count, unit) == (3, "M"):
        return "quarter"
    return _UNITS[unit] if count == 1 else f"step of {count} {_UNITS[unit]}s"


def name(every: str) -> str:
    """One of them in words: `hour`, `step of 15 minutes`."""
    return step(every).name


def names(every: str) -> str:
    """Several of them: `hours`, `steps of 15 minutes`."""
    first, *rest = name(every).split(" ", 1)
    return " ".join([f"{first}s", *rest])


def a(every: str) -> str:
    """One of them with its article: `an hour`, `a step of 15 minutes`."""
    return f"an {name(every)}" if name(every) == "hour" else f"a {name(every)}"


def apart(every: str) -> str:
    """How far they lie apart: `an hour`, `15 minutes`."""
    return a(every).removeprefix("a step of ")


def mean(every: str) -> timedelta:
    """Length of a step, over centuries."""
    return step(every).length


def longest(every: str) -> timedelta:
    """Length of the longest one: 31 days of months, 366 of years."""
    return max(_lengths(every))


def shortest(every: str) -> timedelta:
    return min(_lengths(every))


@cache
def _lengths(every: str) -> tuple[timedelta, ...]:
    found = step(every)
    if not found.months:
        return (found.length,)
    begun = starts(np.arange(12 * _LEAP_CYCLE + 1), every)
    return tuple(set(np.diff(begun).astype("timedelta64[us]").astype(object).tolist()))


def ordinals(times: NDArray[np.datetime64], every: str) -> NDArray[np.int64]:
    """Of naive UTC times, each by the step that it lies in."""
    found = step(every)
    moved = times.astype("datetime64[us]") - np.timedelta64(found.moved)
    if found.months:
        return (moved.astype("datetime64[M]").astype(np.int64) - found.first_month) // found.months
    return moved.astype(np.int64) // _microseconds(found.length)


def starts(numbers: NDArray[np.int64], every: str) -> NDArray[np.datetime64]:
    """When steps begin: naive UTC, in microseconds."""
    found = step(every)
    if found.months:
        months = numbers * found.months + found.first_month
        begun = months.astype("datetime64[M]").astype("datetime64[us]")
    else:
        begun = (numbers * _microseconds(found.length)).astype("datetime64[us]")
    return np.asarray(begun + np.timedelta64(found.moved), dtype="datetime64[us]")


def seconds_past(times: pd.Series[Any], every: str) -> NDArray[np.float64]:
    """Of times with a zone, how long after the beginning of their step they are: 0 on the grid, NaN
    for no time.
    """
    moments = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    known = ~np.isnat(moments)
    past = np.full(len(moments), np.nan)
    begun = starts(ordinals(moments[known], every), every)
    past[known] = (moments[known] - begun) / np.timedelta64(1, "s")
    return past


def ordinal(moment: datetime, every: str) -> int:
    """Of the step that a moment lies in."""
    return int(ordinals(np.array([_naive(moment)]), every)[0])


def start(number: int, every: str) -> datetime:
    """When a step begins, in UTC."""
    moment: datetime = starts(np.array([number]), every).astype(object)[0]
    return moment.replace(tzinfo=UTC)


def nearest(moment: datetime, every: str) -> int:
    """Of the step whose beginning is closest; of two the earlier one."""
    before = ordinal(moment, every)
    left, right = moment - start(before, every), start(before + 1, every) - moment
    return before if left <= right else before + 1


def whole(length: timedelta, every: str) -> int:
    """How many steps a length is, at least one: 365, 365.25 and 366 days are a year."""
    return max(1, round(length / mean(every)))


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
