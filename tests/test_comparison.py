"""Paired comparison of two models."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import fft, stats

from pipeline.comparison import (
    Comparison,
    cosines_for,
    diebold_mariano,
    paired_block_bootstrap,
    tolerance_limit,
)
from pipeline.errors import StepError

Losses = NDArray[np.float64]
Test = Callable[[Losses, Losses], Comparison]

EQUAL = np.full(10, 2.0)


def by_cosines(a: Losses, b: Losses) -> Comparison:
    return diebold_mariano(a, b, cosines=3)


def by_blocks(a: Losses, b: Losses) -> Comparison:
    return paired_block_bootstrap(a, b, block=2, draws=199, random=np.random.default_rng(0))


def autoregressive(random: np.random.Generator, n: int, rho: float) -> Losses:
    noise = random.standard_normal(n)
    values = np.empty(n)
    last = random.standard_normal() / math.sqrt(1 - rho**2)
    for index in range(n):
        last = rho * last + noise[index]
        values[index] = last
    return values


both = pytest.mark.parametrize("compare", [by_cosines, by_blocks])


def test_known_value_of_one_cosine() -> None:
    """Differences 1 and 3 about their mean, four of each: with one cosine, the long-run variance is
    the square of its projection, and the p-value that of Cauchy's distribution.
    """
    a = np.array([3.0] * 4 + [1.0] * 4) + 5.0
    cosine = [math.cos(math.pi * (time + 0.5) / 8) for time in range(8)]
    projection = math.sqrt(2 / 8) * (sum(cosine[:4]) - sum(cosine[4:]))

    found = diebold_mariano(a, np.full(8, 5.0), cosines=1)

    statistic = 2 / math.sqrt(projection**2 / 8)
    assert found.statistic == pytest.approx(statistic, rel=1e-12)
    assert found.p_value == pytest.approx(math.atan(1 / statistic) / math.pi, rel=1e-9)
    assert (8, 2.0, 2 / 7) == (found.n, found.mean_difference, found.relative_difference)


def test_cosines_are_those_of_the_discrete_cosine_transform() -> None:
    """The long-run variance is the mean square of the slowest terms of type II after the mean."""
    random = np.random.default_rng(2)
    difference = autoregressive(random, 40, 0.5)
    terms = fft.dct(difference, type=2, norm="ortho")[1:6]
    expected = difference.mean() / math.sqrt(np.mean(terms**2) / 40)

    found = diebold_mariano(difference + 10, np.full(40, 10.0), cosines=5)

    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert found.p_value == pytest.approx(stats.t.sf(expected, 5), rel=1e-9)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=8, max_size=40))
def test_every_figure_is_finite(losses: list[tuple[float, float]]) -> None:
    """Whatever the losses, nothing is NaN or infinite, and a p-value is a share."""
    a, b = np.array(losses).T
    for found in (by_cosines(a, b), by_blocks(a, b)):
        assert np.isfinite([found.mean_difference, found.relative_difference]).all()
        assert abs(found.statistic) <= 1e6
        assert 0 <= found.p_value <= 1


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=8, max_size=40))
def test_exchanged_models_mirror_the_answer(losses: list[tuple[float, float]]) -> None:
    """What speaks for b speaks against a, to the same degree."""
    a, b = np.array(losses).T
    one, other = by_cosines(a, b), by_cosines(b, a)

    assert one.statistic == pytest.approx(-other.statistic, rel=1e-9)
    assert one.p_value == pytest.approx(1 - other.p_value, abs=1e-9)


@both
def test_identical_losses_differ_by_nothing(compare: Test) -> None:
    """No difference is even odds, not a division by zero."""
    expected = Comparison(
        n=10, mean_difference=0.0, relative_difference=0.0, statistic=0.0, p_value=0.5
    )

    assert expected == compare(EQUAL, EQUAL)


@both
def test_rounding_is_no_difference(compare: Test) -> None:
    """Losses that are equal up to rounding are identical."""
    a = np.full(10, 0.1) * 3

    assert compare(a, np.full(10, 0.3)).p_value == 0.5


@both
@pytest.mark.parametrize(("other", "statistic", "p_value"), [(1.0, 1e6, 0.0), (3.0, -1e6, 1.0)])
def test_constant_difference_is_certain(
    compare: Test, other: float, statistic: float, p_value: float
) -> None:
    """A difference that never varies is as sure as can be, with a finite statistic."""
    found = compare(EQUAL, np.full(10, other))

    assert (statistic, p_value) == (found.statistic, found.p_value)


@both
def test_perfect_model_has_a_finite_relative_difference(compare: Test) -> None:
    """Nothing can be said relative to no loss, so the figure is at its bound."""
    assert compare(np.zeros(10), EQUAL).relative_difference == -1e6


@both
def test_better_model_is_found(compare: Test) -> None:
    """A loss lower by a standard deviation over 100 pairs has a small p-value."""
    random = np.random.default_rng(4)
    found = compare(random.normal(3, 1, 100), random.normal(2, 1, 100))

    assert found.p_value < 0.01
    assert found.mean_difference > 0.5


def test_size_of_the_test_by_cosines() -> None:
    """Two equal models with AR(1) losses are told apart in 5 % of comparisons.

    600 comparisons: four standard deviations of the binomial, 3.6 points. A hundred cosines, as if
    losses were independent, give 11 %.
    """
    random = np.random.default_rng(11)
    times = 600
    pairs = [
        (autoregressive(random, 200, 0.5), autoregressive(random, 200, 0.5)) for _ in range(times)
    ]
    few, many = (
        np.mean([diebold_mariano(a, b, cosines=cosines).p_value <= 0.05 for a, b in pairs])
        for cosines in (14, 100)
    )

    assert abs(few - 0.05) < 4 * math.sqrt(0.05 * 0.95 / times)
    assert many > few + 0.03


def test_size_of_the_bootstrap() -> None:
    """Independent pairs of equal models are told apart in 5 % of comparisons.

    500 comparisons: four standard deviations of the binomial, 3.9 points.
    """
    random = np.random.default_rng(12)
    times = 500
    hits = sum(
        paired_block_bootstrap(
            random.standard_normal(60),
            random.standard_normal(60),
            block=1,
            draws=199,
            random=random,
        ).p_value
        <= 0.05
        for _ in range(times)
    )

    assert abs(hits / times - 0.05) < 4 * math.sqrt(0.05 * 0.95 / times)


def test_bootstrap_error_is_that_of_the_mean() -> None:
    """With blocks of one pair the statistic is the mean over its standard error.

    The standard error of 20,000 draws is known to 1 / sqrt(2 * 20,000), here times four.
    """
    random = np.random.default_rng(6)
    a = random.standard_normal(51) + 5.0

    found = paired_block_bootstrap(a, np.full(51, 4.8), block=1, draws=20_000, random=random)

    expected = found.mean_difference / (a.std() / math.sqrt(51))
    assert found.statistic == pytest.approx(expected, rel=4 / math.sqrt(40_000))


def test_last_block_is_shorter_where_blocks_do_not_divide_the_rows() -> None:
    """Of 11 pairs in blocks of 4, each draw has two blocks of 4 and one of 3, from a circle.

    The standard error of 20,000 draws is known to 1 / sqrt(2 * 20,000), here times four.
    """
    random = np.random.default_rng(10)
    a = random.standard_normal(11) + 5.0
    around = np.concatenate([a, a])
    sums = {length: [around[i : i + length].sum() for i in range(11)] for length in (3, 4)}
    error = math.sqrt(2 * np.var(sums[4]) + np.var(sums[3])) / 11

    found = paired_block_bootstrap(a, np.full(11, 4.8), block=4, draws=20_000, random=random)

    expected = found.mean_difference / error
    assert found.statistic == pytest.approx(expected, rel=4 / math.sqrt(40_000))


def test_longer_blocks_keep_what_neighbours_share() -> None:
    """Rows that come in tens of equals are as good as a tenth of them."""
    random = np.random.default_rng(8)
    a = np.repeat(random.standard_normal(50), 10)

    alone = paired_block_bootstrap(a, 0 * a, block=1, draws=2_000, random=random)
    together = paired_block_bootstrap(a, 0 * a, block=50, draws=2_000, random=random)

    assert abs(alone.statistic / together.statistic) > 2


def test_same_generator_gives_the_same_answer() -> None:
    """All chance comes from the generator that is given."""
    random = np.random.default_rng(1)
    a, b = random.random(20), random.random(20)

    assert by_blocks(a, b) == by_blocks(a, b)


@both
@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (np.ones(7), np.ones(7), "7 pairs of losses are too few to tell models apart: 8"),
        (np.ones(9), np.ones(8), r"shapes \(9,\) and \(8,\)"),
        (np.full(8, np.nan), np.ones(8), "8 of 8 pairs of losses are not finite"),
    ],
)
def test_losses_that_cannot_be_compared(compare: Test, a: Losses, b: Losses, found: str) -> None:
    """Too few, unequal or spoiled pairs are refused with what was found."""
    with pytest.raises(StepError, match=found):
        compare(a, b)


@pytest.mark.parametrize("cosines", [0, 6])
def test_cosines_must_fit_the_series(cosines: int) -> None:
    """None tells nothing, and more than half of the pairs tell of neighbours only."""
    with pytest.raises(StepError, match=f"cosines is {cosines} for 10 pairs; .* from 1 to 5"):
        diebold_mariano(EQUAL, EQUAL, cosines=cosines)


@pytest.mark.parametrize(
    ("block", "draws", "found"),
    [(0, 99, "block is 0"), (6, 99, "block is 6"), (1, 98, "draws is 98")],
)
def test_bootstrap_needs_blocks_and_draws(block: int, draws: int, found: str) -> None:
    """Blocks of more than half of the pairs and few draws are refused."""
    random = np.random.default_rng(0)

    with pytest.raises(StepError, match=found):
        paired_block_bootstrap(EQUAL, EQUAL, block=block, draws=draws, random=random)


@pytest.mark.parametrize(("pairs", "cosines"), [(8, 2), (24, 3), (168, 12), (1000, 40)])
def test_cosines_grow_slower_than_the_pairs(pairs: int, cosines: int) -> None:
    """0.4 times the power of two thirds."""
    assert cosines == cosines_for(pairs)


def test_limit_of_windows_apart_is_the_prediction_limit() -> None:
    """Five windows that do not overlap: Hahn's t-limit for the next one."""
    scores = np.array([3.0, 4.0, 5.0, 6.0, 7.0])
    expected = 5 + stats.t.ppf(0.95, 4) * scores.std(ddof=1) * math.sqrt(1 + 1 / 5)

    assert tolerance_limit(scores, independent=5, share=0.95) == pytest.approx(expected)


def test_next_window_is_below_the_limit_as_often_as_said() -> None:
    """Windows of 28 days out of 112, days with autocorrelation 0.3: 95 % of 2,000 next windows.

    Four standard deviations of the binomial are 1.9 points; skewed losses take one more.
    """
    random = np.random.default_rng(8)
    beyond = 0
    for _ in range(2_000):
        days = np.exp(0.5 * autoregressive(random, 140, 0.3))
        means = np.convolve(days, np.full(28, 1 / 28), mode="valid")
        windows, following = means[: 112 - 27], means[-1]
        beyond += following > tolerance_limit(windows, independent=4, share=0.95)

    assert abs(beyond / 2_000 - 0.05) < 0.029


@pytest.mark.parametrize(
    ("scores", "independent", "share"),
    [([1.0], 2, 0.95), ([1.0, 2.0], 1, 0.95), ([1.0, np.nan], 2, 0.95), ([1.0, 2.0], 2, 1.0)],
)
def test_limit_without_ground_is_refused(
    scores: list[float], independent: float, share: float
) -> None:
    """One window, or a share that can't be."""
    with pytest.raises(StepError, match="give no limit"):
        tolerance_limit(scores, independent=independent, share=share)
