"""Does the current window's mean lie where the reference and its noise let it lie?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._covariances import coefficient_covariances, current_covariances, estimate
from pipeline.shift._design import Design, pattern_of
from pipeline.shift._noise import Fit, Floats, Grid, fit_noise
from pipeline.shift._rates import cauchy_combination
from pipeline.shift._tails import excess_kurtosis, heavier, normal_quantiles, student_tails

Places = NDArray[np.intp]

MUCH_LOUDER = 100
"""How much less likely a part must be than the whole window to be told of in its place."""
STANDS_STILL = 1e-12
NEGLIGIBLE = 1e-4
"""Posterior weight of all models together that may be left out of a p-value."""


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

    @classmethod
    def of_nothing(cls, blocks: int, series: int, weights: Floats) -> Self:
        """Where nothing is known: no difference, and no evidence of any."""
        return cls(
            p_values=np.ones(series),
            differences=np.zeros(series),
            latest=np.ones(series),
            residuals=np.zeros((blocks, series)),
            z_scores=np.zeros((len(weights), series)),
            weights=weights,
        )

    def only(self, chosen: slice) -> Self:
        """Some of the series."""
        return replace(
            self,
            p_values=self.p_values[chosen],
            differences=self.differences[chosen],
            latest=self.latest[chosen],
            residuals=self.residuals[:, chosen],
            z_scores=self.z_scores[:, chosen],
        )

    def take(self, chosen: Places, found: Contrast) -> None:
        """Enters what was found of some of the series."""
        for mine, theirs in (
            (self.p_values, found.p_values),
            (self.differences, found.differences),
            (self.latest, found.latest),
            (self.residuals, found.residuals),
            (self.z_scores, found.z_scores),
        ):
            mine[..., chosen] = theirs


def contrast_means(
    reference: Floats,
    current: Floats,
    design: Design,
    *,
    least_variance: Floats | float = 0.0,
    wide: bool = False,
) -> Contrast:
    """Tests every column of two matrices of block means (blocks x series, NaN for no rows).

    The mean of the whole window and those of its latest parts are tested (`LATEST`), and combined.
    For each noise model the difference is estimated by generalised least squares (Aitken 1936)
    over the current blocks, whose covariance is that of the noise and of the season's coefficients
    (ridge regression on the reference, sandwich variance, with the spread of what is believed of
    them: Hoerl & Kennard 1970, Lindley & Smith 1972), and its p-value is Student's; p-values are
    averaged over the models with their posterior weights, so that not knowing the autocorrelation
    is paid for (posterior predictive p-values: Rubin 1984, Meng 1994). `least_variance` bounds the
    variance of the innovations from below, for series that never moved in the reference. `wide`
    for series whose means over a window can't be taken for normal, such as those of squares and
    products of slow series: they have tails as heavy as stretches of the reference show.
    """
    series = reference.shape[1]
    shares = design.shares(len(current))
    found = Contrast.of_nothing(len(reference), series, np.array(list(shares.values())))
    least = np.broadcast_to(np.asarray(least_variance, dtype=np.float64), series)
    for chosen, here, now in _patterns(np.isfinite(reference), np.isfinite(current)):
        if now.any() and design.tells(here):
            part = _contrast_pattern(
                np.where(here[:, None], reference[:, chosen], 0.0),
                np.where(now[:, None], current[:, chosen], 0.0),
                here,
                now,
                design,
                least[chosen],
                wide=wide,
            )
            found.take(chosen, part)
    return found


def _patterns(
    before: NDArray[np.bool_], now: NDArray[np.bool_]
) -> Iterator[tuple[Places, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Series that are known in the same blocks, and in which."""
    known = np.concatenate([before, now])
    if known.all():
        yield np.arange(known.shape[1]), known[: len(before), 0], known[len(before) :, 0]
        return
    packed = np.packbits(known, axis=0)
    _, first, group = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    for number, place in enumerate(first):
        yield np.flatnonzero(group.ravel() == number), before[:, place], now[:, place]


def _contrast_pattern(
    reference: Floats,
    current: Floats,
    here: NDArray[np.bool_],
    now: NDArray[np.bool_],
    design: Design,
    least: Floats,
    *,
    wide: bool,
) -> Contrast:
    regressors: Floats = np.where(here[:, None], design.reference, 0.0)
    inverse = design.inverse(regressors)
    coefficients = inverse @ (regressors.T @ reference)
    residuals = reference - regressors @ coefficients
    grid, fit = _likely(Grid.of(ordered=design.ordered), residuals, regressors)
    left = (current - design.current @ coefficients) * now[:, None]
    season = np.broadcast_to(design.current, (grid.size, *design.current.shape))
    carried = np.zeros((grid.size, len(now)))
    if design.follows:
        carried = grid.phi[:, None] ** (design.gap + np.arange(len(now)))[None]
        season = season - carried[:, :, None] * grid.forecasts(regressors)[:, None, :]
    unknown = coefficient_covariances(grid, regressors, inverse, design.penalty)
    blocks = current_covariances(grid, design, now, season @ unknown @ season.transpose(0, 2, 1))
    shares = design.shares(len(now))
    patterns = np.stack([pattern_of(share, len(now)) for share in shares])
    weights, variance = estimate(blocks, patterns, now)
    variances = np.maximum(fit.variances / here.mean(), least)
    states = grid.forecasts(residuals) if design.follows else None
    p_values, differences = [], []
    for place, share in enumerate(shares):
        found = weights[:, :, place] @ left
        if states is not None:
            found -= (weights[:, :, place] * carried).sum(axis=1)[:, None] * states
        chance = _student(found, variances * variance[:, [place]], fit)
        if wide:
            length = max(1, round((share or 1.0) * len(now)))
            chance = heavier(chance, excess_kurtosis(residuals, length))
        p_values.append(chance)
        differences.append((fit.weights * found).sum(axis=0))
    return _loudest(np.stack(p_values), np.stack(differences), shares, residuals)


def _likely(grid: Grid, residuals: Floats, regressors: Floats) -> tuple[Grid, Fit]:
    """The models that explain any of the series at all, and how well they do."""
    fit = fit_noise(grid, residuals, regressors)
    likely = np.asarray((fit.weights > NEGLIGIBLE / grid.size).any(axis=1))
    return grid.only(likely), fit.only(likely)


def _loudest(
    p_values: Floats, differences: Floats, shares: dict[float, float], residuals: Floats
) -> Contrast:
    loudness = p_values * np.array([1.0, *[MUCH_LOUDER] * (len(shares) - 1)])[:, None]
    loudest, series = loudness.argmin(axis=0), np.arange(loudness.shape[1])
    weights = np.array(list(shares.values()))
    return Contrast(
        p_values=cauchy_combination(p_values, weights),
        differences=differences[loudest, series],
        latest=np.array(list(shares))[loudest],
        residuals=residuals,
        z_scores=np.sign(differences) * normal_quantiles(p_values),
        weights=weights,
    )


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
