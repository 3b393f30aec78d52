"""Does the current window's mean lie where the reference and its noise let it lie?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._noise import Fit, Floats, Grid, degrees_left, fit_noise
from pipeline.shift._rates import cauchy_combination

GRADUAL = 0.0
LATEST = {1.0: 0.79, 0.75: 0.05, 0.5: 0.05, 0.25: 0.05, GRADUAL: 0.06}
"""Shares of the current window, up to its end, whose mean is tested, with their weights: most goes
to the whole window, the others find what began within it, and `GRADUAL` what grows from its
beginning to its end."""
LATEST_FOLLOWING = {1.0: 0.3, 0.75: 0.15, 0.5: 0.15, 0.25: 0.15, GRADUAL: 0.25}
"""The same where the season is not known: what begins within the window is told from a season by
the rest of the window, what began before it hardly."""
MUCH_LOUDER = 100
"""How much less likely a part must be than the whole window to be told of in its place."""
HOLE = 1e8
"""Variance of a block without rows, in that of an innovation: its weight is nothing."""
LONGEST_GAP = 200
FEWEST_BLOCKS = 4
"""Blocks of a window that has parts."""
SPARE = 4
"""Blocks beyond one a regressor, without which a reference tells nothing."""
STIFFNESS = 5.0
"""How many blocks of the reference a belief about a coefficient counts for, where it has the
standard deviation of the noise; any number gives valid p-values."""
STANDS_STILL = 1e-12
TAIL_STEPS = 8_192
LEAST_LOG = -690.0
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
    z_scores: Floats
    """Parts of the window x series, the whole window first: standard normal where nothing has
    changed."""
    weights: Floats
    """Of the parts."""


def contrast_means(
    reference: Floats, current: Floats, design: Design, *, least_variance: Floats | float = 0.0
) -> Contrast:
    """Tests every column of two matrices of block means (blocks x series, NaN for no rows).

    The mean of the whole window and those of its latest parts are tested (`LATEST`), and combined.
    For each noise model the difference is estimated by generalised least squares (Aitken 1936)
    over the current blocks, whose covariance is that of the noise and of the season's coefficients
    (ridge regression on the reference, sandwich variance, with the spread of what is believed of
    them: Hoerl & Kennard 1970, Lindley & Smith 1972), and its p-value is Student's; p-values are
    averaged over the models with their posterior weights, so that not knowing the autocorrelation
    is paid for (posterior predictive p-values: Rubin 1984, Meng 1994). `least_variance` bounds the
    variance of the innovations from below, for series that never moved in the reference.
    """
    p_values, differences = np.ones(reference.shape[1]), np.zeros(reference.shape[1])
    latest = np.ones(reference.shape[1])
    shares = _shares(design, len(current))
    residuals, z_scores = np.zeros_like(reference), np.zeros((len(shares), len(p_values)))
    least = np.broadcast_to(np.asarray(least_variance, dtype=np.float64), p_values.shape)
    known = np.isfinite(np.concatenate([reference, current]))
    patterns, group = np.unique(known.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        chosen = np.flatnonzero(group.ravel() == number)
        here, now = pattern[: len(reference)], pattern[len(reference) :]
        if now.any() and _tells(design, here):
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
            z_scores[:, chosen] = found.z_scores
    return Contrast(
        p_values=p_values,
        differences=differences,
        latest=latest,
        residuals=residuals,
        z_scores=z_scores,
        weights=np.array(list(shares.values())),
    )


def _tells(design: Design, here: NDArray[np.bool_]) -> bool:
    """Whether blocks are left to tell the noise by, after what is fitted to the reference.

    What is believed of a season is fitted too: a reference of fewer blocks than it has waves would
    be explained whole, and tells nothing of chance.
    """
    if here.sum() <= design.free + SPARE:
        return False
    return degrees_left(np.where(here[:, None], design.reference, 0.0)) >= 1


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


def ridge(design: Design, regressors: Floats, series: Floats) -> Floats:
    """Coefficients for blocks x series without gaps, as far as the design believes in them."""
    _, inverse = _ridge(regressors, design)
    coefficients: Floats = inverse @ (regressors.T @ series)
    return coefficients


def swing(series: Floats, design: Design) -> Floats:
    """Root mean square of the waves that the reference shows, in that of what they leave."""
    known = np.nan_to_num(series)
    coefficients = ridge(design, design.reference, known)
    left = (known - design.reference @ coefficients).std(axis=0)
    waves = design.reference[:, design.yearly] @ coefficients[design.yearly]
    found: Floats = waves.std(axis=0) / np.maximum(left, np.finfo(np.float64).tiny)
    return found


def year_matters(series: Floats, design: Design) -> Floats:
    """p-values of "the waves of the year explain nothing", one per series.

    Wald test with the noise fitted to what the regressors leave.
    """
    from scipy.special import chdtrc

    regressors, year = design.reference, design.yearly
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
    penalty, inverse = _ridge(regressors, design)
    coefficients = inverse @ (regressors.T @ reference)
    residuals = reference - regressors @ coefficients
    fit = fit_noise(grid, residuals, regressors)
    likely = np.asarray((fit.weights > NEGLIGIBLE / grid.size).any(axis=1))
    grid, fit = grid.only(likely), fit.only(likely)
    left = (current - design.current @ coefficients) * now[:, None]
    season = np.broadcast_to(design.current, (grid.size, *design.current.shape))
    expected = np.zeros((grid.size, *left.shape))
    if design.follows:
        states = grid.forecasts(np.concatenate([residuals, regressors], axis=1))
        carried = grid.phi[:, None] ** (design.gap + np.arange(len(now)))[None]
        ahead = carried[:, :, None] * states[:, None, :]
        expected, season = ahead[:, :, : left.shape[1]], season - ahead[:, :, left.shape[1] :]
    covariances = _coefficient_covariances(grid, regressors, inverse, penalty * STIFFNESS)
    variances = np.maximum(fit.variances / here.mean(), least)
    solve = _solver(grid, design, now, season @ covariances @ season.transpose(0, 2, 1))
    p_values, differences = [], []
    shares = _shares(design, len(now))
    for share in shares:
        weights, variance = _estimate(solve, now, _pattern(share, len(now)))
        found = weights @ left - np.einsum("gl,gls->gs", weights, expected)
        p_values.append(_student(found, variances * variance[:, None], fit))
        differences.append((fit.weights * found).sum(axis=0))
    loudness = np.stack(p_values)
    loudness[1:] *= MUCH_LOUDER
    loudest, series = loudness.argmin(axis=0), np.arange(loudness.shape[1])
    return Contrast(
        p_values=cauchy_combination(np.stack(p_values), np.array(list(shares.values()))),
        differences=np.stack(differences)[loudest, series],
        latest=np.array(list(shares))[loudest],
        residuals=residuals,
        z_scores=np.sign(np.stack(differences)) * normal_quantiles(np.stack(p_values)),
        weights=np.array(list(shares.values())),
    )


def _shares(design: Design, blocks: int) -> dict[float, float]:
    if not design.ordered or blocks < FEWEST_BLOCKS:
        return {1.0: 1.0}
    return LATEST_FOLLOWING if design.follows else LATEST


def _ridge(regressors: Floats, design: Design) -> tuple[Floats, Floats]:
    """What each coefficient is held back by, and the inverse that makes coefficients of sums."""
    penalty: Floats = STIFFNESS / design.beliefs**2
    gram = regressors.T @ regressors + np.diag(penalty)
    return penalty, np.asarray(np.linalg.pinv(gram), np.float64)


def _solver(grid: Grid, design: Design, now: NDArray[np.bool_], season: Floats) -> Floats:
    """Inverse covariances of the current blocks, models x blocks x blocks: as they are, or given
    the reference where the window follows it; with what is not known of the season.
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
    inverses: Floats = np.linalg.inv(covariances + season + HOLE * np.diag(~now))
    return inverses


