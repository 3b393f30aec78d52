"""Formulas of the drift test beside slower or older ways to the same number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from scipy.stats import norm, t

from pipeline.shift._contrasts import contrast_means
from pipeline.shift._covariances import coefficient_covariances, current_covariances, estimate
from pipeline.shift._design import GRADUAL, Design, latest_blocks, pattern_of
from pipeline.shift._noise import Grid
from pipeline.shift._ranks import hermite_scores
from pipeline.shift._tails import excess_kurtosis, heavier, normal_quantiles
from pipeline.shift._year import swing


def test_ridge_is_least_squares_with_a_row_for_each_belief() -> None:
    """A belief of size s is an observation "0" of the coefficient with weight 5 / s^2 (Hoerl &
    Kennard 1970); a coefficient of which nothing is believed has none.
    """
    random = np.random.default_rng(0)
    regressors, series = random.standard_normal((40, 3)), random.standard_normal((40, 2))
    design = Design(
        reference=regressors, current=regressors[:7], prior=np.array([np.inf, 2.0, 0.5])
    )
    rows = np.vstack([regressors, np.diag([0.0, math.sqrt(5) / 2, math.sqrt(5) / 0.5])])
    expected = np.linalg.lstsq(rows, np.vstack([series, np.zeros((3, 2))]), rcond=None)[0]

    assert design.coefficients(regressors, series) == pytest.approx(expected)


def test_the_estimated_change_is_least_squares_of_whitened_blocks() -> None:
    """Aitken 1936: weights and variance by the covariance's Cholesky factor, block 2 unseen."""
    random = np.random.default_rng(1)
    root = random.standard_normal((6, 6))
    covariance, now = root @ root.T + np.eye(6), np.array([True, True, False, True, True, True])
    patterns = np.stack([pattern_of(share, 6) for share in (1.0, 0.5, GRADUAL)])
    seen = covariance[np.ix_(now, now)]
    holed = covariance + 1e8 * np.diag(~now)

    weights, variance = estimate(holed[None], patterns, now)

    for place, pattern in enumerate(patterns):
        white = np.linalg.inv(np.linalg.cholesky(seen))
        shaped = white @ pattern[now]
        assert weights[0, now, place] == pytest.approx(shaped @ white / (shaped @ shaped), abs=1e-5)
        assert variance[0, place] == pytest.approx(1 / (shaped @ shaped), rel=1e-5)
    assert weights[0, 2] == pytest.approx([0, 0, 0])


def test_a_silent_series_is_told_by_the_blocks_that_are_there() -> None:
    """Known in the first two of eight only, a gradual change is the mean of these two."""
    now = np.arange(8) < 2
    patterns = np.stack([pattern_of(GRADUAL, 8), pattern_of(1.0, 8)])

    weights, _ = estimate((np.eye(8) + 1e8 * np.diag(~now))[None], patterns, now)

    assert weights[0, :, 0] == pytest.approx([0.5, 0.5, 0, 0, 0, 0, 0, 0])
    assert weights[0, :, 1] == pytest.approx(weights[0, :, 0])


def test_coefficients_vary_as_the_whole_covariance_matrix_says() -> None:
    """(X'X)^-1 X' Gamma X (X'X)^-1 for the models of the grid that an AR(1) of 0.5 is among, to
    three hundredths: at 400 blocks Gamma is nearly diagonal in frequencies.
    """
    days = np.arange(400)
    regressors = np.column_stack([np.ones(400), np.cos(days * math.tau / 100)])
    inverse = np.linalg.inv(regressors.T @ regressors)
    grid = Grid(phi=np.array([0.5]), theta=np.array([0.0]))
    gamma = toeplitz(0.5**days / (1 - 0.25))
    expected = inverse @ regressors.T @ gamma @ regressors @ inverse

    found = coefficient_covariances(grid, regressors, inverse)[0]

    assert np.diag(found) == pytest.approx(np.diag(expected), rel=0.03)


@pytest.mark.parametrize("gap", [0, 3])
def test_blocks_that_follow_vary_as_forecasts_do(gap: int) -> None:
    """AR(1) of 0.6 k blocks after the last known: (1 - 0.36^k) / (1 - 0.36); without what came
    before, 1 / (1 - 0.36) (Brockwell & Davis 1991, 3.3).
    """
    grid = Grid(phi=np.array([0.6]), theta=np.array([0.0]))
    ones, seen = np.ones((5, 1)), np.ones(5, dtype=bool)
    none = np.zeros((1, 5, 5))
    after = Design(reference=ones, current=ones, follows=True, gap=gap)
    alone = Design(reference=ones, current=ones)
    ahead = gap + 1 + np.arange(5)

    assert np.diag(current_covariances(grid, after, seen, none)[0]) == pytest.approx(
        (1 - 0.36**ahead) / 0.64
    )
    assert current_covariances(grid, alone, seen, none)[0] == pytest.approx(
        toeplitz(0.6 ** np.arange(5) / 0.64)
    )


