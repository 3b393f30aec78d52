"""Simulated weather of Paris, by the hour: made up, with the averages of the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from pipeline.cases.bikes.habits import Calendar

YEARLY_MEAN = 12.5
YEARLY_SWING = 8.0
DAILY_SWING = 3.5
WARMEST_DAY = 201
WARMEST_HOUR = 16
HOURLY_CHANCE_OF_RAIN = 0.022
HOURLY_CHANCE_OF_AN_END = 0.25
MEAN_RAIN = 1.0
MEAN_WIND = 3.5

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Skies:
    """Weather of each hour: °C, mm/h, m/s, as the files give them."""

    temperature: Numbers
    rain: Numbers
    wind: Numbers


def simulate_skies(calendar: Calendar, random: np.random.Generator) -> Skies:
    """Yearly and daily cycles with spells: warm or cold days, rain for hours, windy days."""
    return Skies(
        temperature=np.round(_temperature(calendar, random), 1),
        rain=np.round(_rain(len(calendar.hour), random), 1),
        wind=np.round(_wind(calendar, random), 1),
    )


def weather_effect(skies: Skies, calendar: Calendar) -> Numbers:
    """Rain keeps riders away, leisure more than work; so do wind, and cold or great heat."""
    leisurely = np.where(calendar.working, 1.0, 1.5)
    wet = -0.5 * np.log1p(3.0 * skies.rain) * leisurely
    windy = -0.05 * np.maximum(skies.wind - 4.0, 0.0)
    uncomfortable = -0.0016 * (skies.temperature - 20.0) ** 2
    return np.asarray(wet + windy + uncomfortable)


def autoregression(
    random: np.random.Generator, length: int, *, memory: float, spread: float
) -> Numbers:
    """Stationary AR(1) series of mean 0 and standard deviation `spread`."""
    shocks = random.normal(0.0, spread * np.sqrt(1 - memory**2), length)
    shocks[0] = random.normal(0.0, spread)
    states = accumulate(shocks.tolist(), lambda state, shock: memory * state + shock)
    return np.fromiter(states, np.float64)


def _temperature(calendar: Calendar, random: np.random.Generator) -> Numbers:
    yearly = np.cos(2 * np.pi * (calendar.day_of_year - WARMEST_DAY) / 365.25)
    daily = np.cos(2 * np.pi * (calendar.hour - WARMEST_HOUR) / 24)
    spells = autoregression(random, calendar.days, memory=0.8, spread=3.0)
    smooth = np.interp(np.arange(len(calendar.hour)) / 24, np.arange(calendar.days), spells)
    swing = DAILY_SWING * (1 + 0.4 * yearly)
    return np.asarray(YEARLY_MEAN + YEARLY_SWING * yearly + swing * daily + smooth)


def _rain(hours: int, random: np.random.Generator) -> Numbers:
    """Two states, dry and wet (a Markov chain by the hour); exponential amounts when wet."""
    draws: list[float] = random.random(hours).tolist()

    def follow(wet: bool, draw: float) -> bool:
        return draw >= HOURLY_CHANCE_OF_AN_END if wet else draw < HOURLY_CHANCE_OF_RAIN

    states: Iterator[bool] = accumulate(draws, follow, initial=False)
    wet = np.fromiter(states, np.bool_)[1:]
    return np.where(wet, random.exponential(MEAN_RAIN, hours), 0.0)


def _wind(calendar: Calendar, random: np.random.Generator) -> Numbers:
    spells = autoregression(random, calendar.days, memory=0.6, spread=0.35)[calendar.day]
    gusts = autoregression(random, len(calendar.hour), memory=0.8, spread=0.2)
    return np.asarray(MEAN_WIND * np.exp(spells + gusts - (0.35**2 + 0.2**2) / 2))
