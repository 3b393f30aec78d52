"""How blocks and coefficients vary together under each model of the noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._design import Design
from pipeline.shift._noise import Floats, Grid, rising

HOLE = 1e8
"""Variance of a block without rows, in that of an innovation: its weight is nothing."""
LONGEST_GAP = 200
LEAST_SEEN = 0.5
"""Share of a pattern that must lie in known blocks: a series that went silent early in a window
would else be told by what a gradual change of its first days would have grown to."""


def current_covariances(
    grid: Grid, design: Design, now: NDArray[np.bool_], season: Floats
) -> Floats:
    """Of the current blocks, models x blocks x blocks, for innovations of variance 1: as they are,
    or given the reference where the window follows it; with `season`, what is not known of it.
    """
    length, gap = len(now), min(design.gap, LONGEST_GAP)
    if design.follows:
        responses = grid.responses(gap + length)
        back = np.subtract.outer(np.arange(length) + gap, np.arange(gap + length))
        shares = np.where(back >= 0, responses[:, np.maximum(back, 0)], 0.0)
        noise = shares @ shares.transpose(0, 2, 1)
    else:
        apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        noise = grid.autocovariances(length)[:, apart]
    found: Floats = noise + season + HOLE * np.diag(~now)
    return found


def estimate(
    covariances: Floats, patterns: Floats, now: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Weights of the blocks in the estimated change of each pattern (models x blocks x patterns),
    and its variance (models x patterns): generalised least squares (Aitken 1936), c'V^-1 y over
    c'V^-1 c. A pattern of which less than `LEAST_SEEN` is known stands for all known blocks.
    """
    known = patterns * now
    seen = known.sum(axis=1, keepdims=True) >= LEAST_SEEN * patterns.sum(axis=1, keepdims=True)
    known = np.where(seen, known, now.astype(np.float64)).T
    solved = np.linalg.solve(covariances, np.broadcast_to(known, (len(covariances), *known.shape)))
    information = (solved * known).sum(axis=1)
    return solved * now[:, None] / information[:, None], 1 / information


def coefficient_covariances(
    grid: Grid, regressors: Floats, inverse: Floats, shrunk: Floats | None = None
) -> Floats:
    """Of least-squares coefficients under each model, models x regressors x regressors; `shrunk`
    by regressor: the variance, in that of the noise, that shrinking the coefficients adds.

    X' Gamma X is taken in the frequency domain, where Gamma is nearly diagonal (Grenander &
    Rosenblatt 1957, chapter 7).
    """
    blocks, terms = regressors.shape
    waves = np.fft.rfft(regressors, axis=0) / np.sqrt(blocks)
    energy = (waves[:, :, None] * waves.conj()[:, None, :]).real.reshape(len(waves), -1)
    frequencies, pairs = rising(blocks)
    inner = (grid.spectra(frequencies) @ (energy * pairs[:, None])).reshape(-1, terms, terms)
    if shrunk is not None:
        inner = inner + grid.autocovariances(1)[:, :, None] * np.diag(shrunk)
    covariances: Floats = inverse @ inner @ inverse
    return covariances
