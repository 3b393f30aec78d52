"""Names and times in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

YEAR, LONG = 365.25, 700
"""Days."""
MOST_NAMED = 4
"""Names in a sentence; of more, only the first are told."""


def listed(names: Sequence[str]) -> str:
    """Several names as a reader would list them; empty for none.

    >>> listed(["rain"]), listed(["rain", "wind", "count"])
    ('rain', 'rain, wind and count')
    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    if len(names) <= 1:
        return "".join(names)
    if len(names) > MOST_NAMED:
        shown = names[: MOST_NAMED - 1]
        return f"{', '.join(shown)} and {len(names) - len(shown)} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def day_text(value: datetime) -> str:
    """The day as it is spoken.

    >>> day_text(datetime(2021, 9, 9))
    '9 September 2021'
    """
    return f"{value.day} {value:%B %Y}"


def moment_text(value: datetime) -> str:
    """Day and minute of a time in UTC; the day alone for midnight, when it begins.

    >>> moment_text(datetime(2021, 9, 9, 22)), moment_text(datetime(2021, 9, 9))
    ('9 September 2021, 22:00 UTC', '9 September 2021')
    """
    at = "" if (value.hour, value.minute) == (0, 0) else f", {value:%H:%M} UTC"
    return day_text(value) + at


def span_text(length: timedelta) -> str:
    """A length of time in days, or in years from two on.

    >>> span_text(timedelta(days=28)), span_text(timedelta(days=1461)), span_text(timedelta(days=1))
    ('28 days', '4 years', '1 day')
    """
    days = length / timedelta(days=1)
    if days >= LONG:
        return f"{days / YEAR:.0f} years"
    return f"{days:.0f} day{'' if round(days) == 1 else 's'}"
