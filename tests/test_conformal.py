"""Intervals on normalised residuals, by group and by age."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pipeline.conformal import GroupedConformal
from pipeline.errors import StepError
from pipeline.residuals import Residuals, Tails

Values = NDArray[np.float64]
ROWS = 6_000
SPREAD = {"quiet": 0.5, "middle": 1.0, "wild": 3.0}


def counters(random: np.random.Generator, rows: int = ROWS) -> tuple[Values, Values, NDArray[Any]]:
    """Predictions from 0 to 100; residuals that grow with their root, times the counter's own."""
    names = random.choice(list(SPREAD), size=rows)
    predicted = random.uniform(0, 100, rows)
    own = np.array([SPREAD[name] for name in names])
    truth = predicted + random.standard_t(5, rows) * np.sqrt(1 + predicted) * own
    return predicted, truth, names


def calibrated(predicted: Values, truth: Values, *, level: float, **told: Any) -> GroupedConformal:
    return GroupedConformal.of(Residuals.of(predicted, truth, **told), level)


def fit(predicted: Values, truth: Values, names: NDArray[Any], **more: Any) -> GroupedConformal:
    told: dict[str, Any] = {"level": 0.9, "groups": {"counter": names}, "member": "counter"} | more
    return calibrated(predicted, truth, **told)


def share(found: tuple[Values, Values], truth: Values, rows: Any = slice(None)) -> float:
    low, high = found
    return float(np.mean(((low <= truth) & (truth <= high))[rows]))


def test_every_counter_and_every_level_is_covered() -> None:
    """Fresh rows of a level of 90 %: 88 to 92 % of 60,000, each counter, small and large ones.

    2,000 calibration rows a part: four standard deviations of the coverage, 2.7 points.
    """
    random = np.random.default_rng(1)
    intervals = fit(*counters(random))
    predicted, truth, names = counters(random, 60_000)

    found = intervals.interval(predicted, {"counter": names})

    assert abs(share(found, truth) - 0.9) < 4 * math.sqrt(0.09 / ROWS)
    for part in (*(names == name for name in SPREAD), predicted < 20, predicted > 80):
        assert abs(share(found, truth, part) - 0.9) < 4 * math.sqrt(0.09 / 2_000)


def test_spread_of_a_group_is_recovered() -> None:
    """The factors stand to one another as the true spreads do."""
    intervals = fit(*counters(np.random.default_rng(2)))

    factors = intervals.factors["counter"]

    assert factors["wild"] / factors["quiet"] == pytest.approx(6, rel=0.15)
    assert factors["middle"] / factors["quiet"] == pytest.approx(2, rel=0.1)


def test_without_groups_and_bins_it_is_split_conformal() -> None:
    """19 residuals at a level of 0.9: the smallest and the largest are the ends."""
    residuals = np.arange(1.0, 20.0) - 10
    intervals = calibrated(np.full(19, 50.0), 50 + residuals, level=0.9, groups={})

    low, high = intervals.interval([50.0], {})

    assert [41.0, 59.0] == pytest.approx([low[0], high[0]])


def slow_tails(scores: Values, weights: Values, level: float) -> tuple[float, float]:
    """Barber et al. 2023: the new row counts 1 and may lie beyond every score, on either side."""
    wanted = (weights.sum() + 1) * (1 + level) / 2
    high, low = max(scores), min(scores)
    for score in sorted(scores, reverse=True):
        if weights[scores <= score].sum() >= wanted - 1e-9:
            high = score
    for score in sorted(scores):
        if weights[scores >= score].sum() >= wanted - 1e-9:
            low = score
    return float(low), float(high)


@given(
    scores=st.lists(st.integers(-9, 9), min_size=1, max_size=40, unique=False),
    level=st.sampled_from([0.5, 0.8, 0.9]),
    old=st.integers(0, 40),
)
def test_weighted_quantiles_equal_a_loop(scores: list[int], level: float, old: int) -> None:
    """Both ends, whatever the weights and ties."""
    values = np.array(scores, dtype=np.float64)
    weights = np.where(np.arange(len(values)) < old, 0.25, 1.0)

    assert slow_tails(values, weights, level) == Tails.of(values, weights).ends(level)


def test_mirrored_truth_mirrors_the_interval() -> None:
    """Both tails are treated alike."""
    random = np.random.default_rng(3)
    predicted, truth, names = counters(random, 1_000)
    low, high = fit(predicted, truth, names).interval(predicted, {"counter": names})

    mirrored = fit(predicted, 2 * predicted - truth, names)
    other_low, other_high = mirrored.interval(predicted, {"counter": names})

    np.testing.assert_allclose(predicted - low, other_high - predicted, rtol=1e-9)
    np.testing.assert_allclose(high - predicted, predicted - other_low, rtol=1e-9)


