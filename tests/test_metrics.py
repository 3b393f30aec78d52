"""Scores of predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metrics
from pipeline.errors import StepError

TRUTH = [1.0, 2.0, 3.0, 6.0]
PREDICTED = [2.0, 2.0, 1.0, 7.0]

Pairs = list[tuple[str, float, float]]
value = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
pairs = st.lists(st.tuples(st.sampled_from("abc"), value, value), min_size=1, max_size=40)


def test_known_values() -> None:
    """Errors of 1, 0, -2 and 1 around a mean truth of 3, worked out by hand."""
    expected = {"n": 4, "rmse": 1.5**0.5, "mae": 1, "wape": 4 / 12, "r2": 1 - 6 / 14, "bias": 0}

    assert expected == pytest.approx(metrics.regression_metrics(TRUTH, PREDICTED), rel=1e-14)


def test_bias_is_above_zero_for_high_predictions() -> None:
    """The sign of the bias is that of prediction minus truth."""
    assert metrics.regression_metrics([1.0, 1.0], [2.0, 4.0])["bias"] == 2.0


@pytest.mark.parametrize("constant", [0.1, 1e-300, 1e8 / 3])
def test_constant_truth_has_no_r2(constant: float) -> None:
    """Rounding of a mean does not make a variance out of equal values."""
    assert "r2" not in metrics.regression_metrics([constant] * 7, [1.0] * 7)


def test_zero_truth_has_no_wape() -> None:
    """A share of nothing is left out."""
    assert "wape" not in metrics.regression_metrics([0.0, 0.0], [1.0, 2.0])


@given(pairs)
def test_segments_equal_a_loop(rows: Pairs) -> None:
    """Scores by segment are the scores of each segment's rows alone."""
    labels, truth, predicted = (list(column) for column in zip(*rows, strict=True))
    scores = metrics.by_segment(np.array(labels), truth, predicted)

    assert sorted(set(labels)) == list(scores)
    for label, found in scores.items():
        alone = [(t, p) for name, t, p in rows if name == label]
        expected = metrics.regression_metrics(*zip(*alone, strict=True))
        assert expected == pytest.approx(found, rel=1e-9, abs=1e-9)


def test_segments_keep_their_own_type() -> None:
    """Numbers stay numbers as labels, sorted as numbers."""
    assert [2, 10] == list(metrics.by_segment(np.array([10, 2, 10]), [1, 2, 3], [1, 2, 3]))


def test_segments_of_another_length_are_refused() -> None:
    """Labels must be one per row."""
    with pytest.raises(StepError, match="segments has 1 values and truth 2"):
        metrics.by_segment(["a"], [1.0, 2.0], [1.0, 2.0])


def test_skill() -> None:
    """A quarter of the baseline's error is a skill of three quarters."""
    assert metrics.skill(1.0, 4.0) == 0.75


def test_perfect_baseline_has_no_skill_against_it() -> None:
    """A baseline without error is an error, not infinity."""
    with pytest.raises(StepError, match="baseline_error is 0"):
        metrics.skill(1.0, 0.0)


def test_all_spoiled_values_are_named() -> None:
    """Values that are not finite and lengths that differ come in one error."""
    with pytest.raises(StepError) as caught:
        metrics.regression_metrics([1.0, float("nan")], [float("inf")])

    message = str(caught.value)
    assert "truth has 1 of 2 values that are not finite" in message
    assert "predicted has 1 of 1 values that are not finite" in message
    assert "truth 2, predicted 1" in message


@pytest.mark.parametrize("truth", [[], [[1.0]], 1.0])
def test_other_shapes_are_refused(truth: object) -> None:
    """Nothing to score is an error, as is a table or a bare number."""
    with pytest.raises(StepError, match="truth has shape"):
        metrics.regression_metrics(truth, [1.0])  # type: ignore[arg-type]


def test_overflow_is_an_error() -> None:
    """Values too large to be squared or summed are told, not turned into infinity."""
    with pytest.raises(StepError, match="too large"):
        metrics.regression_metrics([1e308, -1e308], [-1e308, -1e308])
