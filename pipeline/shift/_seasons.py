"""What blocks are expected to follow: weekdays, hours and the year; and how much is believed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._placing import DAY, FEWEST_WEEKS, WEEK

Floats = NDArray[np.float64]

YEAR_WAVES = {1: np.inf, 2: np.inf}
"""Waves of the year by number a year, and how large their coefficients are believed to be in
standard deviations of the noise of a block: where a whole year is known, only it tells."""
SEASON_WAVES = {1: 3.0, 2: 1.5, 3: 1.0, 4: 0.75, 5: 0.6, 6: 0.5}
"""The same for what may follow the year without a year being known: the yearly wave of the
temperature of Paris has two and a half times the standard deviation of its days, holidays make the
higher ones."""
CALM_WAVES = {1: 0.7, 2: 0.35}
"""The same for what followed it little in half a year or more."""


def regressors_of(
    starts: NDArray[np.datetime64],
    length: np.timedelta64,
    spanned: np.timedelta64,
    waves: Mapping[int, float],
) -> tuple[Floats, Floats]:
    """Intercept, weekdays as differences from their mean, waves of the year; and what is believed
    of the size of each (`Design.prior`).
    """
    columns = [np.ones(len(starts))]
    days = starts.astype("datetime64[D]").astype(np.int64)
    if length <= DAY and spanned >= FEWEST_WEEKS * WEEK:
        columns += [(days % 7 == weekday) - 1 / 7 for weekday in range(6)]
    if length < DAY:
        hours = starts.astype("datetime64[h]").astype(np.int64) % 24
        used = np.unique(hours)
        columns += [(hours == hour) - 1 / len(used) for hour in used[:-1]]
    prior = [np.inf] * len(columns)
    turns = 2 * np.pi * (days + (length / DAY) / 2) / 365.2425
    columns += [wave(number * turns) for number in waves for wave in (np.cos, np.sin)]
    prior += [size for size in waves.values() for _ in range(2)]
    return np.column_stack(columns).astype(np.float64), np.array(prior)
