"""The test of a mean: against known formulas, and its rate of false alarms and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t, ttest_ind
from windows import autoregression

from pipeline.shift._contrasts import contrast_means
from pipeline.shift._design import Design
from pipeline.shift._noise import Grid
from pipeline.shift._ranks import block_ranks
from pipeline.shift._tails import student_tails
from pipeline.shift._year import year_matters


def plain(reference: int, current: int, **options: bool) -> Design:
    return Design(reference=np.ones((reference, 1)), current=np.ones((current, 1)), **options)


def test_without_order_it_is_students_test_with_the_references_variance() -> None:
    """White noise only: t with n - 1 degrees, the variance taken from the reference alone."""
    random = np.random.default_rng(2)
    before, now = random.standard_normal(30), random.standard_normal(8) + 0.7
    error = before.std(ddof=1) * math.sqrt(1 / 30 + 1 / 8)
    expected = 2 * t.sf(abs(now.mean() - before.mean()) / error, 29)

    found = contrast_means(before[:, None], now[:, None], plain(30, 8, ordered=False))

    assert found.p_values[0] == pytest.approx(expected, rel=1e-5)
    assert found.differences[0] == pytest.approx(now.mean() - before.mean())


def test_with_long_windows_it_agrees_with_welchs_test() -> None:
    """Two thousand independent rows each: p-values within a tenth of one another."""
    random = np.random.default_rng(4)
    before, now = random.standard_normal(2000), random.standard_normal(2000) + 0.06

    found = contrast_means(before[:, None], now[:, None], plain(2000, 2000, ordered=False))

    assert found.p_values[0] == pytest.approx(ttest_ind(before, now).pvalue, rel=0.1)


def blocks_of(rho: float, days: int, series: int, random: np.random.Generator) -> np.ndarray:
    hourly = autoregression(rho, (24 * days, series), random)
    return hourly.reshape(days, 24, series).mean(axis=1)


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("rho", [0.0, 0.9, 0.97])
def test_false_alarms_are_as_many_as_the_level_says(rho: float, follows: bool) -> None:
    """Daily means of hourly noise: 400 series at 5 %, three standard deviations of the binomial
    and half a point for the models being on a grid.
    """
    random = np.random.default_rng(11)
    series = blocks_of(rho, 365 + 14, 400, random)
    design = plain(365, 14, follows=follows)
    found = np.concatenate(
        [
            contrast_means(series[:365, some], series[365:, some], design).p_values
            for some in np.array_split(np.arange(400), 20)
        ]
    )

    assert abs((found <= 0.05).mean() - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400) + 0.005


@pytest.mark.parametrize(("rho", "shift"), [(0.0, 0.25), (0.9, 1.0), (0.97, 2.0)])
def test_power_is_that_of_a_test_that_knows_the_noise(rho: float, shift: float) -> None:
    """One week against a year: the share found of 400 at 0.25 %, against the z-test with the true
    autocorrelation (generalised least squares): nine tenths, less three standard deviations.
    """
    random = np.random.default_rng(12)
    series = blocks_of(rho, 365 + 7, 400, random)
    series[365:] += shift
    design = plain(365, 7)
    found = np.concatenate(
        [
            contrast_means(series[:365, some], series[365:, some], design).p_values
            for some in np.array_split(np.arange(400), 20)
        ]
    )
    hours = 168
    variance = (1 - rho**2) / ((hours - (hours - 2) * rho) * (1 - rho))
    variance += (1 + rho) / (1 - rho) / (365 * 24)
    oracle = norm.sf(norm.isf(0.00125) - shift / math.sqrt(variance))

    share = (found <= 0.0025).mean()
    assert share > 0.9 * oracle - 3 * math.sqrt(oracle * (1 - oracle) / 400)


def test_a_slow_course_is_no_shift_where_windows_follow_one_another() -> None:
    """A random walk like course carries on: 200 series, 5 %, three standard deviations."""
    random = np.random.default_rng(8)
    slow = autoregression(0.98, (120, 200), random) * 3
    series = slow + random.standard_normal((120, 200))
    design = plain(113, 7, follows=True)
    found = np.concatenate(
        [
            contrast_means(series[:113, some], series[113:, some], design).p_values
            for some in np.array_split(np.arange(200), 20)
        ]
    )

    assert (found <= 0.05).mean() < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_block_without_rows_is_left_out() -> None:
    """The mean of the other blocks, whatever the noise."""
    random = np.random.default_rng(0)
    before, now = random.standard_normal((60, 1)), random.standard_normal((5, 1))
    holed = np.insert(now, 2, np.nan, axis=0)

    expected = contrast_means(before, now, plain(60, 5, ordered=False))
    found = contrast_means(before, holed, plain(60, 6, ordered=False))

    assert found.differences == pytest.approx(expected.differences)
    assert found.p_values == pytest.approx(expected.p_values, rel=1e-6)


def test_a_series_that_never_moved_has_the_least_variance() -> None:
    """A constant reference and a constant current window: no change, then a change for sure."""
    before = np.full((50, 2), 3.0)
    now = np.column_stack([np.full(7, 3.0), np.full(7, 3.5)])

    found = contrast_means(before, now, plain(50, 7), least_variance=1e-4)

    assert found.p_values[0] == 1.0
    assert found.p_values[1] < 1e-6


def test_no_rows_are_no_evidence() -> None:
    """Without current blocks, or with hardly any reference, the p-value is 1."""
    empty = contrast_means(np.ones((50, 1)), np.full((7, 1), np.nan), plain(50, 7))
    short = contrast_means(np.arange(4.0)[:, None], np.full((7, 1), 9.0), plain(4, 7))

    assert ([1.0], [1.0]) == (list(empty.p_values), list(short.p_values))


def test_a_year_is_told_from_noise() -> None:
    """A wave of the year of 0.7 standard deviations is seen; without one, 10 % of series pass.

    300 series without: three standard deviations of the binomial at 10 %, and two points for the
    chi-squared approximation.
    """
    random = np.random.default_rng(3)
    days = np.arange(730)
    turns = 2 * np.pi * days / 365.2425
    regressors = np.column_stack([np.ones(730), np.cos(turns), np.sin(turns)])
    design = Design(reference=regressors, current=regressors[:7], waves=2)
    noise = autoregression(0.6, (730, 300), random)
    wave = 0.7 * np.sin(turns)[:, None]

    none = np.concatenate(
        [year_matters(part, design) for part in np.array_split(noise, 15, axis=1)]
    )
    seen = year_matters(noise[:, :20] + wave, design)

    assert abs((none <= 0.1).mean() - 0.1) < 3 * math.sqrt(0.1 * 0.9 / 300) + 0.02
    assert (seen < 0.01).all()


def test_ranks_keep_order_and_tame_tails() -> None:
    """A wild block counts as the largest of all, no more; the reference's scores are normal."""
    before = np.exp(np.random.default_rng(0).standard_normal((99, 1)) * 3)
    now = np.array([[1e9], [np.nan], [float(np.median(before))]])

    ranked, scored = block_ranks(before, now)

    assert (np.argsort(ranked[:, 0]) == np.argsort(before[:, 0])).all()
    assert scored[0, 0] == pytest.approx(norm.ppf(0.995))
    assert np.isnan(scored[1, 0])
    assert abs(scored[2, 0]) < 0.02


