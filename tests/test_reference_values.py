"""Formulas beside what scipy and scikit-learn say of the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as theirs

from pipeline.class_metrics import LEVEL, classification_metrics, log_losses, wilson_interval
from pipeline.comparison import tolerance_limit
from pipeline.metrics import regression_metrics
from pipeline.policies import limit_of
from pipeline.shift._directions import mean_direction
from pipeline.shift._pooled import hotelling
from pipeline.shift._rates import benjamini_hochberg

seeds = st.integers(0, 10_000)
CLASSES = ("car", "tram", "walk")


@given(st.integers(0, 400), st.integers(1, 400))
def test_the_interval_of_a_share_is_scipys(hits: int, rows: int) -> None:
    hits = min(hits, rows)
    found = stats.binomtest(hits, rows).proportion_ci(LEVEL, method="wilson")

    assert wilson_interval(hits, rows) == pytest.approx((found.low, found.high), abs=1e-12)


@given(seeds, st.integers(2, 60))
def test_scores_of_numbers_are_scikit_learns(seed: int, rows: int) -> None:
    truth, predicted = np.random.default_rng(seed).normal(5, 3, (2, rows))

    found = regression_metrics(truth, predicted)

    assert found["rmse"] == pytest.approx(theirs.root_mean_squared_error(truth, predicted))
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(truth, predicted))
    assert found["r2"] == pytest.approx(theirs.r2_score(truth, predicted))


@given(seeds, st.integers(1, 50))
def test_scores_of_classes_are_scikit_learns(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([1.0, 2.0, 3.0], rows)
    truth = random.choice(CLASSES, rows)
    found = classification_metrics(truth, probabilities, CLASSES)
    certain = truth[:, None] == np.array(CLASSES)

    assert found["log_loss"] == pytest.approx(
        theirs.log_loss(truth, np.clip(probabilities, 1e-6, 1), labels=list(CLASSES)), rel=1e-4
    )
    assert found["log_loss"] == pytest.approx(log_losses(truth, probabilities, CLASSES).mean())
    assert found["brier"] == pytest.approx(((probabilities - certain) ** 2).sum(axis=1).mean())
    assert found["accuracy"] == pytest.approx(
        theirs.accuracy_score(truth, np.array(CLASSES)[probabilities.argmax(axis=1)])
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    found = benjamini_hochberg(np.array(p_values))

    np.testing.assert_allclose(found, stats.false_discovery_control(p_values), atol=1e-12)


@given(st.lists(st.floats(0, 359), min_size=1, max_size=20))
def test_the_mean_direction_is_scipys(degrees: list[float]) -> None:
    """Where there is one: not where directions lie all round."""
    found = mean_direction(np.radians(degrees), 360.0)

    if found is not None:
        expected = stats.circmean(degrees, high=360.0)
        assert (found - expected + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


@given(seeds, st.floats(-4, 4))
def test_hotelling_of_one_series_is_students_test(seed: int, z_score: float) -> None:
    """Two-sided, with one degree less than independent blocks."""
    residuals = np.random.default_rng(seed).standard_normal((40, 1))
    centred = residuals[:, 0] - residuals.mean()
    lagged = max(0.0, float(centred[1:] @ centred[:-1] / (centred @ centred)))
    effective = 40 * (1 - lagged**2) / (1 + lagged**2)

    found = hotelling(np.array([[z_score]]), residuals)

    assert found[0] == pytest.approx(2 * stats.t.sf(abs(z_score), effective - 1))


@given(seeds, st.sampled_from([0.05, 0.1, 0.2]))
def test_what_an_error_may_be_is_the_limit_of_overlapping_windows(seed: int, alpha: float) -> None:
    """Of twelve stretches in windows of four: three windows' worth."""
    past = np.random.default_rng(seed).gamma(4, 1, 12)
    windows = [past[start : start + 4].mean() for start in range(9)]

    assert limit_of(past, 4, alpha) == pytest.approx(
        tolerance_limit(windows, independent=3, share=1 - alpha)
    )
