"""Has the current window moved away from the reference?"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from windows import FIRST, HOUR, Column, autoregression, measured, one, shifts, words

from pipeline.errors import StepError
from pipeline.shift import (
    TOGETHER,
    Table,
    Watched,
    benjamini_hochberg,
    cauchy_combination,
    compare,
    judge,
    weighted_bonferroni,
)
from pipeline.shift._rates import chance_of_occurrences

WEEK = 168


def seasonal(days: int, random: np.random.Generator, rho: float = 0.9, series: int = 1) -> Column:
    """Hourly noise of unit variance with a daily, a weekly and a yearly season."""
    hours = np.arange(24 * days)
    season = np.sin(hours * math.tau / 24) + 0.7 * (hours // 24 % 7 >= 5)
    season = season + 1.5 * np.sin(hours * math.tau / 8766)
    return season[:, None] + autoregression(rho, (24 * days, series), random)


def test_false_alarms_of_a_run_are_as_many_as_alpha_says() -> None:
    """40 runs of ten seasonal columns, two years of days against four weeks: at 5 %, at most four
    standard deviations of the binomial above. `benchmarks.drift_truth` counts hundreds of runs.
    """
    random = np.random.default_rng(2021)
    names = [f"x{place}" for place in range(10)]
    watched = [Watched(name=name, kind="number") for name in names]
    days = np.arange(758)
    times = FIRST + days * 24 * HOUR
    season = 0.7 * (days % 7 >= 5) + 1.5 * np.sin(days * math.tau / 365.2425)
    alarms = 0
    for _ in range(40):
        values = season[:, None] + autoregression(0.6, (758, 10), random)
        before, now = (
            Table(columns=dict(zip(names, values[part].T, strict=True)), times=times[part])
            for part in (slice(0, 730), slice(730, None))
        )
        found = compare(before, now, watched, block=timedelta(days=1))
        alarms += any(shift.alarm for shift in judge(found, alpha=0.05))

    assert alarms / 40 < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 40)


def test_a_shift_against_the_same_weeks_is_found_and_told() -> None:
    """Two years know what the weeks are like: the mean is compared with them, in plain words."""
    values = seasonal(730 + 28, np.random.default_rng(1))[:, 0]
    values[-672:] += 0.8
    shift = one(values[:-672], values[-672:], hourly=True, unit="°C")

    assert (True, "same weeks") == (shift.alarm, shift.against)
    assert shift.difference == pytest.approx(0.8, abs=0.35)
    assert "°C above the same weeks of the year before" in shift.sentence


def test_a_season_that_comes_is_no_shift_with_a_year_of_history() -> None:
    """Spring is not news: the mean moves, and no alarm is raised."""
    values = seasonal(730 + 28, np.random.default_rng(4))[:, 0]
    shift = one(values[:-672], values[-672:], hourly=True)

    assert abs(shift.current_mean - shift.reference_mean) > 0.3
    assert not shift.alarm


def test_without_a_year_the_weeks_before_are_what_is_compared_with() -> None:
    """A slow rise goes on: no alarm; on top of it a jump: an alarm that says what it means."""
    values = seasonal(120, np.random.default_rng(6), rho=0.5)[:, 0]
    quiet = one(values[: 106 * 24], values[106 * 24 :], hourly=True)
    values[106 * 24 :] += 1.5
    loud = one(values[: 106 * 24], values[106 * 24 :], hourly=True)

    assert ("weeks before", False, True) == (quiet.against, quiet.alarm, loud.alarm)
    assert "above what the weeks before let expect" in loud.sentence


def test_half_of_the_series_moving_is_found_though_the_mean_hides_it() -> None:
    """Eight series with a common wave: half of them lose 35 %, the others go on."""
    random = np.random.default_rng(3)
    hours = 24 * 140
    common = (
        100
        + 20 * np.sin(np.arange(hours) * math.tau / 24)
        + 12 * autoregression(0.99, (hours,), random)
    )
    values = common[:, None] * np.linspace(0.5, 2, 8) + random.normal(0, 5, (hours, 8))
    values[-504:, :4] *= 0.65
    split = (hours - 672) * 8
    flat = values.ravel()
    shift = one(flat[:split], flat[split:], hourly=True, series=8, unit="bicycles/h")

    assert shift.alarm
    assert shift.tests["series"] < 1e-6
    assert "beside the other series" in shift.sentence
    assert "more series moved apart" in shift.sentence


def test_what_all_series_share_is_no_difference_between_them() -> None:
    """Weather repeated for every series has no test by series."""
    values = np.repeat(np.random.default_rng(0).standard_normal(24 * 60), 4)

    assert "series" not in one(values[:-672], values[-672:], hourly=True, series=4).tests


def test_tiny_shift_in_a_huge_table_is_told_to_be_tiny() -> None:
    """A twentieth of a standard deviation over 200,000 rows: certain, and no alarm."""
    values = np.random.default_rng(0).standard_normal(400_000)
    shift = one(values[:200_000], values[200_000:] + 0.05)

    assert shift.p_value < 1e-6
    assert shift.effect == pytest.approx(0.05, abs=0.01)
    assert "x: a change that chance would not explain, but too small to matter." == shift.sentence
    assert not shift.alarm


def test_independent_rows_alarm_as_often_as_asked_for() -> None:
    """Rows without time: 400 windows at 5 %, three standard deviations."""
    random = np.random.default_rng(9)
    names = [f"x{place}" for place in range(400)]
    before, now = ({name: random.standard_normal(rows) for name in names} for rows in (300, 100))
    found = measured(before, now, kinds=dict.fromkeys(names, "number"))

    share = np.mean([each.p_value <= 0.05 for each in found[:400]])
    assert abs(share - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400)


def test_distance_of_numbers_is_near_that_of_all_values() -> None:
    """Bins hold a 64th of the reference's rows each, so no gap is missed by more than that."""
    random = np.random.default_rng(1)
    before, now = random.normal(0, 1, 5_000), random.normal(0.4, 1.5, 5_000)
    exact = ks_2samp(before, now).statistic

    assert exact - 2 / 64 <= one(before, now).distance <= exact + 1e-12


