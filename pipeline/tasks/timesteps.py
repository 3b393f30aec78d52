"""Steps of a grid of time, counted whole: a year is a year, whether it has 365 days or 366.

An ordinal is a step's number since 1970, as numpy counts it in the unit of the step.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Step = Literal["h", "D", "M", "Y"]
LONGEST: dict[Step, timedelta] = {
    "h": timedelta(hours=1),
    "D": timedelta(days=1),
    "M": timedelta(days=31),
    "Y": timedelta(days=366),
}
MEAN: dict[Step, timedelta] = {
    "h": timedelta(hours=1),
    "D": timedelta(days=1),
    "M": timedelta(days=365.2425 / 12),
    "Y": timedelta(days=365.2425),
}
NAMES: dict[Step, str] = {"h": "hour", "D": "day", "M": "month", "Y": "year"}
YEAR = timedelta(days=365.25)
"""For windows of whole years: they are counted back in steps, so that a quarter of a day is lost
in rounding and no year is.
"""


def ordinals(times: NDArray[np.datetime64], every: Step) -> NDArray[np.int64]:
    """Of naive UTC times, each by the step that it lies in."""
    return times.astype(f"datetime64[{every}]").astype(np.int64)


def ordinal(moment: datetime, every: Step) -> int:
    """Of the step that a moment lies in."""
    return int(ordinals(np.array([_naive(moment)]), every)[0])


def start(number: int, every: Step) -> datetime:
    """When a step begins, in UTC."""
    moment: datetime = np.datetime64(number, every).astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)


def nearest(moment: datetime, every: Step) -> int:
    """Of the step whose beginning is closest; of two the earlier one."""
    before = ordinal(moment, every)
    left, right = moment - start(before, every), start(before + 1, every) - moment
    return before if left <= right else before + 1


def whole(length: timedelta, every: Step) -> int:
    """How many steps a length is, at least one: 365, 365.25 and 366 days are a year."""
    return max(1, round(length / MEAN[every]))


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