def test_scale_of_the_unit_does_not_matter() -> None:
    """Counts in thousands have the intervals of the counts, in thousands."""
    predicted, truth, names = counters(np.random.default_rng(4), 1_000)
    groups = {"counter": names}

    ours = np.array(fit(predicted, truth, names).interval(predicted, groups))
    theirs = fit(predicted / 1000, truth / 1000, names).interval(predicted / 1000, groups)

    np.testing.assert_allclose(ours / 1000, np.array(theirs), rtol=1e-6)


def test_newest_residuals_count_most() -> None:
    """Three half-lives after the errors tripled, coverage is back; without ages it is not."""
    random = np.random.default_rng(5)
    day = np.repeat(np.arange(200), 50)
    names = np.full(len(day), "one")
    predicted = np.full(len(day), 40.0)
    truth = predicted + random.normal(size=len(day)) * np.where(day < 158, 1, 3)
    fresh = 40 + 3 * random.normal(size=20_000)
    told = (np.full(20_000, 40.0), {"counter": np.full(20_000, "one")})

    weighted = fit(predicted, truth, names, age=199 - day, half_life=14)
    unweighted = fit(predicted, truth, names)

    assert share(weighted.interval(*told), fresh) > 0.87
    assert share(unweighted.interval(*told), fresh) < 0.75


def test_rows_of_a_group_count_as_few() -> None:
    """40 cars of 40 versions each, whose errors are nearly those of the car: the rows of a new car
    are covered as promised where cars are kept together, and less where every version counts.

    Means over 60 draws of 40 new cars each; a draw's coverage has a standard deviation of about
    0.06, so that a mean is within 0.03 of its own.
    """
    shares: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(60):
        random = np.random.default_rng(seed)
        car = np.repeat(np.arange(80), 40)
        errors = random.normal(size=80)[car] + 0.1 * random.normal(size=len(car))
        told, fresh = car < 40, car >= 40
        for kept in (True, False):
            fitted = calibrated(
                np.zeros(told.sum()),
                errors[told],
                level=0.9,
                groups={},
                together=car[told] if kept else None,
            )
            found = fitted.interval(np.zeros(fresh.sum()), {})
            shares[kept].append(share(found, errors[fresh]))

    assert np.mean(shares[True]) == pytest.approx(0.92, abs=0.03)
    assert np.mean(shares[False]) < 0.89
    assert np.mean(shares[True]) > np.mean(shares[False]) + 0.03


def test_groups_of_one_row_change_nothing() -> None:
    """Rows that stand for themselves are independent."""
    predicted, truth, names = counters(np.random.default_rng(12), 500)

    alone = fit(predicted, truth, names, together=np.arange(500))

    assert fit(predicted, truth, names) == alone


def test_coverage_comes_back_once_the_errors_of_a_change_are_known() -> None:
    """From day 100 on errors are three times as large, and a day's truth is known a week later. A
    calibration made every day from what was known then is back at 85 % or more within three
    half-lives and the week; one made once stays at 59 % or less.

    1,000 rows a day: four standard errors of a day's coverage are 0.04.
    """
    random = np.random.default_rng(13)
    day = np.repeat(np.arange(200), 1_000)
    names = np.full(len(day), "one")
    predicted = np.full(len(day), 40.0)
    truth = predicted + random.normal(size=len(day)) * np.where(day < 100, 1, 3)

    def covered(today: int, known_until: int) -> float:
        known, new = day < known_until, day == today
        fitted = fit(
            predicted[known],
            truth[known],
            names[known],
            age=(known_until - 1 - day)[known],
            half_life=7,
        )
        return share(fitted.interval(predicted[new], {"counter": names[new]}), truth[new])

    before = [covered(today, today - 7) for today in (80, 90, 99)]
    after = [covered(today, today - 7) for today in (135, 150, 199)]
    late = [covered(today, today - 7) for today in (100, 103, 106)]
    once = [covered(today, 93) for today in (135, 150, 199)]

    assert min(before) > 0.86
    assert max(late) < 0.5
    assert min(after) > 0.85
    assert max(once) < 0.5


def test_member_with_few_rows_leans_on_everybody() -> None:
    """Five rows of a new counter don't make its interval: it is near everybody's."""
    random = np.random.default_rng(6)
    predicted, truth, names = counters(random, 3_000)
    names = np.where(names == "wild", "middle", names).astype(object)
    names[:5] = "new"
    truth[:5] = predicted[:5]

    intervals = fit(predicted, truth, names)

    assert 0.85 < intervals.factors["counter"]["new"] <= 1
    assert intervals.tails["new"] == pytest.approx(intervals.everybody, rel=0.05)


