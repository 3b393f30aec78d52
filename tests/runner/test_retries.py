"""Only what may go well a little later is tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.errors import SourceError, SourceUnavailableError, StepError
from pipeline.runner.retries import ATTEMPTS, retrying


@pytest.fixture
def pauses() -> list[float]:
    return []


def failing(times: int, error: Exception) -> Callable[[], int]:
    """Raises `error` so many times, then counts the calls."""
    calls = []

    def attempt() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return attempt


def test_a_publisher_that_answers_later_is_waited_for(pauses: list[float]) -> None:
    """Every pause is longer, and told before it."""
    told: list[float] = []
    done = retrying(
        failing(3, SourceUnavailableError("503")),
        lambda error, seconds: told.append(seconds),
        sleep=pauses.append,
    )

    assert done == 4
    assert pauses == told
    assert 2 <= pauses[0] <= 3
    assert 4 <= pauses[1] <= 5
    assert 8 <= pauses[2] <= 9


def test_a_publisher_that_stays_away_is_given_up(pauses: list[float]) -> None:
    """With its own error."""
    with pytest.raises(SourceUnavailableError, match="503"):
        retrying(failing(9, SourceUnavailableError("503")), lambda *told: None, sleep=pauses.append)

    assert len(pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("error", [SourceError("no such column"), StepError("broke")])
def test_what_would_fail_again_is_not_tried_again(error: Exception, pauses: list[float]) -> None:
    """A wrong file, or a step."""
    with pytest.raises(type(error)):
        retrying(failing(1, error), lambda *told: None, sleep=pauses.append)

    assert pauses == []
