"""What is known of a series' past when one of its values is to be forecast.

Every column is made of values at least a whole horizon older than the row itself, so that it is
known at the origin whichever hour of the horizon the row lies in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Values of all series on one unbroken grid of steps; what is missing is NaN."""

    values: Floats
    """Shape (series, steps)."""
    series: Places
    steps: Places
    """Row and column of each observation."""

    @classmethod
    def of(cls, series: Places, ordinals: Places, values: Floats) -> Grid:
        """From one series number, time ordinal and value an observation, in any order.

        A key that comes twice keeps its last value; unique keys are checked before.
        """
        first = int(ordinals.min()) if len(ordinals) else 0
        steps = ordinals - first
        shape = (int(series.max()) + 1, int(steps.max()) + 1) if len(series) else (0, 0)
        grid = np.full(shape, np.nan)
        grid[series, steps] = values
        return cls(values=grid, series=series, steps=steps)

    def lagged(self, lag: int) -> Floats:
        """The value `lag` steps before each observation."""
        return self._back(self.values, lag)

    def mean_before(self, lag: int, width: int) -> Floats:
        """Mean of the `width` steps that end `lag` steps before each observation, of those that
        are known; NaN where none is.
        """
        known = np.isfinite(self.values)
        sums = _moving_sum(np.where(known, self.values, 0.0), width)
        counts = _moving_sum(known.astype(float), width)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts > 0.5, sums / counts, np.nan)
        return self._back(np.asarray(means), lag)

    def seasonal_mean(self, season: int, seasons: int) -> Floats:
        """Mean of the values 1, 2, … `seasons` seasons before, of those that are known."""
        stack = np.stack([self.lagged(season * back) for back in range(1, seasons + 1)])
        known = np.isfinite(stack)
        counts = known.sum(axis=0)
        sums = np.where(known, stack, 0.0).sum(axis=0)
        means: Floats = np.full(len(sums), np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        return means

    def growth(self, groups: Places, lag: int, width: int) -> Floats:
        """How a group's sum has grown a step: the sums over `width` steps that end `lag` steps
        before each observation, over those a step earlier; NaN where nothing was known or above
        zero.

        `groups` numbers each observation's group; a series is in one. A pair of steps counts
        where a series is known in both, so that a series that begins or ends is no growth.
        """
        later, earlier = self.values[:, 1:], self.values[:, :-1]
        both = np.isfinite(later) & np.isfinite(earlier)
        member = np.zeros(len(self.values), dtype=np.int64)
        member[self.series] = groups
        shape = (int(groups.max(initial=-1)) + 1, self.values.shape[1])
        sums, before = np.zeros(shape), np.zeros(shape)
        np.add.at(sums[:, 1:], member, np.where(both, later, 0.0))
        np.add.at(before[:, 1:], member, np.where(both, earlier, 0.0))
        total, base = _exact_sum(sums, width), _exact_sum(before, width)
        ratios: Floats = np.full(shape, np.nan)
        with np.errstate(over="ignore"):
            np.divide(total, base, out=ratios, where=base > 0)
        ratios[~np.isfinite(ratios)] = np.nan
        place = self.steps - lag
        found = ratios[groups, np.maximum(place, 0)] if len(place) else np.empty(0)
        return np.where(place >= 0, found, np.nan)

    def _back(self, values: Floats, lag: int) -> Floats:
        place = self.steps - lag
        found = values[self.series, np.maximum(place, 0)] if len(place) else np.empty(0)
        return np.where(place >= 0, found, np.nan)


def _moving_sum(values: Floats, width: int) -> Floats:
    """Sums over the last `width` columns, fewer at the start."""
    total = np.cumsum(values, axis=1)
    total[:, width:] = total[:, width:] - total[:, :-width]
    return total


def _exact_sum(values: Floats, width: int) -> Floats:
    """The same without the rounding that differences of running totals leave behind."""
    padded = np.pad(values, ((0, 0), (width - 1, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)
    return np.asarray(windows.sum(axis=2), dtype=np.float64)
