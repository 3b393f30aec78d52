"""Has the current window moved away from the reference?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import ks_2samp

from pipeline.errors import StepError
from pipeline.shift import ColumnShift, benjamini_hochberg, column_shifts
from pipeline.shift._runs import Blocks, draw_runs

Column = NDArray[Any]


def shifts(
    reference: Mapping[str, Any],
    current: Mapping[str, Any],
    kinds: Mapping[str, str],
    *,
    units: Mapping[str, str] | None = None,
    rows_in_block: int = 1,
    seed: int = 0,
    **options: Any,
) -> tuple[ColumnShift, ...]:
    before, now = (
        {name: np.asarray(values) for name, values in window.items()}
        for window in (reference, current)
    )
    return column_shifts(
        before,
        now,
        kinds=kinds,
        units=units or {},
        reference_blocks=np.arange(len(next(iter(before.values())))) // rows_in_block,
        current_blocks=np.arange(len(next(iter(now.values())))) // rows_in_block,
        random=np.random.default_rng(seed),
        **({"alpha": 0.05} | options),
    )


def one(reference: object, current: object, kind: str = "number", **options: Any) -> ColumnShift:
    (shift,) = shifts({"x": reference}, {"x": current}, {"x": kind}, **options)
    return shift


def words(*values: str | None) -> Column:
    return np.array(values, dtype=object)


def hourly(random: np.random.Generator, days: int, rho: float = 0.9) -> Column:
    """Noise of unit variance whose neighbours have correlation rho, a daily and a weekly season."""
    hours = np.arange(24 * days)
    noise: Column = lfilter([1.0], [1.0, -rho], random.standard_normal(len(hours) + 500))[500:]
    season: Column = np.sin(hours * math.tau / 24) + 0.7 * (hours // 24 % 7 >= 5)
    return noise * math.sqrt(1 - rho**2) + season


def false_alarms(*, rows_in_block: int, times: int) -> float:
    random = np.random.default_rng(2021)
    alarms = 0
    for seed in range(times):
        values = hourly(random, 84 + 28)
        alarms += one(
            values[: 84 * 24],
            values[84 * 24 :],
            rows_in_block=rows_in_block,
            seed=seed,
            permutations=299,
            smallest_effect=0.0,
        ).alarm
    return alarms / times


def test_false_alarms_of_hourly_series_with_seasons() -> None:
    """A stationary series with memory and seasons alarms as often as asked for, one time in 20.

    200 series: three standard deviations of the binomial, 4.6 points.
    """
    share = false_alarms(rows_in_block=24, times=200)

    assert abs(share - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 200)


def test_half_a_standard_deviation_is_found() -> None:
    """A shift by half a standard deviation for four weeks is found in 64 of 100 years at 0.5 %.

    60 series: three standard deviations of the binomial, 19 points.
    """
    random = np.random.default_rng(5)
    found = 0
    for seed in range(60):
        values = hourly(random, 365 + 28)
        values[365 * 24 :] += 0.5 * values.std()
        found += one(
            values[: 365 * 24], values[365 * 24 :], rows_in_block=24, seed=seed, alpha=0.005
        ).alarm

    assert found / 60 > 0.64 - 3 * math.sqrt(0.64 * 0.36 / 60)


def test_independent_rows_are_blocks_of_their_own() -> None:
    """Rows without order alarm as often as asked for: 400 windows, three standard deviations."""
    random = np.random.default_rng(9)
    alarms = 0
    for seed in range(400):
        values = random.standard_normal(400)
        alarms += one(values[:300], values[300:], permutations=199, seed=seed).p_value <= 0.05

    assert abs(alarms / 400 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400)


def test_distance_of_numbers_equals_the_definition() -> None:
    """With few different values, the distance is the greatest gap of the two distributions."""
    random = np.random.default_rng(1)
    before, now = random.integers(0, 12, 300), random.integers(2, 12, 200)
    expected = max(abs((before <= v).mean() - (now <= v).mean()) for v in range(12))

    assert one(before, now, "integer").distance == pytest.approx(expected, abs=1e-12)


def test_distance_of_numbers_is_near_that_of_all_values() -> None:
    """Bins hold a 64th of the rows each, so no gap is missed by more than that."""
    random = np.random.default_rng(1)
    before, now = random.normal(0, 1, 5_000), random.normal(0.4, 1.5, 5_000)
    exact = ks_2samp(before, now).statistic

    found = one(before, now).distance

    assert exact - 2 / 64 <= found <= exact + 1e-12


def test_distance_of_categories_equals_the_definition() -> None:
    """Half the sum of the differences of shares, missing values being one of the categories."""
    before = words(*"aaaabbbc", None, None)
    now = words(*"aabbdddd", None, None)
    expected = sum([0.2, 0.1, 0.1, 0.4, 0.0]) / 2

    found = one(before, now, "category")

    assert found.distance == pytest.approx(expected, abs=1e-12)
    assert found.effect == found.distance


def test_p_value_equals_a_loop_over_all_positions() -> None:
    """A single current block: the share of blocks as far from the others as it is."""
    random = np.random.default_rng(3)
    values = random.integers(0, 5, (40, 6))
    values[-1] += 2

    def distance(block: int) -> float:
        now, before = values[block], np.delete(values, block, axis=0)
        return max(abs(float((before <= v).mean() - (now <= v).mean())) for v in range(8))

    expected = np.mean([distance(block) >= distance(39) - 1e-12 for block in range(40)])

    found = one(values[:-1].ravel(), values[-1], "integer", rows_in_block=6).p_value

    assert found == pytest.approx(expected, rel=1e-12)


def test_drawn_positions_give_the_p_value_of_all_positions() -> None:
    """With fewer draws than positions, the p-value is near the exact one: four binomial errors."""
    random = np.random.default_rng(3)
    values = random.integers(0, 50, 3_000)
    values[-300:] += 1
    exact, drawn = (
        one(values[:-300], values[-300:], permutations=draws).p_value for draws in (3_000, 2_000)
    )

    assert exact != drawn
    assert exact == pytest.approx(drawn, abs=4 * math.sqrt(0.25 / 2_000))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**32), st.sampled_from([0.001, 0.5]))
def test_drawn_sets_are_runs_of_as_many_blocks_as_are_current(
    reference: int, current: int, seed: int, level: float
) -> None:
    """Each stand-in has as many different blocks as the current window, in at most two runs."""
    blocks = Blocks.of(np.arange(reference), np.arange(current))
    runs = draw_runs(blocks, draws=20, level=level, random=np.random.default_rng(seed))

    for starts in runs.starts:
        drawn = np.zeros(blocks.count, dtype=bool)
        for start, length in zip(starts, runs.lengths, strict=True):
            drawn[np.arange(start, start + length) % blocks.count] = True
        assert drawn.sum() == current
        assert (drawn & ~np.roll(drawn, 1)).sum() <= 2


def test_p_value_is_never_zero() -> None:
    """When no draw is as far, the least p-value is one among the draws and the data."""
    shift = one(np.zeros(150), np.ones(30), permutations=999)

    assert shift.p_value == 1 / 1000


def test_draws_suffice_for_many_columns() -> None:
    """One shifted column among 60 is still found: more columns bring more draws."""
    random = np.random.default_rng(0)
    before = {f"x{i}": random.standard_normal(300) for i in range(60)}
    now = {f"x{i}": random.standard_normal(100) for i in range(60)}
    now["x7"] = now["x7"] + 3

    found = shifts(before, now, dict.fromkeys(before, "number"), permutations=99)

    assert ["x7"] == [shift.column for shift in found if shift.alarm]


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


def test_mean_in_plain_words() -> None:
    """The sentence has the difference, its unit and both means, as precise as the difference."""
    noise = np.random.default_rng(0).permutation(np.linspace(-4, 4, 200))
    shift = shifts(
        {"temperature": 14.2 + noise},
        {"temperature": 18.3 + noise},
        {"temperature": "number"},
        units={"temperature": "°C"},
    )[0]

    expected = "Mean temperature is 4.1 °C above the reference (18.3 against 14.2)."
    assert (True, expected) == (shift.alarm, shift.sentence)
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

    assert one(noise, noise + by, units={"x": unit}).sentence == expected


def test_no_change_in_plain_words() -> None:
    """Equal windows have no alarm, and the sentence says that chance explains them."""
    values = np.random.default_rng(0).standard_normal(200)
    shift = one(values, values[::2])

    assert "x: no change that chance would not explain." == shift.sentence
    assert not shift.alarm


def test_small_change_is_no_alarm() -> None:
    """A change that is certain and too small to matter is said to be so."""
    values = np.random.default_rng(0).permutation(np.linspace(0, 1, 40_000))
    shift = one(values[:30_000], values[30_000:] + 0.02)

    assert shift.adjusted_p_value <= 0.05
    assert "x: a change that chance would not explain, but too small to matter." == shift.sentence
    assert not shift.alarm


def test_changed_spread_is_an_alarm() -> None:
    """Twice the spread around the same mean is found by the distance."""
    values = np.random.default_rng(0).standard_normal(1200)
    values -= values.mean()
    shift = one(values[:800], 2 * (values[800:] - values[800:].mean() + values[:800].mean()))

    assert shift.alarm
    assert shift.sentence.startswith("x is spread differently: ")


def test_lost_values_are_an_alarm() -> None:
    """A sensor that stops is told by the share of its missing rows, whatever the mean."""
    values = np.random.default_rng(0).standard_normal(1000)
    now = values[800:].copy()
    now[::2] = np.nan
    shift = one(values[:800], now)

    assert shift.alarm
    assert (0.0, 0.5) == (shift.missing_reference, shift.missing_current)
    expected = "x is missing in 50.0 % of rows, against 0.0 % in the reference."
    assert shift.sentence.endswith(expected)


def test_infinity_counts_as_missing() -> None:
    """An infinite value does not spoil the mean of the others."""
    shift = one([1.0, np.inf, 3.0], [2.0, -np.inf, 2.0])

    assert (2.0, 2.0, 1 / 3) == (shift.reference_mean, shift.current_mean, shift.missing_current)


def test_new_category_is_named() -> None:
    """A category that the reference does not have is named, here with the largest change."""
    before = words(*["petrol", "diesel"] * 150)
    now = words(*["petrol", "diesel", "hydrogen"] * 40)
    shift = one(before, now, "category")

    assert shift.alarm
    assert ("hydrogen",) == shift.new_categories
    assert shift.sentence == (
        "x is 'hydrogen' in 33.3 % of rows, against 0.0 % in the reference. New: 'hydrogen'."
    )


def test_many_new_categories_are_counted() -> None:
    """The sentence names three of them and counts the others."""
    shift = one(words(*"a" * 20), words(*"abcdef"), "category")

    assert shift.sentence.endswith("New: 'b', 'c', 'd' and 2 more.")


def test_rare_categories_share_a_bin() -> None:
    """A column of all different texts has a distance, and no bin per row."""
    names = [f"name {i}" for i in range(1000)]
    shift = one(words(*names[:800]), words(*names[800:]), "category")

    assert 0 <= shift.distance < 1
    assert len(shift.new_categories) == 200


def test_booleans_are_told_by_their_share() -> None:
    """The mean of a boolean is the share of true, and so is its sentence."""
    before, now = np.arange(400) % 4 == 0, np.arange(200) % 2 == 0
    shift = one(before, now, "boolean")

    assert (0.25, 0.5, True) == (shift.reference_mean, shift.current_mean, shift.alarm)
    assert shift.effect == shift.distance == pytest.approx(0.25)
    assert shift.sentence == "x is true in 50.0 % of rows, against 25.0 % in the reference."


def test_booleans_may_be_missing() -> None:
    """None among booleans is a missing value."""
    before = np.array([True, False, None, True], dtype=object)

    assert one(before, before, "boolean").missing_reference == 0.25


EMPTY = np.full(60, np.nan)
SOME = np.arange(60.0)
CONSTANT = np.full(60, 5.0)


@pytest.mark.parametrize(
    ("before", "now", "kind", "distance"),
    [
        (CONSTANT, CONSTANT, "number", 0.0),
        (CONSTANT, CONSTANT + 2, "number", 1.0),
        (EMPTY, EMPTY, "number", 0.0),
        (EMPTY, SOME, "number", 1.0),
        (SOME, EMPTY, "number", 1.0),
        (words(*[None] * 60), words(*[None] * 60), "category", 0.0),
        (words(*[None] * 60), words(*"ab" * 30), "category", 1.0),
        (EMPTY, EMPTY, "boolean", 0.0),
        (CONSTANT == 5, CONSTANT != 5, "boolean", 1.0),
    ],
)
def test_degenerate_columns_have_figures(
    before: Column, now: Column, kind: str, distance: float
) -> None:
    """Constant and empty columns give no NaN, and an alarm exactly when they changed."""
    shift = one(before, now, kind)

    figures = [value for value in asdict(shift).values() if isinstance(value, float)]
    assert np.isfinite(figures).all()
    assert (distance, distance > 0) == (shift.distance, shift.alarm)
    assert "nan" not in shift.sentence


def test_too_few_blocks_are_told() -> None:
    """Where no change could have a small p-value, the sentence says so."""
    shift = one(np.zeros(30), np.ones(10), rows_in_block=10)

    assert "x: too few blocks of rows to tell a change from chance." == shift.sentence


def test_unequal_and_many_blocks_are_joined() -> None:
    """More blocks than are kept apart, of uneven size, give the same distance."""
    random = np.random.default_rng(0)
    values = random.integers(0, 9, 30_000)
    expected = one(values[:20_000], values[20_000:], rows_in_block=100).distance

    assert one(values[:20_000], values[20_000:]).distance == pytest.approx(expected, abs=1e-12)


def test_order_of_the_rows_does_not_matter() -> None:
    """Blocks are ordered by their number, not by where their rows stand."""
    random = np.random.default_rng(4)
    values, blocks = hourly(random, 60), np.arange(60 * 24) // 24
    order = random.permutation(40 * 24)

    first, second = (
        column_shifts(
            {"x": values[: 40 * 24][rows]},
            {"x": values[40 * 24 :]},
            kinds={"x": "number"},
            units={},
            reference_blocks=blocks[: 40 * 24][rows],
            current_blocks=blocks[40 * 24 :],
            alpha=0.05,
            random=np.random.default_rng(1),
        )[0]
        for rows in (np.arange(40 * 24), order)
    )

    assert (first.p_value, first.distance) == (second.p_value, second.distance)


def test_same_generator_gives_the_same_answer() -> None:
    """All chance comes from the generator that is given."""
    values = np.random.default_rng(0).standard_normal(300)

    assert one(values[:200], values[200:]) == one(values[:200], values[200:])


def test_shifts_come_in_the_order_of_the_kinds() -> None:
    """Columns without a kind are left out."""
    window = {"a": SOME, "b": SOME, "c": SOME}

    found = shifts(window, window, {"c": "number", "a": "integer"})

    assert [("c", "number"), ("a", "integer")] == [(s.column, s.kind) for s in found]


def test_no_columns_have_no_shifts() -> None:
    """Nothing to compare is nothing found."""
    assert shifts({"a": SOME}, {"a": SOME}, {}) == ()


def test_all_problems_of_the_windows_come_at_once() -> None:
    """Unknown kinds, absent columns, unequal lengths and a wrong alpha are one error."""
    with pytest.raises(StepError) as caught:
        shifts(
            {"a": SOME, "b": SOME[:5]},
            {"a": SOME},
            {"a": "time", "b": "number"},
            alpha=5,
        )

    message = str(caught.value)
    assert "'a' is of kind 'time'; leave it out, or give one of number" in message
    assert "the current window has no column 'b'" in message
    assert "the reference window has 5 values of 'b' and blocks of 60 rows" in message
    assert "alpha is 5" in message


def test_empty_window_is_refused() -> None:
    """A window without rows can't be compared."""
    with pytest.raises(StepError, match="the current window is empty"):
        one(SOME, SOME[:0])


def test_texts_in_a_column_of_numbers_are_refused() -> None:
    """A number column that holds words is an error, not a guess."""
    with pytest.raises(StepError, match="could not convert string to float: 'warm'"):
        one(words("1.0", "warm"), words("2.0"))