def _pattern(share: float, blocks: int) -> Floats:
    """By how much of the whole change each block has moved."""
    if share == GRADUAL:
        return (np.arange(blocks) + 0.5) / blocks
    return np.where(np.arange(blocks) >= blocks - latest_blocks(share, blocks), 1.0, 0.0)


def latest_blocks(share: float, blocks: int) -> int:
    """How many blocks the figures of a part are for: of a gradual change, the last quarter."""
    return max(1, round((share or 0.25) * blocks))


def _estimate(inverses: Floats, now: NDArray[np.bool_], pattern: Floats) -> tuple[Floats, Floats]:
    """Weights of the blocks in the estimated change of such a pattern (models x blocks), and its
    variance.
    """
    known = pattern * now
    if not known.any():
        known = now.astype(np.float64)
    solved = inverses @ known
    information = solved @ known
    return solved * now / information[:, None], 1 / information


def _coefficient_covariances(
    grid: Grid, regressors: Floats, inverse: Floats, shrunk: Floats | None = None
) -> Floats:
    """Of least-squares coefficients under each model, models x regressors x regressors; `shrunk`
    by regressor: the variance, in that of the noise, that shrinking the coefficients adds.

    X' Gamma X is taken in the frequency domain, where Gamma is nearly diagonal (Grenander &
    Rosenblatt 1957, chapter 7).
    """
    blocks, terms = regressors.shape
    waves = np.fft.fft(regressors, axis=0) / np.sqrt(blocks)
    energy = (waves[:, :, None] * waves.conj()[:, None, :]).real.reshape(blocks, -1)
    densities = grid.spectra(2 * np.pi * np.arange(blocks) / blocks)
    inner = (densities @ energy).reshape(-1, terms, terms)
    if shrunk is not None:
        inner = inner + grid.autocovariances(1)[:, :, None] * np.diag(shrunk)
    covariances: Floats = inverse @ inner @ inverse
    return covariances