def test_distance_of_categories_equals_the_definition() -> None:
    """Half the sum of the differences of shares, missing values being one of the categories."""
    before = words(*"aaaabbbc", None, None)
    now = words(*"aabbdddd", None, None)
    expected = sum([0.2, 0.1, 0.1, 0.4, 0.0]) / 2

    assert one(before, now, "category").distance == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_equal_a_loop(p_values: list[float]) -> None:
    """Each is the least p * m / rank among itself and all larger ones, at most 1."""
    ranked = sorted(p_values)
    m = len(ranked)
    expected = [
        min(1.0, *(q * m / rank for rank, q in enumerate(ranked, 1) if q >= p), 1.0)
        for p in p_values
    ]

    assert benjamini_hochberg(np.array(p_values)) == pytest.approx(expected, rel=1e-12)


def test_a_combination_of_equal_p_values_is_their_value() -> None:
    """Cauchy variables average to a Cauchy variable; tiny p-values don't overflow."""
    for p_value in (1e-40, 1e-18, 1e-9, 0.3, 0.9):
        combined = cauchy_combination(np.full(7, p_value))
        assert combined == pytest.approx(p_value, rel=1e-6)


def test_combined_p_values_of_independent_tests_keep_the_level() -> None:
    """20,000 combinations of ten uniform p-values at 1 %: four standard deviations."""
    uniform = np.random.default_rng(0).random((20_000, 10))
    found = np.array([cauchy_combination(row) for row in uniform])

    assert abs((found <= 0.01).mean() - 0.01) < 4 * math.sqrt(0.01 * 0.99 / 20_000)


def test_weights_deal_out_the_level() -> None:
    """The least p over weight, weights over their sum, at most 1."""
    assert weighted_bonferroni(np.array([0.01, 0.5]), np.array([3.0, 1.0])) == 0.01 / 0.75
    assert weighted_bonferroni(np.array([0.9, 0.9]), np.array([1.0, 1.0])) == 1.0


def test_chance_of_occurrences_is_the_predictive_binomial() -> None:
    """None is certain; more are less likely; a day of seven after 730 clean ones is half a per
    cent, as computed by hand: 7 times 0.5 / 731, nearly.
    """
    chances = chance_of_occurrences(np.arange(4.0), 7, np.zeros(4), 730)

    assert chances[0] == pytest.approx(1.0)
    assert (np.diff(chances) < 0).all()
    assert chances[1] == pytest.approx(7 * 0.5 / 731, rel=0.05)


