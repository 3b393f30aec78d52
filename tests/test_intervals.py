"""Prediction intervals by level of the prediction, of older versions."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StepError
from pipeline.intervals import LevelConformal
from pipeline.regions import LADDER

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


@given(fitted())
def test_a_record_of_an_older_version_is_read(intervals: LevelConformal) -> None:
    """What is stored as JSON comes back equal, as one of the calibrations that a model has."""
    stored = json.loads(json.dumps([asdict(intervals)]))

    assert (intervals,) == LADDER.validate_python(stored)


def test_bins_go_by_the_prediction() -> None:
    """One on an edge is in the bin above it."""
    intervals = LevelConformal(
        level=0.8, edges=(10.0, 20.0), low=(-1.0, -2.0, -3.0), high=(1.0, 2.0, 3.0)
    )

    low, high = intervals.interval([5.0, 10.0, 25.0])

    assert ([4.0, 8.0, 22.0], [6.0, 12.0, 28.0]) == (low.tolist(), high.tolist())


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


def test_one_row_has_the_shape_of_its_prediction() -> None:
    """A bare number gives bare ends."""
    low, high = LevelConformal(level=0.8, edges=(), low=(-1.0,), high=(2.0,)).interval(3.0)

    assert ((), 2.0, 5.0) == (low.shape, float(low), float(high))


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
    ],
)
def test_stored_intervals_that_clash_are_refused(change: dict[str, Any], found: str) -> None:
    """Intervals that were changed by hand can't be built."""
    stored = {"level": 0.8, "edges": [1.0, 2.0], "low": [0.0] * 3, "high": [1.0] * 3}

    with pytest.raises(StepError, match=found):
        LevelConformal(**stored | change)