def test_member_never_seen_gets_the_widest_interval() -> None:
    """What is known of a newcomer is the mean of all: its interval holds every other counter."""
    random = np.random.default_rng(7)
    level = {f"counter {number}": 10.0 * number for number in range(1, 11)}
    names = random.choice(list(level), size=5_000)
    truth = np.array([level[name] for name in names])
    predicted = truth + random.normal(size=5_000)

    low, high = fit(predicted, truth, names).interval([55.0], {"counter": ["of yesterday"]})

    assert low[0] < 12
    assert high[0] > 98


def test_label_never_seen_has_the_largest_spread_of_its_grouping() -> None:
    """A class that came after the calibration is as uncertain as the worst known one; a known
    counter keeps its own tails, and one of the others changes nothing.
    """
    random = np.random.default_rng(8)
    predicted, truth, names = counters(random)
    groups = {"counter": names, "class": random.choice(["small", "large"], size=len(names))}
    truth = np.where(groups["class"] == "large", predicted + 3 * (truth - predicted), truth)
    intervals = fit(predicted, truth, names, groups=groups)

    def width(counter: str, of_class: str) -> float:
        low, high = intervals.interval([50.0], {"counter": [counter], "class": [of_class]})
        return float(high[0] - low[0])

    assert width("middle", "large") == pytest.approx(width("middle", "of tomorrow"))
    assert width("middle", "large") > 2 * width("middle", "small")
    assert width("of tomorrow", "of tomorrow") < width("of tomorrow", "large")


def test_floor_cuts_both_ends() -> None:
    """A count is never below zero."""
    intervals = fit(*counters(np.random.default_rng(8)))

    low, high = intervals.interval([1.0, -5.0], {"counter": ["wild", "wild"]}, floor=0.0)

    assert [0.0, 0.0] == low.tolist()
    assert min(high) >= 0


def test_perfect_predictions_have_narrow_intervals() -> None:
    """No residual at all is no division by zero."""
    intervals = fit(np.arange(100.0), np.arange(100.0), np.full(100, "one"))

    low, high = intervals.interval([5.0], {"counter": ["one"]})

    assert (5.0, 5.0) == (low[0], high[0])


def test_stored_as_json_and_read_again() -> None:
    """A record gives back the same intervals, to the last bit."""
    intervals = fit(*counters(np.random.default_rng(9)))
    stored = json.loads(json.dumps(asdict(intervals)))

    assert intervals == TypeAdapter(GroupedConformal).validate_python(stored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": 1.0}, "level is 1.0"),
        ({"member": "street", "level": 0.5}, "choose among the groups"),
        ({"groups": {"counter": ["one"]}, "level": 0.5}, "give one a row"),
        ({"age": np.full(12, 100.0), "half_life": 1.0}, "worth 0.0 new ones"),
        ({"age": np.full(3, 100.0), "half_life": 1.0}, "3 ages for 12 rows"),
        ({}, "12 calibration rows"),
    ],
)
def test_what_can_not_be_calibrated_is_refused(changes: dict[str, Any], message: str) -> None:
    """The error names what was found and what to do."""
    names = np.full(12, "one")
    with pytest.raises(StepError, match=message):
        fit(np.arange(12.0), np.arange(12.0), names, **changes)


def test_values_that_are_not_finite_are_refused() -> None:
    """Neither in calibration nor in use; and every grouping is needed."""
    intervals = fit(*counters(np.random.default_rng(10)))
    with pytest.raises(StepError, match="1 of 1 values are not finite"):
        intervals.interval([np.nan], {"counter": ["wild"]})
    with pytest.raises(StepError, match="the groupings \\['counter'\\]"):
        intervals.interval([1.0], {})
    with pytest.raises(StepError, match="shapes"):
        fit(np.arange(3.0), np.arange(4.0), np.full(3, "one"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": 2.0}, "not between 0 and 1"),
        ({"edges": (2.0, 1.0)}, "edges do not rise"),
        ({"spreads": (1.0,)}, "one more"),
        ({"spreads": (-1.0,), "edges": ()}, "not above zero"),
        ({"everybody": (1.0, -1.0)}, "low end is above"),
        ({"member": "street"}, "no grouping 'street'"),
    ],
)
def test_numbers_that_clash_are_refused(changes: dict[str, Any], message: str) -> None:
    """A damaged record is no calibration."""
    intervals = fit(*counters(np.random.default_rng(11)))
    with pytest.raises(StepError, match=message):
        replace(intervals, **changes)