def test_mean_in_plain_words() -> None:
    """The sentence has the difference, its unit and both means, as precise as the difference."""
    noise = np.random.default_rng(0).permutation(np.linspace(-4, 4, 200))
    shift = one(14.2 + noise, 18.3 + noise, unit="°C")

    expected = "Mean x is 4.1 °C above the reference (18.3 against 14.2)."
    assert (True, True) == (shift.alarm, shift.sentence.startswith(expected))
    assert shift.effect == pytest.approx(4.1 / noise.std(), rel=1e-9)
    assert shift.reference_mean == pytest.approx(14.2)
    assert shift.current_mean == pytest.approx(18.3)


@pytest.mark.parametrize(
    ("by", "unit", "expected"),
    [
        (-0.031, "m/s", "Mean x is 0.031 m/s below the reference (-0.031 against 0.000)."),
        (1500.0, "", "Mean x is 1500 above the reference (1500 against 0)."),
        (25.0, "%", "Mean x is 25 percentage points above the reference (25 against 0)."),
    ],
)
def test_figures_follow_the_size_of_the_change(by: float, unit: str, expected: str) -> None:
    """Small and large changes are told in two digits or more; shares in points."""
    noise = by * np.random.default_rng(0).permutation(np.linspace(-1, 1, 200))

    assert one(noise, noise + by, unit=unit).sentence.startswith(expected)


def test_no_change_in_plain_words() -> None:
    """Equal windows have no alarm, and the sentence says that chance explains them."""
    values = np.random.default_rng(0).standard_normal(200)
    shift = one(values, values[::2])

    assert "x: no change that chance would not explain." == shift.sentence
    assert not shift.alarm


def test_a_spread_that_the_mean_makes_is_not_told() -> None:
    """Three standard deviations up, every value lies far from the old level: one sentence."""
    values = np.random.default_rng(0).standard_normal(1200)
    shift = one(values[:800], values[800:] + 3)

    assert shift.tests["shape"] < 1e-3
    assert "spread" not in shift.sentence


def test_changed_spread_is_an_alarm() -> None:
    """Twice the spread around the same mean is found by the shape."""
    values = np.random.default_rng(0).standard_normal(1200)
    values -= values.mean()
    now = 2 * (values[800:] - values[800:].mean() + values[:800].mean())
    shift = one(values[:800], now)

    assert shift.alarm
    assert shift.sentence.startswith("x is spread more widely around its usual level")


def test_lost_values_are_an_alarm() -> None:
    """A sensor that stops is told by the share of its missing rows, whatever the mean."""
    values = np.random.default_rng(0).standard_normal(1000)
    now = values[800:].copy()
    now[::2] = np.nan
    shift = one(values[:800], now)

    assert shift.alarm
    assert (0.0, 0.5) == (shift.missing_reference, shift.missing_current)
    expected = "x is missing in 50.0 % of rows, against 0.0 % in the reference."
    assert expected in shift.sentence


def test_one_lost_hour_is_no_alarm() -> None:
    """A single gap of an hour in a week after two whole years is a rare event, no change."""
    values = np.random.default_rng(1).standard_normal(24 * 737)
    now = values[-WEEK:].copy()
    now[30] = np.nan

    assert not one(values[:-WEEK], now, hourly=True).alarm


def test_infinity_counts_as_missing() -> None:
    """An infinite value does not spoil the mean of the others."""
    shift = one([1.0, np.inf, 3.0], [2.0, -np.inf, 2.0])

    assert (2.0, 2.0) == (shift.reference_mean, shift.current_mean)
    assert shift.missing_current == pytest.approx(1 / 3)


def test_new_category_is_named() -> None:
    """A category that the reference does not have is named, and its share told."""
    before = words(*["petrol", "diesel"] * 150)
    now = words(*["petrol", "diesel", "hydrogen"] * 40)
    shift = one(before, now, "category")

    assert shift.alarm
    assert ("hydrogen",) == shift.new_categories
    assert "x is 'hydrogen' in 33.3 % of rows, against 0.0 % in the reference." in shift.sentence
    assert shift.sentence.endswith("New: 'hydrogen'.")


def test_new_categories_are_no_news_where_they_always_come() -> None:
    """A column of names that never come twice has new ones in every window."""
    names = [f"name {place}" for place in range(24 * 60)]
    shift = one(words(*names[:-WEEK]), words(*names[-WEEK:]), "category", hourly=True)

    assert len(shift.new_categories) == WEEK
    assert not shift.alarm