def _student(differences: Floats, variances: Floats, fit: Fit) -> Floats:
    # Most models explain a series so badly that their tail weighs nothing.
    heavy = fit.weights > NEGLIGIBLE / len(fit.weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = differences[heavy] ** 2 / variances[heavy]
    squares[np.abs(differences[heavy]) <= STANDS_STILL] = 0.0
    tails = np.zeros_like(differences)
    tails[heavy] = student_tails(squares, fit.degrees)
    counted = np.where(heavy, fit.weights, 0.0)
    p_values: Floats = (counted * tails).sum(axis=0) / counted.sum(axis=0)
    return np.minimum(p_values, 1.0)


def normal_quantiles(p_values: Floats) -> Floats:
    """How far out a standard normal must be for its two-sided p-value to be these."""
    from scipy.special import ndtri

    quantiles: Floats = -ndtri(np.clip(p_values, 1e-300, 1.0) / 2)
    return quantiles


def student_tails(squares: Floats, degrees: float) -> Floats:
    """Two-sided p-values of squared Student ratios, from a table: off by less than 1e-4 of them.

    >>> student_tails(np.array([0.0, 2.228**2]), 10.0).round(4)
    array([1.  , 0.05])
    """
    step, logs = _tail_table(degrees)
    places = np.sqrt(np.log1p(squares / degrees)) * (1 / step)
    places = np.minimum(places, len(logs) - 1.001)
    low = places.astype(np.intp)
    share = places - low
    tails: Floats = np.exp(logs[low] * (1 - share) + logs[low + 1] * share)
    return tails


@lru_cache(maxsize=64)
def _tail_table(degrees: float) -> tuple[float, Floats]:
    """Logarithms of the tails over even steps of sqrt(log(1 + t^2 / degrees)), in which they are
    nearly parabolas: t^-degrees far out.
    """
    from scipy.special import stdtr

    highest = np.sqrt(min(-2 * LEAST_LOG / degrees, -LEAST_LOG))
    grid = np.linspace(0, highest, TAIL_STEPS)
    with np.errstate(divide="ignore"):
        logs = np.log(2 * stdtr(degrees, -np.sqrt(degrees * np.expm1(grid**2))))
    return float(grid[1]), np.maximum(logs, LEAST_LOG)
