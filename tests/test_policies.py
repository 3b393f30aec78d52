"""Policies replayed over a table of models and stretches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.errors import StepError
from pipeline.policies import (
    POLICIES,
    History,
    always,
    by_drift,
    by_performance,
    never,
    serving,
)

WEEKS = 20
BREAK = 12


def history(*, broken: float = 1.0, drifts: bool = False, late: int = 0) -> History:
    """Losses near 1; models learned before the break do `broken` times as badly after it."""
    noise = np.random.default_rng(1).uniform(0.95, 1.05, (WEEKS, WEEKS))
    models, weeks = np.mgrid[:WEEKS, :WEEKS]
    stale = (models < BREAK + 1) & (weeks >= BREAK)
    return History(
        errors=noise * np.where(stale, broken, 1.0),
        window=2,
        alpha=0.05,
        drifted=lambda model, _, now: drifts and model <= BREAK < now,
        late=late,
    )


@pytest.mark.parametrize(("name", "retrainings"), [("never", 0), ("always", 15), ("monthly", 7)])
def test_policies_by_the_calendar(name: str, retrainings: int) -> None:
    """Sixteen weeks from the fifth on: none, one a week, one a window of two weeks."""
    found = serving(POLICIES[name], history(), first=4)

    assert WEEKS - 4 == len(found)
    assert retrainings == len(set(found.tolist())) - 1


def test_performance_trains_at_the_end_of_the_first_bad_week() -> None:
    """Week 12 is twice as bad: at the start of week 13 the model is learned anew, and only then."""
    found = serving(by_performance, history(broken=2.0), first=4)

    assert {4, BREAK + 1} == set(found.tolist())
    assert found.tolist().index(BREAK + 1) == BREAK + 1 - 4


def test_performance_leaves_a_steady_model_alone() -> None:
    """Noise within what its past allows is no reason."""
    assert {4} == set(serving(by_performance, history(), first=4).tolist())


def test_drift_trains_when_it_is_told() -> None:
    """The first moment after the change, and not again with the new model."""
    assert {4, BREAK + 1} == set(serving(by_drift, history(drifts=True), first=4).tolist())
    assert {4} == set(serving(by_drift, history(), first=4).tolist())


def test_no_policy_sees_a_week_before_its_end() -> None:
    """Another outcome of the newest week changes no choice."""
    known, other = history(broken=2.0), history(broken=2.0)
    other.errors[:, -1] *= 100

    for policy in POLICIES.values():
        assert serving(policy, known).tolist() == serving(policy, other).tolist()


def test_a_week_that_is_known_late_is_seen_late() -> None:
    """Two weeks after its end: week 12 trains at the start of week 15, and the newest three weeks
    change no choice.
    """
    known, other = (history(broken=2.0, late=2) for _ in range(2))
    other.errors[:, -3:] *= 100

    assert {6, BREAK + 3} == set(serving(by_performance, known, first=6).tolist())
    for policy in POLICIES.values():
        served = [serving(policy, each, first=6).tolist() for each in (known, other)]
        assert served[0] == served[1]


def test_a_short_past_expects_anything() -> None:
    """Without two windows there is no limit to be above."""
    assert math.inf == history().at(3, 4).limit
    assert 1.0 < history().at(12, 13).limit < 1.2


def test_always_has_the_freshest_model_and_never_the_oldest() -> None:
    """The two ends of the chart."""
    assert list(range(4, WEEKS)) == serving(always, history(), first=4).tolist()
    assert {4} == set(serving(never, history(), first=4).tolist())


def test_a_table_that_is_not_square_is_refused() -> None:
    """Each stretch begins with a model of its own."""
    with pytest.raises(StepError, match="can't be replayed"):
        History(errors=np.ones((3, 2)), window=1, alpha=0.05, drifted=lambda *_: False)
