"""Prediction intervals by level of the prediction."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.intervals import LevelConformal

finite = st.floats(-1e9, 1e9)


@st.composite
def fitted(draw: st.DrawFn) -> LevelConformal:
    """Any intervals that can be built."""
    edges = sorted(draw(st.sets(finite, max_size=6)))
    ends = [sorted(draw(st.tuples(finite, finite))) for _ in range(len(edges) + 1)]
    return LevelConformal(
        level=draw(st.floats(0.01, 0.99)),
        edges=tuple(edges),
        low=tuple(low for low, _ in ends),
        high=tuple(high for _, high in ends),
    )


def heteroscedastic(
    rows: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions from 1 to 100 and truth with a noise as large as a tenth of them, skewed."""
    predicted = random.uniform(1, 100, rows)
    return predicted, predicted + 0.1 * predicted * (random.exponential(size=rows) - 1)


@given(fitted())
def test_round_trip_through_json(intervals: LevelConformal) -> None:
    """What is stored as JSON comes back equal."""
    assert intervals == LevelConformal.from_dict(json.loads(json.dumps(intervals.to_dict())))


@given(fitted(), st.lists(finite, min_size=1))
def test_prediction_lies_within(intervals: LevelConformal, predicted: list[float]) -> None:
    """Even where all residuals of a bin have one sign."""
    low, high = intervals.interval(predicted)

    assert (low <= predicted).all()
    assert (predicted <= high).all()


@given(fitted(), st.lists(st.floats(0, 1e9), min_size=1))
def test_floor_clips_both_ends(intervals: LevelConformal, predicted: list[float]) -> None:
    """Neither end is below the floor, and a prediction above it lies within."""
    low, high = intervals.interval(predicted, floor=0.0)

    assert ((low >= 0) & (low <= predicted) & (predicted <= high)).all()


def test_prediction_below_the_floor_has_no_width_below_it() -> None:
    """Both ends are at the floor when all of the interval would be below it."""
    intervals = LevelConformal(level=0.8, edges=(), low=(-1.0,), high=(1.0,))

    low, high = intervals.interval([-5.0], floor=0.0)

    assert ([0.0], [0.0]) == (low.tolist(), high.tolist())


def test_finite_sample_ranks() -> None:
    """With 19 residuals at 90 %, ceil(20 * 0.95) = 19: the least and the greatest are the ends."""
    residuals = np.arange(-9.0, 10.0)

    intervals = LevelConformal.fit(np.zeros(19), residuals, level=0.9, bins=1)

    assert ((-9.0,), (9.0,)) == (intervals.low, intervals.high)


def test_ranks_within_larger_samples() -> None:
    """With 99 residuals at 80 %, ceil(100 * 0.9) = 90: the 10th and the 90th are the ends."""
    intervals = LevelConformal.fit(np.zeros(99), np.arange(1.0, 100.0), level=0.8, bins=1)

    assert ((10.0,), (90.0,)) == (intervals.low, intervals.high)


def test_coverage_is_kept_at_all_levels_of_the_prediction() -> None:
    """On exchangeable rows whose noise grows, every tenth of them is covered as promised.

    The share covered varies with the calibration rows (a beta distribution, n = 4,000 per bin) and
    with the test rows (a binomial, n = 4,000 per bin): four standard deviations of the sum. The
    bias of the correction is below 2 / 4,000.
    """
    random = np.random.default_rng(7)
    rows, level = 4_000, 0.8
    intervals = LevelConformal.fit(*heteroscedastic(10 * rows, random), level=level, bins=10)
    predicted, truth = heteroscedastic(10 * rows, random)
    low, high = intervals.interval(predicted)
    tenth = np.clip(((predicted - 1) / 9.9).astype(int), 0, 9)
    covered = np.bincount(tenth, weights=(low <= truth) & (truth <= high)) / np.bincount(tenth)

    tolerance = 4 * math.sqrt(2 * level * (1 - level) / rows) + 2 / rows
    assert np.abs(covered - level).max() < tolerance


