"""Scores of class probabilities, against loops and known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.class_metrics import classification_metrics, wilson_interval
from pipeline.errors import StepError

CLASSES = ("a", "b", "c")
TRUTH = np.array(["a", "b", "b", "a"], dtype=object)
GIVEN = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.6, 0.4, 0.0]])


def test_scores_are_those_of_a_loop() -> None:
    """Log loss, Brier score of all classes, shares of right answers; no recall for an empty
    class.
    """
    found = classification_metrics(TRUTH, GIVEN, CLASSES)
    own = [GIVEN[row, CLASSES.index(TRUTH[row])] for row in range(4)]
    brier = [
        sum((GIVEN[row, k] - (CLASSES[k] == TRUTH[row])) ** 2 for k in range(3)) for row in range(4)
    ]

    assert pytest.approx(-sum(map(math.log, own)) / 4) == found["log_loss"]
    assert pytest.approx(sum(brier) / 4) == found["brier"]
    assert (0.75, 0.25) == (found["accuracy"], found["error_rate"])
    assert (1.0, 0.5) == (found["recall of a"], found["recall of b"])
    assert "recall of c" not in found


def test_one_impossible_truth_does_not_make_the_score_infinite() -> None:
    """It costs what a probability of a millionth costs."""
    found = classification_metrics(np.array(["c"], dtype=object), GIVEN[3:], CLASSES)

    assert pytest.approx(-math.log(1e-6)) == found["log_loss"]


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.2775), (10, 0.7225, 1.0)])
def test_the_interval_of_a_share_stays_within_0_and_1(hits: int, low: float, high: float) -> None:
    """Wilson's interval of 0 and of 10 in 10, as tabulated."""
    assert pytest.approx((low, high), abs=1e-4) == wilson_interval(hits, 10)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (GIVEN[:3], r"shape \(3, 3\) where 4 rows of 3 classes"),
        (GIVEN * 2, "of 4 of 4 rows are below 0, not finite, or do not add up"),
        (np.where(GIVEN == 0.0, np.nan, GIVEN), "of 1 of 4 rows"),
    ],
)
def test_what_is_no_probability_is_refused(given: np.ndarray, told: str) -> None:
    """The error says how many rows are wrong."""
    with pytest.raises(StepError, match=told):
        classification_metrics(TRUTH, given, CLASSES)
