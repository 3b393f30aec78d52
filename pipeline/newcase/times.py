"""How times are written, and whether they lie on a grid that forecasts know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from pipeline.newcase.grids import Irregular, step_of
from pipeline.sources.periods import PERIODS, begin

FORMS = (
    "%Y",
    *PERIODS,
    "%Y%m%d",
    *(
        f"{date}{clock}"
        for date in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
        for clock in ("", " %H:%M", " %H:%M:%S")
    ),
)
AUTUMN = (3, 4, 9, 10, 11)
"""Months in which clocks are set back, north and south."""
_LENGTHS = {"%Y": 4, "%Y%m%d": 8}
"""Of texts that `strptime` would divide in more than one way."""
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}:?\d{2})?)?"
)


def forms_of(values: Iterable[str]) -> tuple[str, ...]:
    """Ways of writing that all values fit, an empty one being ISO 8601; of two, nobody can tell."""
    given = {value for value in values if value}
    if all(_ISO.fullmatch(value) for value in given):
        return ("",)
    return tuple(form for form in FORMS if all(_fits(value, form) for value in given))


def read_times(values: Iterable[str], form: str) -> list[datetime]:
    """In UTC; those without a zone are taken as UTC."""
    found = (_read(value, form) for value in values)
    return [t.replace(tzinfo=UTC) if t.tzinfo is None else t.astimezone(UTC) for t in found]


def periods_told(values: Sequence[str], form: str) -> str:
    """What was guessed of times that are written as periods; empty for others."""
    if form not in PERIODS:
        return ""
    first = read_times(values[:1], form)[0]
    return (
        f"Times such as {values[0]} are {PERIODS[form]}; each stands at its first day, here "
        f"{first:%Y-%m-%d}."
    )


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The step of times that lie on a grid, each once for a series; or why there is none."""

    step: str | None = None
    """As `tasks.timesteps` has it."""
    why_not: str = ""


def grid_of(times: Sequence[datetime], series: Sequence[tuple[str, ...]]) -> Grid:
    """Of times, each with the names of the series that it belongs to."""
    twice = first_twice(list(zip(series, times, strict=True)))
    if twice is not None:
        return Grid(why_not=_doubled(times, series, twice))
    gaps = [
        later - sooner
        for (one, sooner), (other, later) in pairwise(sorted(zip(series, times, strict=True)))
        if one == other
    ]
    if not gaps:
        return Grid(why_not="each series has a single time")
    try:
        return Grid(step=step_of(times, gaps))
    except Irregular as irregular:
        return Grid(why_not=str(irregular))


def first_twice(keys: Sequence[object]) -> tuple[int, int] | None:
    """Places of the first key that is there twice."""
    seen: dict[object, int] = {}
    for place, key in enumerate(keys):
        if key in seen:
            return seen[key], place
        seen[key] = place
    return None


def _doubled(
    times: Sequence[datetime], series: Sequence[tuple[str, ...]], twice: tuple[int, int]
) -> str:
    one, other = twice
    of_series = f" for {', '.join(series[one])}" if series[one] else ""
    often = len(times) - len(set(zip(series, times, strict=True)))
    few = often <= max(1, len(times) // 100)
    if few and times[one].hour <= 3 and times[one].month in AUTUMN:
        remedy = (
            "where it is the hour that clocks repeat in autumn, write times in UTC or with their "
            "offset, else remove the doubled rows"
        )
    elif few:
        remedy = "remove the doubled rows"
    else:
        remedy = "name the columns that tell series apart with --key"
    return (
        f"{times[one]:%Y-%m-%d %H:%M} is there in line {one + 2} and in line {other + 2}{of_series}"
        f" (times that are repeated: {often:,}): {remedy}"
    )


def _fits(value: str, form: str) -> bool:
    if form in _LENGTHS and len(value) != _LENGTHS[form]:
        return False
    try:
        _read(value, form)
    except ValueError:
        return False
    return True


def _read(value: str, form: str) -> datetime:
    """Without a zone where the text has none; raises `ValueError` for another way of writing."""
    if form in PERIODS:
        return begin(value, form)
    return datetime.strptime(value, form) if form else datetime.fromisoformat(value)  # noqa: DTZ007
