"""The noise models: formulas against loops, the fit against a known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from pipeline.shift._noise import LONGEST_MEMORY, Grid, absorbed, fit_noise

GRID = Grid.of(ordered=True)
SOME = np.arange(0, GRID.size, 37)


def test_white_noise_is_on_the_grid_once_and_alone_without_order() -> None:
    """Models with phi = -theta are white noise under another name."""
    assert 1 == ((GRID.phi + GRID.theta) == 0).sum()
    assert 1 == Grid.of(ordered=False).size


def test_autocovariances_are_sums_of_responses() -> None:
    """gamma(k) is the sum of psi(i) psi(i + k): the definition of a linear process."""
    psi = GRID.responses(1200)[SOME]
    expected = np.stack(
        [(psi[:, : 1200 - lag] * psi[:, lag:]).sum(axis=1) for lag in range(6)], axis=1
    )

    assert GRID.autocovariances(6)[SOME] == pytest.approx(expected, rel=1e-6)


def test_spectra_are_transforms_of_autocovariances() -> None:
    """f(w) = gamma(0) + 2 sum gamma(k) cos(k w)."""
    frequencies = np.array([0.1, 1.0, 3.0])
    covariances = GRID.autocovariances(1500)[SOME]
    waves = np.cos(np.outer(np.arange(1, 1500), frequencies))
    expected = covariances[:, :1] + 2 * covariances[:, 1:] @ waves

    assert GRID.spectra(frequencies)[SOME] == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("blocks", [1, 40, LONGEST_MEMORY + 60])
def test_forecasts_equal_a_loop(blocks: int) -> None:
    """Innovations one after the other, for one series and every model."""
    values = np.random.default_rng(1).standard_normal(blocks)
    found = GRID.forecasts(values[:, None])[:, 0]

    for model in SOME:
        expected = 0.0
        for value in values:
            expected = GRID.phi[model] * value + GRID.theta[model] * (value - expected)
        assert found[model] == pytest.approx(expected)


@given(st.integers(10, 60), st.integers(1, 4))
def test_what_regressors_absorb_sums_to_their_number(blocks: int, terms: int) -> None:
    """The shares of all frequencies are the rank of the regressors."""
    regressors = np.random.default_rng(blocks).standard_normal((blocks, terms))

    assert absorbed(regressors).sum() == pytest.approx(terms)


@pytest.mark.parametrize(("phi", "theta"), [(0.0, 0.0), (0.5, 0.2), (0.94, -0.7)])
def test_the_long_run_variance_is_found(phi: float, theta: float) -> None:
    """20 series of 730 blocks: the mean ratio of the fitted variance of a mean to the true one.

    The long-run variance of one series has about 730 (1 - phi) / (1 + phi) / 2 degrees of
    freedom (Berk 1974); three standard errors over 20 series, and 5 points of bias for the grid.
    """
    random = np.random.default_rng(5)
    fresh = random.standard_normal((1230, 20))
    series = lfilter([1, theta], [1, -phi], fresh, axis=0)[500:]
    regressors = np.ones((730, 1))

    fit = fit_noise(GRID, series - series.mean(axis=0), regressors)
    zero = GRID.spectra(np.zeros(1))[:, 0]
    found = (fit.weights * fit.variances * zero[:, None]).sum(axis=0)

    true = ((1 + theta) / (1 - phi)) ** 2
    degrees = 730 * (1 - phi) / (1 + phi) / 2
    assert abs(found.mean() / true - 1) < 3 * math.sqrt(2 / degrees / 20) + 0.05
    assert fit.weights.sum(axis=0) == pytest.approx(1.0)
