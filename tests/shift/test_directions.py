"""Columns that come round: known values, and figures that don't hang on where zero is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows import one, words

from pipeline.shift._directions import kuiper_distance, mean_direction, shortest_turn

ANGLES = st.lists(st.integers(0, 359), min_size=1, max_size=40)


def turns(degrees: list[int]) -> np.ndarray:
    return np.radians(np.array(degrees, dtype=np.float64))


def kuiper_by_hand(before: list[int], now: list[int]) -> float:
    """Both distribution functions at every degree, their largest excess either way."""
    apart = [
        sum(one <= degree for one in before) / len(before)
        - sum(one <= degree for one in now) / len(now)
        for degree in range(360)
    ]
    return max(0.0, *apart) + max(0.0, *(-gap for gap in apart))


def test_the_mean_of_350_10_and_30_degrees_is_10() -> None:
    """The mean of the numbers would be 130."""
    assert mean_direction(turns([350, 10, 30]), 360.0) == pytest.approx(10)
    assert mean_direction(turns([0, 90, 180, 270]), 360.0) is None


@pytest.mark.parametrize(
    ("before", "now", "expected"), [(350.0, 20.0, 30.0), (20.0, 350.0, -30.0), (23.0, 1.0, 2.0)]
)
def test_a_turn_goes_the_shorter_way(before: float, now: float, expected: float) -> None:
    """Across zero, in either sense, for degrees and for hours of the day."""
    period = 24.0 if before == 23.0 else 360.0

    assert expected == shortest_turn(before, now, period)


@given(ANGLES, ANGLES)
def test_the_distance_equals_a_loop(before: list[int], now: list[int]) -> None:
    assert kuiper_distance(turns(before), turns(now)) == pytest.approx(kuiper_by_hand(before, now))


@given(ANGLES, ANGLES, st.integers(0, 359))
def test_the_distance_is_the_same_wherever_zero_is(
    before: list[int], now: list[int], by: int
) -> None:
    """All directions turned alike: neither distance nor the turn between the means changes."""
    other = [[(degree + by) % 360 for degree in part] for part in (before, now)]

    assert kuiper_distance(turns(before), turns(now)) == pytest.approx(
        kuiper_distance(turns(other[0]), turns(other[1]))
    )


def test_false_alarms_of_directions_are_as_many_as_the_level_says() -> None:
    """300 windows of 40 days after 200, at 5 %: three standard deviations of the binomial, and
    two points for the Cauchy combination of four dependent tests.
    """
    random = np.random.default_rng(4)
    degrees = random.vonmises(math.pi, 1.0, (300, 240)) * 180 / math.pi % 360
    alarms = [one(row[:200], row[200:], period=360.0).tests["direction"] <= 0.05 for row in degrees]

    assert abs(np.mean(alarms) - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 300) + 0.02


def test_an_hour_of_the_day_that_spreads_is_found() -> None:
    """From a peak at midnight to all round the clock: no mean is left to be told."""
    random = np.random.default_rng(6)
    before, now = random.normal(0, 2, 900) % 24, random.uniform(0, 24, 400)
    shift = one(before, now, period=24.0, unit="h")

    assert (True, None) == (shift.alarm, shift.current_mean)
    assert shift.sentence == "x is spread otherwise round the circle than in the reference."
    assert 0.2 < shift.distance < 1


def test_directions_may_be_missing() -> None:
    """Rows without a direction count as missing, and in no mean."""
    shift = one([10.0, np.nan, 30.0, 20.0], [np.nan] * 4, period=360.0)

    assert (0.25, 1.0) == (shift.missing_reference, shift.missing_current)
    assert (20.0, None) == (round(shift.reference_mean, 6), shift.current_mean)


def test_words_are_no_directions() -> None:
    """A column of numbers that holds words is an error, cyclic or not."""
    with pytest.raises(Exception, match="holds something else"):
        one(words("north"), words("south"), period=360.0)
