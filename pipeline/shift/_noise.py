"""What chance does to a series of block means: a grid of ARMA(1,1) models, weighed by the data.

An ARMA(1,1) is a slow wave plus noise of its own in every block (Granger & Morris 1976, "Time
series modelling and interpretation"), which is what averages over a day of almost anything are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PHI = np.concatenate(
    [[-0.4, -0.2, -0.1], np.arange(0, 16) / 20, [0.8, 0.84, 0.88, 0.91, 0.94, 0.96, 0.98]]
)
THETA = np.concatenate([[-0.95, -0.9, -0.85], np.arange(-8, 5) / 10])
LONGEST_MEMORY = 800
"""Blocks after which the largest theta leaves nothing that a number of 16 figures can hold."""
STILL = 1e-20
"""Variance of a series that never moved but for rounding: it is taken for white noise."""
PRIOR_ROUNDS = 12
"""Steps of expectation-maximisation for the weights that the columns have in common."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Models y[t] = phi y[t-1] + e[t] + theta e[t-1]; everything is for innovations of variance 1.

    Formulas of the ARMA(1,1): Brockwell & Davis 1991, "Time Series", 3.3 and 4.4.
    """

    phi: Floats
    theta: Floats

    @classmethod
    def of(cls, *, ordered: bool) -> Grid:
        """All models, or only white noise where the blocks have no order; the same object each
        time, so that what is computed of it can be kept.
        """
        return _grid(ordered=ordered)

    @property
    def size(self) -> int:
        return len(self.phi)

    def only(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the models."""
        return replace(self, phi=self.phi[chosen], theta=self.theta[chosen])

    def spectra(self, frequencies: Floats) -> Floats:
        """Spectral density times 2 pi, models x frequencies (radians a block)."""
        phi, theta, cosine = self.phi[:, None], self.theta[:, None], np.cos(frequencies)[None]
        densities: Floats = (1 + theta**2 + 2 * theta * cosine) / (1 + phi**2 - 2 * phi * cosine)
        return densities

    def autocovariances(self, lags: int) -> Floats:
        """Models x lags, from lag 0 on."""
        phi, theta = self.phi, self.theta
        found = np.empty((self.size, max(2, lags)))
        found[:, 0] = (1 + 2 * phi * theta + theta**2) / (1 - phi**2)
        found[:, 1] = (1 + phi * theta) * (phi + theta) / (1 - phi**2)
        for lag in range(2, lags):
            found[:, lag] = phi * found[:, lag - 1]
        return found[:, :lags]

    def responses(self, steps: int) -> Floats:
        """What an innovation adds to the blocks from its own on, models x steps."""
        powers = self.phi[:, None] ** np.arange(max(1, steps - 1))[None]
        later = powers * (self.phi + self.theta)[:, None]
        return np.concatenate([np.ones((self.size, 1)), later], axis=1)[:, :steps]

    def forecasts(self, series: Floats) -> Floats:
        """What each model expects of the block after the last, models x series (blocks x series).

        Innovations algorithm with unknown values before the first taken as zero: each forecast is
        (phi + theta) times the newest value less theta times the forecast before it.
        """
        newest = series[-LONGEST_MEMORY:]
        ago = np.arange(len(newest))[::-1]
        weights = (self.phi + self.theta)[:, None] * (-self.theta[:, None]) ** ago[None]
        expected: Floats = weights @ newest
        return expected


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well each model explains each series, and with which variance."""

    weights: Floats
    """Posterior weights, models x series; each series' sum to 1."""
    variances: Floats
    """Variance of the innovations, models x series."""
    degrees: float
    """Degrees of freedom of the variances."""

    def only(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the models; what is left out has next to no weight."""
        return replace(self, weights=self.weights[chosen], variances=self.variances[chosen])


def fit_noise(grid: Grid, residuals: Floats, regressors: Floats) -> Fit:
    """Posterior weights of the models for residuals (blocks x series) of a least-squares fit.

    Likelihood by Whittle 1953 ("Estimation and information in stationary time series"), the
    variance integrated out under the prior 1 / variance; each frequency counts as far as the
    regressors have not absorbed it. The prior of the models is learned from all series together
    (empirical Bayes: the nonparametric maximum likelihood of Kiefer & Wolfowitz 1956, by
    expectation-maximisation, mixed with an even prior of the weight of one series), so that
    columns with like memories borrow strength from one another.
    """
    blocks = len(residuals)
    _, pairs = rising(blocks)
    free = pairs * (1 - absorbed(regressors))[: len(pairs)]
    degrees = float(free.sum())
    whitening, heights = _whitening(grid, blocks)
    periodogram = np.abs(np.fft.rfft(residuals, axis=0)) ** 2 / blocks * pairs[:, None]
    variances = whitening @ periodogram / degrees
    safe = np.maximum(variances, np.finfo(np.float64).tiny)
    logs = -0.5 * ((heights @ free)[:, None] + degrees * np.log(safe))
    likelihoods = np.exp(logs - logs.max(axis=0))
    still = variances.max(axis=0) < STILL
    likelihoods[:, still] = ((grid.phi + grid.theta) == 0)[:, None]
    return Fit(weights=_posterior(likelihoods), variances=variances, degrees=degrees)


def degrees_left(regressors: Floats) -> float:
    """Degrees of freedom that residuals of a fit on the regressors have."""
    _, pairs = rising(len(regressors))
    return float((pairs * (1 - absorbed(regressors))[: len(pairs)]).sum())


def rising(blocks: int) -> tuple[Floats, Floats]:
    """Fourier frequencies from zero up, and how many coefficients of a real series each stands
    for.
    """
    pairs = np.full(blocks // 2 + 1, 2.0)
    pairs[0] = 1.0
    if blocks % 2 == 0:
        pairs[-1] = 1.0
    return 2 * np.pi * np.arange(len(pairs)) / blocks, pairs


def absorbed(regressors: Floats) -> Floats:
    """Share of each Fourier frequency's energy that a fit on the regressors takes away."""
    basis, _ = np.linalg.qr(regressors)
    shares: Floats = (np.abs(np.fft.fft(basis, axis=0)) ** 2).sum(axis=1) / len(basis)
    return np.clip(shares, 0.0, 1.0)


@cache
def _grid(*, ordered: bool) -> Grid:
    if not ordered:
        return Grid(phi=np.zeros(1), theta=np.zeros(1))
    phi, theta = (axis.ravel() for axis in np.meshgrid(PHI, THETA))
    several = (np.abs(phi + theta) > 1e-9) | (phi == 0)  # else white noise once more
    return Grid(phi=phi[several], theta=theta[several])


@lru_cache(maxsize=8)
def _whitening(grid: Grid, blocks: int) -> tuple[Floats, Floats]:
    """What each model divides a periodogram by, models x frequencies, and its logarithms."""
    densities = grid.spectra(rising(blocks)[0])
    return 1 / densities, np.log(densities)


def _posterior(likelihoods: Floats) -> Floats:
    models, series = likelihoods.shape
    even = np.full(models, 1 / models)
    prior = even
    for _ in range(PRIOR_ROUNDS):
        weights = likelihoods * prior[:, None]
        weights /= weights.sum(axis=0)
        prior = (weights.sum(axis=1) + even) / (series + 1)
    weights = likelihoods * prior[:, None]
    posterior: Floats = weights / weights.sum(axis=0)
    return posterior
