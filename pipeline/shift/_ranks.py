"""The rank of a value among those of the reference, in steps, and scores of it."""

from __future__ import annotations

from functools import cache

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


def rank_codes(values: Floats, present: NDArray[np.bool_], rows: int) -> Places:
    """Mid-rank of each value among the reference's, in `LEVELS` steps."""
    before = values[:rows] if present[:rows].all() else values[:rows][present[:rows]]
    if not len(before):
        return np.full(len(values), MIDDLE, dtype=np.intp)
    # Every so many rows, not a random draw: the same rows give the same ranks.
    sample = np.sort(before[:: max(1, len(before) // SAMPLE)])
    knots, first, count = np.unique(sample, return_index=True, return_counts=True)
    ranks = (first + count / 2) / len(sample)
    step = 1e-9 * max(1.0, float(np.abs(knots).max()))
    knots = np.concatenate([[knots[0] - step], knots, [knots[-1] + step]])
    ranks = np.concatenate([[0.0], ranks, [1.0]])
    low, high = sample[[len(sample) // 2_000, -1 - len(sample) // 2_000]]
    width = (high - low) / (CELLS - 2)
    if width > 0 and len(values) > CELLS:
        middles = low + (np.arange(CELLS) - 0.5) * width
        table = _levels(np.interp(middles, knots, ranks))
        table[[0, -1]] = 0, LEVELS - 1
        off = table[_cell(sample, low, width)] - _levels(np.interp(sample, knots, ranks))
        if np.abs(off).mean() < 1:
            return table[_cell(values, low, width)]
    return _levels(np.interp(values, knots, ranks))


def _levels(shares: Floats) -> Places:
    return np.minimum((shares * LEVELS).astype(np.intp), LEVELS - 1)


def _cell(values: Floats, low: float, width: float) -> Places:
    """Even cells from 1 on, 0 below and the last above: a look-up is quicker than a search."""
    places = (values - low) * (1 / width) + 1
    return np.clip(places, 0, CELLS - 1, out=places).astype(np.intp)


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


def normal_scores(codes: NDArray[np.int16], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """The normal scores of some rows."""
    table = hermite_scores()[:, 0].astype(np.float32)
    table[MIDDLE] = 0.0
    taken: NDArray[np.float32] = table[codes[rows]]
    return taken


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
