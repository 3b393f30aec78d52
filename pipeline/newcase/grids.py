"""The step of times that all lie on one grid: of months, or of one length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import gcd

from pipeline.tasks import timesteps

FEWEST_DAYS = 27
"""Between times that are months apart."""
WEEK = timedelta(days=7)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
UNITS = (
    ("D", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)
HOLES = 100
"""Steps for a time, above which most of the grid would be empty."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Irregular(Exception):  # noqa: N818 - a finding, in words, that only the caller of `step_of` sees
    """Why times lie on no grid."""


def step_of(times: Sequence[datetime], gaps: Sequence[timedelta]) -> str:
    """The step of times in UTC, given the distances between neighbours of each series, as
    `tasks.timesteps` writes it; raises `Irregular` where they have none.

    The distance that is usual is the step; some may be missing, and none may lie between two.
    """
    usual = sorted(gaps)[len(gaps) // 2]
    every = _of_months(times) if usual >= timedelta(days=FEWEST_DAYS) else None
    every = every or _of_one_length(times, usual)
    off = next((t for t in times if timesteps.start(timesteps.ordinal(t, every), every) != t), None)
    if off is not None:
        raise Irregular(
            f"{off:%Y-%m-%d %H:%M:%S} lies between two of the others, which are "
            f"{timesteps.apart(every)} apart (UTC): times of a forecast have one distance, which "
            "local times lose when clocks change; write them in UTC, and days as dates alone"
        )
    if (max(times) - min(times)) / timesteps.mean(every) > HOLES * len(times):
        raise Irregular(
            f"times are {timesteps.apart(every)} apart from {min(times):%Y-%m-%d} to "
            f"{max(times):%Y-%m-%d}, and nearly all of them are missing"
        )
    return every


def _of_months(times: Sequence[datetime]) -> str | None:
    """Where all lie at one place of their month, or at its end."""
    at_end = all((t + timedelta(days=1)).day == 1 for t in times)
    first, days = times[0], {t.day for t in times}
    clock = first - first.replace(hour=0, minute=0, second=0, microsecond=0)
    alike = len({(t.hour, t.minute, t.second, t.microsecond) for t in times}) == 1
    if not alike or (not at_end and (len(days) > 1 or first.day > 28)):
        return None
    numbers = sorted({12 * t.year + t.month - 1 + at_end for t in times})
    months = gcd(*(number - numbers[0] for number in numbers))
    moved = clock - timedelta(days=1) if at_end else clock + timedelta(days=first.day - 1)
    count, unit = (months // 12, "Y") if months % 12 == 0 else (months, "M")
    # Months since 1970, as `timesteps` counts them.
    begun = (numbers[0] - 12 * 1970) % months
    return f"{count if count > 1 else ''}{unit}{_moved(begun, 'M')}{_by(moved)}"


def _of_one_length(times: Sequence[datetime], usual: timedelta) -> str:
    unit = next(((name, length) for name, length in UNITS if not usual % length), None)
    if unit is None:
        raise Irregular(f"times are {usual.total_seconds():g} seconds apart: a step is whole ones")
    if usual == WEEK:
        return f"W{_by((times[0] - MONDAY) % WEEK)}"
    count = usual // unit[1]
    return f"{count if count > 1 else ''}{unit[0]}{_by((times[0] - EPOCH) % usual)}"


def _by(moved: timedelta) -> str:
    """A length as `timesteps` writes it, in its largest whole unit."""
    if not moved:
        return ""
    unit = next(((name, length) for name, length in UNITS if not moved % length), None)
    if unit is None:
        raise Irregular("times do not begin with a second: a step begins with a whole one")
    return _moved(moved // unit[1], unit[0])


def _moved(count: int, unit: str) -> str:
    return f"{count:+d}{unit}" if count else ""
