"""Which columns follow the year, and how."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._contrasts import Contrast, contrast_means
from pipeline.shift._covariances import coefficient_covariances
from pipeline.shift._design import Design
from pipeline.shift._layout import Layout
from pipeline.shift._noise import Floats, Grid, fit_noise

Places = NDArray[np.intp]

YEAR_LEVEL = 0.1
"""p-value below which the waves of the year are taken for real."""
SWINGS = 0.6
"""Standard deviations of the noise of a block that the waves of a half year must have for the
column to be taken for one that follows the year."""


def yearly_columns(
    means: Floats, layout: Layout, seasonal: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which columns (blocks x columns) follow the year: where a whole one is known, by a test;
    else those that swung in half a year or more, and all where less than that is known, but for
    those that are not `seasonal`.
    """
    design, series = layout.yearly, means.shape[1]
    if design is None or not series:
        return np.zeros(series, dtype=bool)
    before, _ = layout.split(means)
    if not design.follows:
        return year_matters(before, design) < YEAR_LEVEL
    may = np.ones(series, dtype=bool) if seasonal is None else seasonal
    if not layout.half_year:
        return may
    swings: NDArray[np.bool_] = swing(before, layout.plain) > SWINGS
    return swings & may


def yearly_course(means: Floats, yearly: NDArray[np.bool_], layout: Layout) -> Floats:
    """The waves of the year alone, blocks x columns, 0 for columns without: fitted on the
    reference, or on both windows where no whole year is known, since what is believed of the year
    can't be carried on far.
    """
    course = np.zeros_like(means)
    for design, chosen in by_design(yearly, layout):
        both = np.concatenate([design.reference, design.current])
        fitted = both if design.follows else design.reference
        known = np.nan_to_num(means[: len(fitted), chosen])
        coefficients = design.coefficients(fitted, known)[design.yearly]
        course[:, chosen] = both[:, design.yearly] @ coefficients
    return course


def contrast_all(
    series: Floats,
    yearly: NDArray[np.bool_],
    layout: Layout,
    least: Floats | float,
    *,
    wide: bool = False,
) -> Contrast:
    """`contrast_means` of blocks x series, each with the season that it has."""
    least = np.broadcast_to(np.asarray(least, dtype=np.float64), (series.shape[1],))
    weights = np.array(list(layout.plain.shares(layout.current_blocks).values()))
    whole = Contrast.of_nothing(layout.blocks, series.shape[1], weights)
    for design, chosen in by_design(yearly, layout):
        parts = layout.split(series[:, chosen])
        whole.take(chosen, contrast_means(*parts, design, least_variance=least[chosen], wide=wide))
    return whole


def by_design(yearly: NDArray[np.bool_], layout: Layout) -> Iterator[tuple[Design, Places]]:
    """Each design, and the columns that it is for."""
    for design, chosen in ((layout.plain, ~yearly), (layout.yearly, yearly)):
        if design is not None and chosen.any():
            yield design, np.flatnonzero(chosen)


def swing(series: Floats, design: Design) -> Floats:
    """Root mean square of the waves that the reference shows, in that of what they leave."""
    known = np.nan_to_num(series)
    coefficients = design.coefficients(design.reference, known)
    left = (known - design.reference @ coefficients).std(axis=0)
    waves = design.reference[:, design.yearly] @ coefficients[design.yearly]
    found: Floats = waves.std(axis=0) / np.maximum(left, np.finfo(np.float64).tiny)
    return found


def year_matters(series: Floats, design: Design) -> Floats:
    """p-values of "the waves of the year explain nothing", one per series.

    Wald test (Wald 1943) with the noise fitted to what the regressors leave.
    """
    from scipy.special import chdtrc

    regressors, year = design.reference, design.yearly
    filled = np.where(np.isfinite(series), series, 0.0)
    inverse: Floats = np.asarray(np.linalg.pinv(regressors.T @ regressors), np.float64)
    coefficients = inverse @ (regressors.T @ filled)
    grid = Grid.of(ordered=True)
    fit = fit_noise(grid, filled - regressors @ coefficients, regressors)
    covariances = coefficient_covariances(grid, regressors, inverse)
    spread = np.einsum("gs,gkl->skl", fit.weights * fit.variances, covariances)
    chosen = coefficients[year]
    inside = spread[:, year][:, :, year] + 1e-30 * np.eye(int(year.sum()))
    wald = np.einsum("ks,skl,ls->s", chosen, np.linalg.pinv(inside), chosen)
    p_values: Floats = chdtrc(float(year.sum()), wald)
    return p_values