def test_many_new_categories_are_counted() -> None:
    """The sentence names three of them and counts the others."""
    shift = one(words(*"a" * 20), words(*"abcdef"), "category")

    assert shift.sentence.endswith("New: 'b', 'c', 'd' and 2 more.")


def test_a_category_that_grows_is_an_alarm() -> None:
    """From a tenth to a quarter of the rows."""
    random = np.random.default_rng(5)
    before = np.where(random.random(2000) < 0.1, "a", "b").astype(object)
    now = np.where(random.random(600) < 0.25, "a", "b").astype(object)
    shift = one(before, now, "category")

    assert shift.alarm
    assert "of rows, against" in shift.sentence


def test_a_direction_that_turns_is_found_across_north() -> None:
    """Wind from 350° to 20°: the mean of the degrees would say the opposite."""
    random = np.random.default_rng(2)
    before, now = random.normal(350, 25, 1500) % 360, random.normal(20, 25, 500) % 360
    still = random.normal(350, 25, 500) % 360

    assert one(before, now, period=360.0).alarm
    assert not one(before, still, period=360.0).alarm
    shift = one(before, now, period=360.0, unit="°")
    assert shift.sentence.startswith("Mean x has turned 3")
    assert "° further round from the reference (19 against 348)." in shift.sentence
    assert (348, 19) == (round(shift.reference_mean), round(shift.current_mean))
    assert shift.difference == pytest.approx(30, abs=3)


def test_booleans_are_told_by_their_share() -> None:
    """The mean of a boolean is the share of true, and so is its sentence."""
    random = np.random.default_rng(0)
    before, now = (random.permutation(np.arange(400) % each == 0) for each in (4, 2))
    shift = one(before, now, "boolean")

    assert (0.25, 0.5, True) == (shift.reference_mean, shift.current_mean, shift.alarm)
    assert shift.sentence == "x is true in 50.0 % of rows, against 25.0 % in the reference."


def test_booleans_may_be_missing() -> None:
    """None among booleans is a missing value."""
    before = np.array([True, False, None, True], dtype=object)

    assert one(before, before, "boolean").missing_reference == 0.25


def test_columns_that_come_apart_are_found_together() -> None:
    """Each column alone is as before; their dependence has gone."""
    random = np.random.default_rng(7)
    first = random.standard_normal(3000)
    second = 0.8 * first + 0.6 * random.standard_normal(3000)
    second[2400:] = random.permutation(second[2400:])
    found = shifts(
        {"a": first[:2400], "b": second[:2400]},
        {"a": first[2400:], "b": second[2400:]},
        kinds={"a": "number", "b": "number"},
    )

    assert [False, False, True] == [shift.alarm for shift in found]
    assert (TOGETHER, "a and b hang together otherwise than in the reference.") == (
        found[2].column,
        found[2].sentence,
    )


def test_many_small_shifts_are_found_together() -> None:
    """Twelve columns move by a little: no single one is sure, all of them are."""
    random = np.random.default_rng(5)
    names = [f"x{place}" for place in range(12)]
    before = {name: random.standard_normal(2000) for name in names}
    now = {name: random.standard_normal(500) + 0.13 for name in names}
    found = shifts(before, now, kinds=dict.fromkeys(names, "number"))

    assert found[-1].alarm
    assert "area under the curve 0.6" in found[-1].sentence


EMPTY = np.full(60, np.nan)
SOME = np.arange(60.0)
CONSTANT = np.full(60, 5.0)


@pytest.mark.parametrize(
    ("before", "now", "kind", "changed"),
    [
        (CONSTANT, CONSTANT, "number", False),
        (CONSTANT, CONSTANT + 2, "number", True),
        (EMPTY, EMPTY, "number", False),
        (EMPTY, SOME, "number", True),
        (SOME, EMPTY, "number", True),
        (words(*[None] * 60), words(*[None] * 60), "category", False),
        (words(*[None] * 60), words(*"ab" * 30), "category", True),
        (EMPTY, EMPTY, "boolean", False),
        (CONSTANT == 5, CONSTANT != 5, "boolean", True),
    ],
)
def test_degenerate_columns_have_figures(
    before: Column, now: Column, kind: str, changed: bool
) -> None:
    """Constant and empty columns give no NaN, and an alarm exactly when they changed."""
    shift = one(before, now, kind)

    figures = [value for value in asdict(shift).values() if isinstance(value, float)]
    assert np.isfinite(figures).all()
    assert (changed, changed) == (shift.alarm, shift.distance > 0)
    assert "nan" not in shift.sentence


