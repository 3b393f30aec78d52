"""Simulated counts of bicycles, from habits, weather and chance; nothing disturbs them yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.cases.bikes.habits import (
    Calendar,
    direction_shares,
    leisure_profile,
    season,
    work_profile,
)
from pipeline.cases.bikes.skies import Skies, autoregression, weather_effect

MEDIAN_VOLUME = 60.0
"""Bicycles in a mean hour of a working day, at the counter in the middle."""
DISPERSION = 30.0
"""Shape of the gamma that each hour's mean is multiplied with: variance = mean + mean² / shape."""

Numbers = npt.NDArray[np.float64]


def simulate_counts(
    counters: int, calendar: Calendar, skies: Skies, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Bicycles an hour: one row a counter, one column an hour; counters 2n and 2n + 1 are a site.

    A count is Poisson with a gamma-distributed mean (negative binomial): the counter's volume,
    times its mixture of working days' and leisure habits in local time, the season, the weather,
    an effect of the day that all counters share, and one of their own.
    """
    volumes = random.lognormal(np.log(MEDIAN_VOLUME), 0.6, counters)
    leisure = random.beta(2.0, 5.0, counters)
    shares = np.array([direction_shares(calendar, number % 2) for number in range(counters)])
    profiles = np.outer(1 - leisure, work_profile(calendar)) * shares
    profiles += np.outer(leisure, leisure_profile(calendar))
    effects = season(calendar) + weather_effect(skies, calendar)
    effects = effects + _day_effects(counters, calendar, random)
    means = volumes[:, None] * profiles * np.exp(effects)
    noise = random.gamma(DISPERSION, 1 / DISPERSION, means.shape)
    return np.asarray(random.poisson(means * noise), np.int64)


def _day_effects(counters: int, calendar: Calendar, random: np.random.Generator) -> Numbers:
    """Logarithms, one row a counter, one column an hour, constant over a local day."""
    shared = autoregression(random, calendar.days, memory=0.6, spread=0.1)
    own = [autoregression(random, calendar.days, memory=0.8, spread=0.07) for _ in range(counters)]
    return np.asarray((shared + np.array(own))[:, calendar.day])
