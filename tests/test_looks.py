"""Levels of repeated looks at one question."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.errors import StepError
from pipeline.looks import Looks, look, nominal_levels


def obrien_fleming(alpha: float, fraction: float) -> float:
    """Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials"."""
    return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / math.sqrt(fraction)))


def test_known_boundaries() -> None:
    """Five equal looks, O'Brien-Fleming spending of 2.5 %: the published boundaries.

    Jennison & Turnbull 2000, table 7.1; the same in SAS, R's ldbounds and gsDesign.
    """
    spent = [obrien_fleming(0.025, look / 5) for look in range(1, 6)]

    levels = nominal_levels([1, 2, 3, 4, 5], spent)

    expected = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    np.testing.assert_allclose(stats.norm.isf(levels), expected, atol=3e-4)


def test_second_level_from_the_bivariate_normal() -> None:
    """The chance of a yes at the second look only is what may be spent there."""
    levels = nominal_levels([1.0, 2.0], [0.03, 0.05])

    first, second = stats.norm.isf(levels)
    both_below = stats.multivariate_normal(cov=[[1, 0.5**0.5], [0.5**0.5, 1]]).cdf([first, second])
    assert 1 - both_below == pytest.approx(0.05, abs=1e-7)


def test_one_look_has_the_whole_level() -> None:
    """Nothing to share."""
    assert (0.05,) == nominal_levels([1.0], [0.05])


def test_look_that_may_spend_nothing_answers_no() -> None:
    """Its level is zero, for all that p-values show."""
    assert nominal_levels([1.0, 2.0], [0.05, 0.05])[1] < 1e-8


def test_all_looks_together_keep_the_level() -> None:
    """Nine weekly looks at the newest 168 of ever more days of equal models: 5 % of 20,000 say
    yes, within four standard deviations (0.6 points); each look at 5 % would make it 11 %.
    """
    random = np.random.default_rng(3)
    sums = np.cumsum(random.standard_normal((20_000, 168 + 56)), axis=1)
    sums = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
    looks: Looks | None = None
    yes, naive = np.zeros(len(sums), dtype=bool), np.zeros(len(sums), dtype=bool)
    for new in range(0, 57, 7):
        looks = look(looks, rows=168, kept=168 - new, planned=56, alpha=0.05)
        p_values = stats.norm.sf((sums[:, 168 + new] - sums[:, new]) / math.sqrt(168))
        yes |= p_values <= looks.level
        naive |= p_values <= 0.05

    assert looks is not None
    assert looks.spent[-1] == pytest.approx(0.05)
    assert abs(yes.mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / len(yes))
    assert naive.mean() > 0.1


def test_first_look_spends_most() -> None:
    """100 rows of 100 + 155 planned: 255 / 100 to the power of 1 / 8 less than all."""
    found = look(None, rows=100, kept=0, planned=155, alpha=0.04)

    assert pytest.approx((0.04 * (100 / 255) ** 0.125,)) == found.levels


def test_look_at_nothing_new_is_the_same_look() -> None:
    """A run that is repeated spends nothing."""
    first = look(None, rows=100, kept=0, planned=50, alpha=0.05)
    second = look(first, rows=100, kept=93, planned=50, alpha=0.05)

    assert first == look(first, rows=100, kept=100, planned=50, alpha=0.05)
    assert second == look(second, rows=100, kept=93, planned=50, alpha=0.05)


@pytest.mark.parametrize("kept", [49, 0])
def test_sequence_starts_anew_when_the_rows_are_renewed(kept: int) -> None:
    """After the planned rows the question has a fresh allowance."""
    first = look(None, rows=100, kept=0, planned=50, alpha=0.05)

    assert first == look(first, rows=100, kept=kept, planned=50, alpha=0.05)


def test_growing_evidence_is_a_sequence_too() -> None:
    """All old rows and as many new ones double the information."""
    first = look(None, rows=20, kept=0, planned=80, alpha=0.05)

    found = look(first, rows=40, kept=20, planned=80, alpha=0.05)

    assert (1.0, 2.0) == found.information
    assert pytest.approx((0.05 * 0.2**0.125, 0.05 * 0.4**0.125)) == found.spent
    assert 0 < found.level < found.levels[0]


@pytest.mark.parametrize(
    "changes",
    [{"rows": 0}, {"kept": 11}, {"planned": 0}, {"alpha": 1.0}, {"kept": -1}],
)
def test_impossible_looks_are_refused(changes: dict[str, Any]) -> None:
    """The error repeats the numbers."""
    with pytest.raises(StepError, match="A look at"):
        look(None, **({"rows": 10, "kept": 5, "planned": 5, "alpha": 0.05} | changes))


@pytest.mark.parametrize(
    ("information", "spent"),
    [
        ([], []),
        ([1.0], [0.1, 0.2]),
        ([2.0, 1.0], [0.1, 0.2]),
        ([1.0, 2.0], [0.2, 0.1]),
        ([0.0], [0.1]),
    ],
)
def test_numbers_that_fall_are_refused(information: list[float], spent: list[float]) -> None:
    """Neither evidence nor what was spent can become less."""
    with pytest.raises(StepError, match="make no looks"):
        nominal_levels(information, spent)