def test_parts_of_a_window_are_its_newest_blocks() -> None:
    """Of eight: the last two for a quarter, a rise for a gradual change."""
    assert [0, 0, 0, 0, 0, 0, 1, 1] == pattern_of(0.25, 8).tolist()
    assert (np.diff(pattern_of(GRADUAL, 8)) == 1 / 8).all()
    assert (8, 2, 2, 1) == tuple(latest_blocks(share, 8) for share in (1.0, 0.25, GRADUAL, 0.1))


def test_stretches_of_long_tails_have_their_kurtosis() -> None:
    """Laplace's excess is 3, that of means of six is a half; normal blocks have none. 200 series
    of 100 stretches: the standard error is the root of 24 over 20,000, three of them and a little.
    """
    random = np.random.default_rng(5)
    laplace = random.laplace(size=(600, 200))
    normal = random.standard_normal((600, 200))

    assert excess_kurtosis(laplace, 6) == pytest.approx(0.5, abs=0.15)
    assert excess_kurtosis(normal, 6) < 0.11
    assert excess_kurtosis(laplace[:23], 6) == 0
    assert excess_kurtosis(np.zeros((60, 2)), 6) == 0


@pytest.mark.parametrize("kurtosis", [0.5, 2.0, 6.0])
def test_heavier_tails_are_students_of_the_same_variance(kurtosis: float) -> None:
    """By scipy, with the degrees at which Student's excess kurtosis is 6 / (degrees - 4)."""
    degrees = 4 + 6 / kurtosis
    assert float(t.stats(degrees, moments="k")) == pytest.approx(kurtosis)
    ratios = np.array([0.5, 2.0, 4.0])

    found = heavier(2 * norm.sf(ratios), kurtosis)

    scale = math.sqrt(degrees / (degrees - 2))
    assert found == pytest.approx(2 * t.sf(ratios * scale, degrees), rel=1e-4)


@given(st.floats(0, 0.02), st.floats(0, 8))
def test_heavier_tails_make_nothing_less_likely(p_value: float, kurtosis: float) -> None:
    """Far out, an excess of kurtosis only takes evidence away."""
    found = heavier(np.array([p_value]), kurtosis)[0]

    assert found >= p_value * (1 - 1e-4)


def test_quantiles_of_a_normal() -> None:
    p_values = np.array([1.0, 0.3173105, 1e-12])

    assert normal_quantiles(p_values) == pytest.approx(norm.isf(p_values / 2), abs=1e-9)


def test_scores_are_hermites_polynomials_of_a_normal() -> None:
    """Neyman 1937: mean 0, variance 1, uncorrelated but for the steps."""
    scores = hermite_scores()

    assert scores.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-12)
    assert np.corrcoef(scores, rowvar=False) == pytest.approx(np.eye(3), abs=0.03)
    assert scores[:, 0] == pytest.approx(norm.ppf((np.arange(256) + 0.5) / 256), abs=0.1)


def test_swing_is_the_wave_over_what_it_leaves() -> None:
    """A wave of 3 over 300 days of noise of 1: root mean square 3 / sqrt(2), to a tenth."""
    days = np.arange(300)
    turns = days * math.tau / 300
    regressors = np.column_stack([np.ones(300), np.cos(turns), np.sin(turns)])
    design = Design(reference=regressors, current=regressors[:7], waves=2)
    noise = np.random.default_rng(6).standard_normal(300)

    found = swing((3 * np.sin(turns) + noise)[:, None], design)

    assert found[0] == pytest.approx(3 / math.sqrt(2), rel=0.1)


def test_products_of_slow_series_alarm_as_often_as_the_level_says() -> None:
    """Their means over a week are far from normal: at 1 %, 400 products of two AR(1) of 0.6 by
    day, four standard deviations of the binomial above.
    """
    random = np.random.default_rng(9)
    fresh = random.standard_normal((2, 372, 400)) * 0.8
    slow = np.zeros((2, 372, 400))
    for day in range(1, 372):
        slow[:, day] = 0.6 * slow[:, day - 1] + fresh[:, day]
    product = slow.prod(axis=0)
    design = Design(reference=np.ones((365, 1)), current=np.ones((7, 1)))

    found = contrast_means(product[:365], product[365:], design, wide=True)

    assert (found.p_values <= 0.01).mean() < 0.01 + 4 * math.sqrt(0.01 * 0.99 / 400)
