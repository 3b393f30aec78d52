"""When simulated Paris rides: hours of the day, days of the week, seasons, holidays.

Profiles are relative to a mean hour of a working day; effects are logarithms of a factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DIRECTIONS = ("E-O", "O-E")
HOLIDAY_EFFECT = np.log(0.45)
WEEKEND_EFFECT = np.log(0.55)
AUGUST_EFFECT = np.log(0.62)
SEASONAL_SWING = 0.28
BUSIEST_DAY = 190


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place with a counter for each direction; degrees north and east."""

    name: str
    latitude: float
    longitude: float


SITES = (
    Site(name="Rue des Tilleuls", latitude=48.8571, longitude=2.3522),
    Site(name="Pont du Lavoir", latitude=48.8532, longitude=2.3661),
    Site(name="Boulevard des Platanes", latitude=48.8698, longitude=2.3551),
    Site(name="Quai aux Charpentes", latitude=48.8441, longitude=2.3733),
    Site(name="Avenue du Belvédère", latitude=48.8402, longitude=2.3214),
    Site(name="Rue du Vieux Moulin", latitude=48.8846, longitude=2.3388),
    Site(name="Boulevard de la Fontaine", latitude=48.8637, longitude=2.3784),
    Site(name="Quai des Bateliers", latitude=48.8598, longitude=2.3049),
    Site(name="Rue de la Verrerie Haute", latitude=48.8515, longitude=2.2893),
    Site(name="Porte des Jardins", latitude=48.8301, longitude=2.3960),
    Site(name="Avenue des Acacias", latitude=48.8779, longitude=2.2958),
    Site(name="Canal des Écluses", latitude=48.8871, longitude=2.3842),
)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Local clock and calendar of each simulated hour, all of one length."""

    hour: Integers
    weekday: Integers
    """0 is Monday."""
    day_of_year: Integers
    day: Integers
    """Number of the local day, from 0."""
    resting: npt.NDArray[np.bool_]
    """Public holiday in France."""

    @property
    def days(self) -> int:
        return int(self.day[-1]) + 1

    @property
    def working(self) -> npt.NDArray[np.bool_]:
        return (self.weekday < 5) & ~self.resting

    @classmethod
    def of(cls, times: Sequence[datetime]) -> Self:
        """Calendar of times that carry their local zone."""
        import holidays

        dates = [time.date() for time in times]
        first = dates[0].toordinal()
        public = holidays.country_holidays("FR", years=sorted({date.year for date in dates}))
        return cls(
            hour=np.array([time.hour for time in times]),
            weekday=np.array([date.weekday() for date in dates]),
            day_of_year=np.array([date.timetuple().tm_yday for date in dates]),
            day=np.array([date.toordinal() - first for date in dates]),
            resting=np.array([date in public for date in dates]),
        )


def work_profile(calendar: Calendar) -> Numbers:
    """Two peaks, at 8 and 18, on working days; flatter and lower on the others."""
    hour = calendar.hour
    peaks = 3.4 * _bump(hour, 8, 1.0) + 3.0 * _bump(hour, 18, 1.5) + 0.7 * _bump(hour, 13, 3.0)
    idle = 1.3 * _bump(hour, 15, 4.0)
    lower = np.where(calendar.resting, HOLIDAY_EFFECT, WEEKEND_EFFECT)
    return np.where(calendar.working, 0.03 + peaks, np.exp(lower) * (0.08 + idle))


def leisure_profile(calendar: Calendar) -> Numbers:
    """One broad rise in the afternoon, higher and earlier when people are off work."""
    free = 2.4 * _bump(calendar.hour, 15.5, 3.5) + 0.08
    evening = 1.5 * _bump(calendar.hour, 18.5, 3.0) + 0.04
    return np.where(calendar.working, evening, free)


def direction_shares(calendar: Calendar, direction: int) -> Numbers:
    """Towards work in the morning one way, back in the evening the other way."""
    sign = 1.0 if direction == 0 else -1.0
    return np.exp(sign * 0.35 * np.where(calendar.hour < 13, 1.0, -1.0))


def season(calendar: Calendar) -> Numbers:
    """More in summer than in winter, less in August and over Christmas."""
    yearly = SEASONAL_SWING * np.cos(2 * np.pi * (calendar.day_of_year - BUSIEST_DAY) / 365.25)
    august = AUGUST_EFFECT * _bump(calendar.day_of_year, 227, 12.0)
    christmas = AUGUST_EFFECT * _bump((calendar.day_of_year + 182) % 365, 180, 5.0)
    return np.asarray(yearly + august + christmas)


def _bump(value: Integers, centre: float, width: float) -> Numbers:
    return np.asarray(np.exp(-0.5 * ((value - centre) / width) ** 2))
