"""The rank of a value among those of the reference, in steps, and scores of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEVELS = 256
"""Steps of the rank of a value among those of the reference."""
MIDDLE = LEVELS // 2
CELLS = 16_384
SAMPLE = 20_000
"""Values of the reference that ranks are taken from."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Mid-ranks among some values, in `LEVELS` steps."""

    knots: Floats
    shares: Floats
    """Share of the values below each knot, and half of those on it."""
    table: Places | None
    """Level of each of `CELLS` even cells, where these are fine enough: a look-up is quicker than a
    search."""
    low: float
    width: float

    @classmethod
    def of(cls, values: Floats, *, often: bool) -> Self:
        """Among at least one value; `often`: ranks of many are going to be asked for."""
        sample = np.sort(values)
        knots, first, count = np.unique(sample, return_index=True, return_counts=True)
        shares = (first + count / 2) / len(sample)
        step = 1e-9 * max(1.0, float(np.abs(knots).max()))
        low, high = sample[[len(sample) // 2_000, -1 - len(sample) // 2_000]]
        found = cls(
            knots=np.concatenate([[knots[0] - step], knots, [knots[-1] + step]]),
            shares=np.concatenate([[0.0], shares, [1.0]]),
            table=None,
            low=float(low),
            width=float((high - low) / (CELLS - 2)),
        )
        return found._looked_up(sample) if often and found.width > 0 else found

    def levels(self, values: Floats) -> Places:
        """Level of each value."""
        if self.table is not None:
            return self.table.take(self._cells(values))
        return _levels(np.interp(values, self.knots, self.shares))

    def _looked_up(self, sample: Floats) -> Self:
        middles = np.asarray(self.low + (np.arange(CELLS) - 0.5) * self.width, np.float64)
        table = self.levels(middles)
        table[[0, -1]] = 0, LEVELS - 1
        off = table[self._cells(sample)] - self.levels(sample)
        return replace(self, table=table) if np.abs(off).mean() < 1 else self

    def _cells(self, values: Floats) -> Places:
        """Even cells from 1 on, 0 below and the last above."""
        places = values - self.low
        places *= 1 / self.width
        places += 1
        return np.clip(places, 0, CELLS - 1, out=places).astype(np.intp)


def _levels(shares: Floats) -> Places:
    return np.minimum((shares * LEVELS).astype(np.intp), LEVELS - 1)


@cache
def hermite_scores() -> Floats:
    """Levels x 3: the normal score of each level (mean over it), and its second and third
    Hermite polynomials, each with mean 0 and variance 1 over even levels.
    """
    from scipy.special import ndtri

    edges = ndtri(np.arange(LEVELS + 1) / LEVELS)
    density = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    score = (density[:-1] - density[1:]) * LEVELS
    polynomials = np.column_stack([score, score**2 - 1, score**3 - 3 * score])
    centred = polynomials - polynomials.mean(axis=0)
    scored: Floats = centred / centred.std(axis=0)
    return scored


def normal_scores(codes: NDArray[np.int16]) -> NDArray[np.float32]:
    """The normal score of each level."""
    table = hermite_scores()[:, 0].astype(np.float32)
    table[MIDDLE] = 0.0
    return table.take(codes)


def block_ranks(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """Both matrices as normal scores of each block's mid-rank among the reference's blocks (van
    der Waerden 1952).

    For block means whose distribution has long tails, such as those of squares and products: a
    single wild block then can't outweigh all others. NaN stays.
    """
    from scipy.special import ndtri

    ranked = [np.full_like(part, np.nan) for part in (reference, current)]
    for place, column in enumerate(reference.T):
        known = np.sort(column[np.isfinite(column)])
        for part, ranks in zip((reference, current), ranked, strict=True):
            here = np.isfinite(part[:, place])
            values = part[here, place]
            below = np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")
            ranks[here, place] = (below / 2 + 0.5) / (len(known) + 1)
    return ndtri(ranked[0]), ndtri(ranked[1])
