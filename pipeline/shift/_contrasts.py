"""Does the current window's mean lie where the reference and its noise let it lie?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._noise import Fit, Floats, Grid, fit_noise
from pipeline.shift._rates import cauchy_combination

LATEST = {1.0: 0.82, 0.75: 0.06, 0.5: 0.06, 0.25: 0.06}
"""Shares of the current window, up to its end, whose mean is tested, with their weights: most goes
to the whole window, the others find what began within it."""
MUCH_LOUDER = 100
"""How much less likely a part must be than the whole window to be told of in its place."""
HOLE = 1e8
"""Variance of a block without rows, in that of an innovation: its weight is nothing."""
LONGEST_GAP = 200
FEWEST_BLOCKS = 4
"""Blocks of a window that has parts."""
SPARE = 4
"""Blocks beyond one a regressor, without which a reference tells nothing."""
NEGLIGIBLE = 1e-4
"""Posterior weight of all models together that may be left out of a p-value."""


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


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One figure per series."""

    p_values: Floats
    """Two-sided."""
    differences: Floats
    """Current less expected, in the unit of the series, over the share `latest` of the window."""
    latest: Floats
    """Which of `LATEST` speaks loudest."""
    residuals: Floats
    """Reference blocks x series, the season taken out."""


def contrast_means(
    reference: Floats, current: Floats, design: Design, *, least_variance: Floats | float = 0.0
) -> Contrast:
    """Tests every column of two matrices of block means (blocks x series, NaN for no rows).

    The mean of the whole window and those of its latest parts are tested (`LATEST`), and combined.
    For each noise model the difference is estimated by generalised least squares (Aitken 1936)
    over the current blocks, its variance is that of the estimate and of the season's coefficients
    (least squares on the reference, sandwich variance), and its p-value is Student's; p-values are
    averaged over the models with their posterior weights, so that not knowing the autocorrelation
    is paid for (posterior predictive p-values: Rubin 1984, Meng 1994). `least_variance` bounds the
    variance of the innovations from below, for series that never moved in the reference.
    """
    p_values, differences = np.ones(reference.shape[1]), np.zeros(reference.shape[1])
    latest = np.ones(reference.shape[1])
    residuals = np.zeros_like(reference)
    least = np.broadcast_to(np.asarray(least_variance, dtype=np.float64), p_values.shape)
    known = np.isfinite(np.concatenate([reference, current]))
    patterns, group = np.unique(known.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        chosen = np.flatnonzero(group.ravel() == number)
        here, now = pattern[: len(reference)], pattern[len(reference) :]
        if now.any() and here.sum() > design.reference.shape[1] + SPARE:
            found = _contrast_pattern(
                np.where(here[:, None], reference[:, chosen], 0.0),
                np.where(now[:, None], current[:, chosen], 0.0),
                here,
                now,
                design,
                least[chosen],
            )
            p_values[chosen], differences[chosen] = found.p_values, found.differences
            residuals[:, chosen], latest[chosen] = found.residuals, found.latest
    return Contrast(p_values=p_values, differences=differences, latest=latest, residuals=residuals)


def block_ranks(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """Both matrices as normal scores of each block's mid-rank among the reference's blocks.

    For block means whose distribution has long tails, such as those of squares and products: a
    single wild block then can't outweigh all others. NaN stays.
    """
    from scipy.special import ndtri

    ranked = [np.full_like(part, np.nan) for part in (reference, current)]
    for place, column in enumerate(reference.T):
        known = np.sort(column[np.isfinite(column)])
        for part, scores in zip((reference, current), ranked, strict=True):
            here = np.isfinite(part[:, place])
            values = part[here, place]
            below = np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")
            scores[here, place] = ndtri((below / 2 + 0.5) / (len(known) + 1))
    return ranked[0], ranked[1]


def year_matters(series: Floats, design: Design, year: NDArray[np.bool_]) -> Floats:
    """p-values of "the regressors marked `year` explain nothing", one per series.

    Wald test with the noise fitted to what the regressors leave.
    """
    from scipy.special import chdtrc

    regressors = design.reference
    filled = np.where(np.isfinite(series), series, 0.0)
    inverse: Floats = np.asarray(np.linalg.pinv(regressors.T @ regressors), np.float64)
    coefficients = inverse @ (regressors.T @ filled)
    grid = Grid.of(ordered=True)
    fit = fit_noise(grid, filled - regressors @ coefficients, regressors)
    covariances = _coefficient_covariances(grid, regressors, inverse)
    spread = np.einsum("gs,gkl->skl", fit.weights * fit.variances, covariances)
    chosen = coefficients[year]
    inside = spread[:, year][:, :, year] + 1e-30 * np.eye(int(year.sum()))
    wald = np.einsum("ks,skl,ls->s", chosen, np.linalg.pinv(inside), chosen)
    p_values: Floats = chdtrc(float(year.sum()), wald)
    return p_values


def _contrast_pattern(
    reference: Floats,
    current: Floats,
    here: NDArray[np.bool_],
    now: NDArray[np.bool_],
    design: Design,
    least: Floats,
) -> Contrast:
    grid = Grid.of(ordered=design.ordered)
    regressors: Floats = np.where(here[:, None], design.reference, 0.0)
    inverse: Floats = np.asarray(np.linalg.pinv(regressors.T @ regressors), np.float64)
    coefficients = inverse @ (regressors.T @ reference)
    residuals = reference - regressors @ coefficients
    fit = fit_noise(grid, residuals, regressors)
    likely = np.asarray((fit.weights > NEGLIGIBLE / grid.size).any(axis=1))
    grid, fit = grid.only(likely), fit.only(likely)
    left = (current - design.current @ coefficients) * now[:, None]
    course: tuple[Floats, Floats] | None = None
    if design.follows:
        states = grid.forecasts(np.concatenate([residuals, regressors], axis=1))
        course = (grid.phi[:, None] ** (design.gap + np.arange(len(now)))[None], states)
    covariances = _coefficient_covariances(grid, regressors, inverse)
    variances = np.maximum(fit.variances / here.mean(), least)
    solve = _solver(grid, design, now)
    p_values, differences = [], []
    shares = LATEST if design.ordered and len(now) >= FEWEST_BLOCKS else {1.0: 1.0}
    for share in shares:
        part = np.arange(len(now)) >= len(now) - max(1, round(share * len(now)))
        weights, variance = _estimate(solve, now, part)
        found, season = weights @ left, weights @ design.current
        if course is not None:
            carried, states = course
            ahead = (weights * carried).sum(axis=1)[:, None] * states
            found = found - ahead[:, : reference.shape[1]]
            season = season - ahead[:, reference.shape[1] :]
        spread = variance + np.einsum("gk,gkl,gl->g", season, covariances, season)
        p_values.append(_student(found, variances * spread[:, None], fit))
        differences.append((fit.weights * found).sum(axis=0))
    loudness = np.stack(p_values)
    loudness[1:] *= MUCH_LOUDER
    loudest, series = loudness.argmin(axis=0), np.arange(loudness.shape[1])
    return Contrast(
        p_values=cauchy_combination(np.stack(p_values), np.array(list(shares.values()))),
        differences=np.stack(differences)[loudest, series],
        latest=np.array(list(shares))[loudest],
        residuals=residuals,
    )


def _solver(grid: Grid, design: Design, now: NDArray[np.bool_]) -> Floats:
    """Inverse covariances of the current blocks, models x blocks x blocks: as they are, or given
    the reference where the window follows it.
    """
    length, gap = len(now), min(design.gap, LONGEST_GAP)
    if design.follows:
        responses = grid.responses(gap + length)
        back = np.subtract.outer(np.arange(length) + gap, np.arange(gap + length))
        shares = np.where(back >= 0, responses[:, np.maximum(back, 0)], 0.0)
        covariances = shares @ shares.transpose(0, 2, 1)
    else:
        apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        covariances = grid.autocovariances(length)[:, apart]
    inverses: Floats = np.linalg.inv(covariances + HOLE * np.diag(~now))
    return inverses


def _estimate(
    inverses: Floats, now: NDArray[np.bool_], part: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Weights of the blocks in the estimated difference of a part of the window from the rest
    (models x blocks), and its variance.
    """
    if not (part & now).any():
        part = np.ones_like(part)
    solved = inverses @ (part & now).astype(np.float64)
    information = solved[:, part & now].sum(axis=1)
    return solved * now / information[:, None], 1 / information


def _coefficient_covariances(grid: Grid, regressors: Floats, inverse: Floats) -> Floats:
    """Of least-squares coefficients under each model, models x regressors x regressors.

    X' Gamma X is taken in the frequency domain, where Gamma is nearly diagonal (Grenander &
    Rosenblatt 1957, chapter 7).
    """
    blocks, terms = regressors.shape
    waves = np.fft.fft(regressors, axis=0) / np.sqrt(blocks)
    energy = (waves[:, :, None] * waves.conj()[:, None, :]).real.reshape(blocks, -1)
    densities = grid.spectra(2 * np.pi * np.arange(blocks) / blocks)
    inner = (densities @ energy).reshape(-1, terms, terms)
    covariances: Floats = inverse @ inner @ inverse
    return covariances


def _student(differences: Floats, variances: Floats, fit: Fit) -> Floats:
    from scipy.special import stdtr

    heavy = np.abs(differences) > 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.abs(differences[heavy]) / np.sqrt(variances[heavy])
    tails = np.ones_like(differences)
    tails[heavy] = 2 * stdtr(fit.degrees, -ratios)
    p_values: Floats = (fit.weights * tails).sum(axis=0)
    return np.minimum(p_values, 1.0)
