"""What is known of every block before its noise: its season, and which part of a window is asked.

A coefficient of the season is either told by the reference alone, or believed to be about so large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._noise import Floats, degrees_left

GRADUAL = 0.0
LATEST = {1.0: 0.79, 0.75: 0.05, 0.5: 0.05, 0.25: 0.05, GRADUAL: 0.06}
"""Shares of the current window, up to its end, whose mean is tested, with their weights: most goes
to the whole window, the others find what began within it, and `GRADUAL` what grows from its
beginning to its end."""
LATEST_FOLLOWING = {1.0: 0.3, 0.75: 0.15, 0.5: 0.15, 0.25: 0.15, GRADUAL: 0.25}
"""The same where the season is not known: what begins within the window is told from a season by
the rest of the window, what began before it hardly."""
FEWEST_BLOCKS = 4
"""Blocks of a window that has parts."""
SPARE = 4
"""Blocks beyond one a regressor, without which a reference tells nothing."""
STIFFNESS = 5.0
"""How many blocks of the reference a belief about a coefficient counts for, where it has the
standard deviation of the noise; any number gives valid p-values."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """The deterministic season of every block: intercept, weekdays, the year."""

    reference: Floats
    """Blocks x regressors."""
    current: Floats
    gap: int = 0
    """Blocks between the windows."""
    follows: bool = False
    """Whether the current window is held against the course of the blocks before it, for want of
    a same season; else against the level of the whole reference."""
    ordered: bool = True
    waves: int = 0
    """How many of the last regressors are waves of the year."""
    prior: Floats | None = None
    """Standard deviation that each coefficient is believed to have around zero, in those of the
    series' noise; infinite where nothing is believed. `None` for nothing of any."""

    @property
    def yearly(self) -> NDArray[np.bool_]:
        """Which regressors are waves of the year."""
        terms = self.reference.shape[1]
        marked: NDArray[np.bool_] = np.arange(terms) >= terms - self.waves
        return marked

    @property
    def beliefs(self) -> Floats:
        free = np.full(self.reference.shape[1], np.inf)
        return free if self.prior is None else self.prior

    @property
    def free(self) -> int:
        """Coefficients that only the reference tells of."""
        return int(np.isinf(self.beliefs).sum())

    @property
    def penalty(self) -> Floats:
        """What each coefficient is held back by."""
        held: Floats = STIFFNESS / self.beliefs**2
        return held

    def inverse(self, regressors: Floats) -> Floats:
        """What makes coefficients of the sums X'y: ridge regression with the penalty of each
        (Hoerl & Kennard 1970, eq. 2.1).
        """
        gram = regressors.T @ regressors + np.diag(self.penalty)
        return np.asarray(np.linalg.pinv(gram), np.float64)

    def coefficients(self, regressors: Floats, series: Floats) -> Floats:
        """For blocks x series without gaps, as far as the design believes in them."""
        found: Floats = self.inverse(regressors) @ (regressors.T @ series)
        return found

    def tells(self, here: NDArray[np.bool_]) -> bool:
        """Whether blocks are left to tell the noise by, after what is fitted to the reference.

        What is believed of a season is fitted too: a reference of fewer blocks than it has waves
        would be explained whole, and tells nothing of chance.
        """
        if here.sum() <= self.free + SPARE:
            return False
        return degrees_left(np.where(here[:, None], self.reference, 0.0)) >= 1

    def shares(self, blocks: int) -> dict[float, float]:
        """Which shares of a window of so many blocks are tested, with their weights."""
        if not self.ordered or blocks < FEWEST_BLOCKS:
            return {1.0: 1.0}
        return LATEST_FOLLOWING if self.follows else LATEST


def pattern_of(share: float, blocks: int) -> Floats:
    """By how much of the whole change each block has moved."""
    if share == GRADUAL:
        return (np.arange(blocks) + 0.5) / blocks
    return np.where(np.arange(blocks) >= blocks - latest_blocks(share, blocks), 1.0, 0.0)


def latest_blocks(share: float, blocks: int) -> int:
    """How many blocks the figures of a part are for: of a gradual change, the last quarter."""
    return max(1, round((share or 0.25) * blocks))