def test_too_few_blocks_are_told() -> None:
    """Where no change could have a small p-value, the sentence says so."""
    shift = one(np.zeros(4), np.ones(10))

    assert "x: too few blocks of rows to tell a change from chance." == shift.sentence
    assert not shift.alarm


def test_long_windows_are_cut_into_longer_blocks() -> None:
    """A window of a year of days and a reference of ten: weeks, and the shift is found."""
    values = seasonal(4015, np.random.default_rng(1), rho=0.0)[::24, 0]
    times = FIRST + np.arange(4015) * 24 * HOUR
    values[3650:] += 0.5
    windows = [
        Table(columns={"x": values[part]}, times=times[part])
        for part in (slice(0, 3650), slice(3650, None))
    ]
    (found,) = compare(*windows, [Watched(name="x", kind="number")], block=timedelta(days=1))

    assert judge([found], alpha=0.05)[0].alarm


def test_order_of_the_rows_does_not_matter() -> None:
    """Blocks go by time, not by where rows stand."""
    random = np.random.default_rng(4)
    values = seasonal(70, random)[:, 0]
    times = FIRST + np.arange(len(values)) * HOUR
    order = random.permutation(60 * 24)
    results = []
    for rows in (np.arange(60 * 24), order):
        before = Table(columns={"x": values[rows]}, times=times[rows])
        now = Table(columns={"x": values[60 * 24 :]}, times=times[60 * 24 :])
        results.append(
            compare(before, now, [Watched(name="x", kind="number")], block=timedelta(days=1))[0]
        )

    assert results[0].p_value == pytest.approx(results[1].p_value)


def test_shifts_come_in_the_order_of_the_kinds() -> None:
    """Columns without a kind are left out; all number columns together come last."""
    window = {"a": SOME, "b": SOME, "c": SOME}

    found = shifts(window, window, kinds={"c": "number", "a": "integer"})

    assert [("c", "number"), ("a", "integer"), (TOGETHER, "together")] == [
        (shift.column, shift.kind) for shift in found
    ]


def test_nothing_measured_is_nothing_found() -> None:
    """No columns, no alarms."""
    assert judge([], alpha=0.05) == ()


def test_more_that_is_judged_asks_for_more() -> None:
    """The same column among fifty others has a larger adjusted p-value."""
    random = np.random.default_rng(0)
    alone = measured(
        {"x": random.standard_normal(300)},
        {"x": random.standard_normal(100) + 0.3},
        kinds={"x": "number"},
    )
    others = measured(
        {f"y{place}": random.standard_normal(300) for place in range(50)},
        {f"y{place}": random.standard_normal(100) for place in range(50)},
        kinds={f"y{place}": "number" for place in range(50)},
    )

    few, many = judge(alone, alpha=0.05)[0], judge((*alone, *others), alpha=0.05)[0]

    assert few.p_value == many.p_value
    assert few.adjusted_p_value < many.adjusted_p_value


def test_all_problems_of_the_windows_come_at_once() -> None:
    """Unknown kinds, absent columns, unequal lengths and half-given times are one error."""
    before = Table(columns={"a": SOME, "b": SOME[:5]}, times=FIRST + np.arange(60) * HOUR)
    now = Table(columns={"a": SOME})
    watched = [Watched(name="a", kind="time"), Watched(name="b", kind="number")]
    with pytest.raises(StepError) as caught:
        compare(before, now, watched, block=timedelta(days=1))

    message = str(caught.value)
    assert "'a' is of kind 'time'; leave it out, or give one of number" in message
    assert "the current window has no column 'b'" in message
    assert "the reference window has 60 rows and 5 values of 'b'" in message
    assert "one window has times and the other has not" in message


def test_a_level_that_is_no_share_is_refused() -> None:
    """The error says what was found."""
    with pytest.raises(StepError, match="alpha is 5"):
        judge([], alpha=5)


def test_empty_window_is_refused() -> None:
    """A window without rows can't be compared."""
    with pytest.raises(StepError, match="the current window is empty"):
        one(SOME, SOME[:0])


def test_texts_in_a_column_of_numbers_are_refused() -> None:
    """A number column that holds words is an error, not a guess."""
    with pytest.raises(StepError, match="could not convert string to float: 'warm'"):
        one(words("1.0", "warm"), words("2.0"))
