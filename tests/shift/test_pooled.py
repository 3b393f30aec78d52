"""All series at once: as many false alarms as the level says, and what no single one shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shift._pooled import hotelling
from pipeline.shift._rates import benjamini_hochberg, simes


def test_level_of_hotelling_with_series_that_depend_on_one_another() -> None:
    """Ten series, each two correlated by 0.5, at 5 %: four standard deviations above at most, as
    many p-values between as below, nearly; shrinking makes it a little slow to alarm.
    """
    random = np.random.default_rng(1)
    root = np.linalg.cholesky(0.5 * np.eye(10) + 0.5)
    found = np.array(
        [
            hotelling(
                (root @ random.standard_normal(10))[None],
                random.standard_normal((300, 10)) @ root.T,
            )[0]
            for _ in range(600)
        ]
    )

    assert (found <= 0.05).mean() < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 600)
    assert 0.3 < (found <= 0.5).mean() < 0.6


def test_what_moves_a_little_everywhere_is_found_at_once() -> None:
    """Twelve series, two standard deviations each: none is sure alone, all together are."""
    residuals = np.random.default_rng(2).standard_normal((400, 12))

    assert hotelling(np.full((1, 12), 2.0), residuals)[0] < 1e-4
    assert hotelling(np.array([[2.0, *[0.0] * 11]]), residuals)[0] > 0.3


def test_too_few_blocks_tell_nothing() -> None:
    """Where blocks are hardly more than series, and where no series moves at all."""
    assert (
        hotelling(np.full((1, 12), 9.0), np.random.default_rng(3).standard_normal((20, 12)))[0] == 1
    )
    assert hotelling(np.full((1, 3), 9.0), np.zeros((50, 3)))[0] == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_simes_is_the_least_adjusted_p_value(p_values: list[float]) -> None:
    ranked = sorted(p_values)
    expected = min(p * len(ranked) / rank for rank, p in enumerate(ranked, 1))

    assert simes(np.array(p_values)) == pytest.approx(min(1.0, expected))
    assert simes(np.array(p_values)) == benjamini_hochberg(np.array(p_values)).min()
