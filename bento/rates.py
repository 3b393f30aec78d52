"""How many calls one key or one address may make; counted in each worker's memory."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItem
from limits import parse as parse_rate
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from bento.problems import RequestError
from pipeline.packaging.settings import Settings


class Rates:
    """The limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._per_key = _rate(settings.rate_per_key)
        self._per_address = _rate(settings.rate_per_address)
        self._failures = _rate(settings.rate_of_failures)

    def count(self, key: str, address: str) -> None:
        """Counts a call; raises `RequestError` (429, with Retry-After) when it is one too many."""
        if key:
            self._hit(self._per_key, "key", key)
        self._hit(self._per_address, "address", address)

    def count_failure(self, address: str) -> None:
        """Counts a refused key or token."""
        self._hit(self._failures, "failures", address)

    def _hit(self, rate: RateLimitItem | None, kind: str, who: str) -> None:
        if rate is None or self._limiter.hit(rate, kind, who):
            return
        until = self._limiter.get_window_stats(rate, kind, who).reset_time
        wait = max(1, math.ceil(until - time.time()))
        raise RequestError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-calls",
            f"More than {rate} for this {'address' if kind == 'failures' else kind}. "
            f"Call again in {wait} s.",
            headers={"retry-after": str(wait)},
        )


def _rate(text: str) -> RateLimitItem | None:
    return None if text == "0" else parse_rate(text)
