"""Another try, after a growing pause, for what a publisher may answer a little later.

Only a source is tried again: what fails in a step fails again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import SourceError

if TYPE_CHECKING:
    from tenacity import RetryCallState

ATTEMPTS = 4
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
Result = TypeVar("Result")


def retrying(
    attempt: Callable[[], Result],
    told: Callable[[SourceError, float], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """What `attempt` gives, at the latest the fourth time; else its last error.

    Before each pause (about 2, 4 and 8 s) `told` gets the error and the pause in seconds.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, SourceError) and state.next_action is not None:
            told(error, state.next_action.sleep)

    tries = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        retry=retry_if_exception(_is_transient),
        before_sleep=before_sleep,
        sleep=sleep,
        reraise=True,
    )
    return tries(attempt)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, SourceError) and error.transient