def test_coverage_of_small_calibration_sets_is_exact_on_average() -> None:
    """With 39 calibration rows at 80 %, 1 - 2 * 4 / 40 of the next rows are covered, on average.

    2,000 sets with one next row each: four standard deviations of the binomial.
    """
    random = np.random.default_rng(3)
    sets = 2_000
    hits = 0
    for _ in range(sets):
        truth = random.standard_normal(40)
        one = LevelConformal.fit(np.zeros(39), truth[:39], level=0.8)
        (low,), (high,) = one.interval([0.0])
        hits += low <= truth[39] <= high

    assert abs(hits / sets - 0.8) < 4 * math.sqrt(0.8 * 0.2 / sets)


def test_intervals_widen_with_the_level() -> None:
    """Larger predictions with larger noise get wider intervals."""
    predicted, truth = heteroscedastic(5_000, np.random.default_rng(1))
    intervals = LevelConformal.fit(predicted, truth, level=0.9)

    low, high = intervals.interval([5.0, 95.0])

    assert (high - low)[1] > 5 * (high - low)[0]


@given(st.lists(st.integers(0, 5), min_size=60, max_size=300), st.integers(1, 60))
def test_tied_predictions_make_no_small_bin(levels: list[int], smallest: int) -> None:
    """Whatever the ties, each bin holds as many rows as asked for and as the level needs."""
    predicted = np.array(levels, dtype=float)
    intervals = LevelConformal.fit(predicted, predicted, level=0.8, bins=10, smallest_bin=smallest)

    bins = np.searchsorted(intervals.edges, predicted, side="right")
    rows = np.bincount(bins, minlength=len(intervals.edges) + 1)
    assert rows.min() >= max(smallest, 9)


def test_bins_are_made_where_ties_allow() -> None:
    """Half zeros and half spread predictions give more than one bin."""
    predicted = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])

    intervals = LevelConformal.fit(predicted, predicted, level=0.9)

    assert len(intervals.edges) == 5


def test_one_row_has_the_shape_of_its_prediction() -> None:
    """A bare number gives bare ends."""
    low, high = LevelConformal(level=0.8, edges=(), low=(-1.0,), high=(2.0,)).interval(3.0)

    assert ((), 2.0, 5.0) == (low.shape, float(low), float(high))


def test_too_few_rows_for_the_level() -> None:
    """18 residuals have no 95 % quantile, and the error says how many have."""
    with pytest.raises(StepError, match=r"18 calibration rows .* level 0.9: 19 are needed"):
        LevelConformal.fit(np.zeros(18), np.zeros(18), level=0.9)


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_level_is_a_share(level: float) -> None:
    """A level in percent is refused."""
    with pytest.raises(StepError, match="level is"):
        LevelConformal.fit(np.zeros(100), np.zeros(100), level=level)


def test_no_bins_are_refused() -> None:
    """There is at least one bin."""
    with pytest.raises(StepError, match="bins is 0"):
        LevelConformal.fit(np.zeros(100), np.zeros(100), level=0.8, bins=0)


def test_spoiled_calibration_rows_are_named() -> None:
    """Values that are not finite and shapes that differ come in one error."""
    with pytest.raises(StepError, match=r"(?s)shapes differ.*truth holds 1 of 2 values not finite"):
        LevelConformal.fit([1.0, 2.0, 3.0], [float("nan"), 1.0], level=0.5)


def test_prediction_that_is_no_number_is_refused() -> None:
    """A prediction of NaN has no interval."""
    with pytest.raises(StepError, match="predicted holds 1 of 1 values not finite"):
        LevelConformal(level=0.8, edges=(), low=(0.0,), high=(0.0,)).interval([float("nan")])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"level": 1.5}, "level is 1.5"),
        ({"edges": [2.0, 1.0]}, "edges do not rise"),
        ({"low": [0.0]}, "2 edges, 1 low, 3 high"),
        ({"high": [-1.0, 0.0, 0.0]}, "a low residual is above the high one"),
        ({"low": [float("nan"), 0.0, 0.0]}, "not finite"),
        ({"width": 1.0}, "have the keys"),
    ],
)
def test_stored_intervals_that_clash_are_refused(change: dict[str, Any], found: str) -> None:
    """Intervals that were changed by hand can't be built."""
    stored = {"level": 0.8, "edges": [1.0, 2.0], "low": [0.0] * 3, "high": [1.0] * 3}

    with pytest.raises(StepError, match=found):
        LevelConformal.from_dict(stored | change)