def test_white_noise_of_a_grid_of_one_has_known_weights() -> None:
    """Even weights over the current blocks."""
    assert Grid.of(ordered=False).autocovariances(3)[0] == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("degrees", [1.5, 3.0, 55.3, 4000.0])
def test_tails_from_the_table_are_students(degrees: float) -> None:
    """From the middle to far out, for few degrees and many: a hundred-thousandth of the p-value."""
    ratios = np.concatenate([[0.0], np.geomspace(1e-4, 30, 500)])

    assert student_tails(ratios**2, degrees) == pytest.approx(
        np.maximum(2 * t.sf(ratios, degrees), 1e-299), rel=1e-5
    )


def yearly_design(days: int, now: int, size: float) -> Design:
    turns = 2 * np.pi * np.arange(days + now) / 365.2425
    regressors = np.column_stack([np.ones(days + now), np.cos(turns), np.sin(turns)])
    return Design(
        reference=regressors[:days],
        current=regressors[days:],
        follows=True,
        waves=2,
        prior=np.array([np.inf, size, size]),
    )


def test_a_season_as_large_as_believed_alarms_as_often_as_the_level_says() -> None:
    """150 days of 300 series, each with a yearly wave drawn from what is believed, then 14 days:
    at 5 %, three standard deviations of the binomial, and a point for the models on a grid.
    """
    random = np.random.default_rng(21)
    design = yearly_design(150, 14, 3.0)
    waves = np.concatenate([design.reference, design.current])[:, 1:]
    series = autoregression(0.5, (164, 300), random) + waves @ random.normal(0, 3, (2, 300))
    found = contrast_means(series[:150], series[150:], design)

    assert abs((found.p_values <= 0.05).mean() - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 300) + 0.01


def test_a_jump_is_found_though_a_season_is_believed() -> None:
    """Four standard deviations of the noise at once are more than a season does in 14 days."""
    random = np.random.default_rng(22)
    series = autoregression(0.5, (164, 40), random)
    series[150:] += 4
    found = contrast_means(series[:150], series[150:], yearly_design(150, 14, 3.0))

    assert (found.p_values <= 0.01).mean() > 0.9


@pytest.mark.parametrize("blocks", [6, 9, 13])
def test_a_reference_that_its_season_explains_whole_tells_nothing(blocks: int) -> None:
    """As many waves as blocks leave no residual to tell chance by: no alarm, however far it is."""
    random = np.random.default_rng(blocks)
    days = np.arange(blocks + 7)[:, None] * np.arange(1, 7) * math.tau / 365.2425
    waves = np.hstack([np.ones((len(days), 1)), np.sin(days), np.cos(days)])
    prior = np.array([np.inf] + [1.0] * 12)
    design = Design(reference=waves[:blocks], current=waves[blocks:], waves=12, prior=prior)
    before, now = random.standard_normal((blocks, 2)), random.standard_normal((7, 2)) + 9

    found = contrast_means(before, now, design)

    assert [1.0, 1.0] == found.p_values.tolist()
