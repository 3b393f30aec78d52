"""How long to wait before a publisher is asked again."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number of them, or a date (RFC 9110, 10.2.3).

    `None` where there is no header or it can't be understood; a date in the past is 0.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def growing(attempt: int, first: float, longest: float) -> float:
    """Seconds before attempt `attempt` + 1: the first pause, doubled each time, up to the longest.

    >>> [growing(attempt, 1.0, 5.0) for attempt in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5.0]
    """
    return float(min(longest, first * 2.0 ** (attempt - 1)))
