"""How far forecasts of a step look back and ahead, and what of a history is held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path

from pipeline.errors import OptionError
from pipeline.tasks import timesteps

LEAST_ORIGINS = 10
"""Forecasts in the held-out window: models are told apart by at least eight pairs of losses."""
MOST_FOLDS = 3
BUCKETS = {
    "day": (timedelta(days=1), timedelta(days=120)),
    "week": (timedelta(days=7), timedelta(days=2 * 366)),
    "month": (timedelta(days=31), timedelta(days=40 * 366)),
}
"""Longest step that such a bucket never misses, and up to which length of a history it is used."""
DAY = timedelta(days=1)
YEAR = timedelta(days=365.2425)
OFF_SEASON = 0.02
"""Share of a year by which whole steps may miss it: 52 weeks do by a third of a per cent."""


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How a forecast is made at one step of time."""

    every: str
    horizon: int
    season: int
    season_name: str
    lags: tuple[int, ...]
    means: tuple[int, ...]
    seasons: int
    block: str
    known_after: str
    fresh: int
    """Days for which newest rows count as fresh: three steps, and a month at least."""
    cycles: tuple[str, ...] = ()
    """Buckets that come round: a view each."""

    @property
    def reach(self) -> int:
        """Steps of the past that the columns of a row look at."""
        return max(*self.lags, self.season * self.seasons, self.horizon + max(self.means))


def rhythms(every: str) -> Iterator[Rhythm]:
    """Ways to forecast at a step, the one that looks back furthest first: by the cycle of a week
    and of a day, or of a year, and by the steps before alone.
    """
    length = timesteps.mean(every)
    if length < DAY and not DAY % length:
        yield from _within_a_day(every, DAY // length)
    elif length == DAY:
        yield _rhythm(
            every,
            horizon=7,
            season=7,
            season_name="same weekday a week before",
            lags=(7, 14, 28),
            means=(7, 28),
            seasons=4,
            block="days=7",
            cycles=("weekday",),
        )
    elif (a_year := _in_a_year(length)) > 1:
        yield _rhythm(
            every,
            season=a_year,
            season_name=f"same {timesteps.name(every)} a year before",
            lags=tuple(sorted({1, 2, a_year})),
            means=(3, a_year) if a_year > 3 else (3,),
            seasons=2,
        )
    yield _rhythm(
        every,
        season=1,
        season_name=f"same as the {timesteps.name(every)} before",
        lags=(1, 2, 3),
        means=(3,),
        seasons=3,
    )


def _in_a_year(length: timedelta) -> int:
    """How many steps come round with the seasons; 0 where they don't, as of seven months."""
    count = round(YEAR / length)
    return count if abs(count * length - YEAR) <= OFF_SEASON * YEAR else 0


def _within_a_day(every: str, a_day: int) -> Iterator[Rhythm]:
    """A day ahead, by the same time of a week before or, of a short history, of the day before."""
    same = "same hour" if a_day == 24 else "same time"
    for days, past in ((7, "a week before"), (1, "the day before")):
        yield _rhythm(
            every,
            horizon=a_day,
            season=days * a_day,
            season_name=f"{same} {past}",
            lags=tuple(sorted({a_day, 2 * a_day, days * a_day})),
            means=tuple(sorted({a_day, days * a_day})),
            seasons=2,
            block="days=1",
            cycles=("hour", "weekday") if days > 1 else ("hour",),
        )


def _rhythm(
    every: str,
    *,
    season: int,
    season_name: str,
    lags: tuple[int, ...],
    means: tuple[int, ...],
    seasons: int,
    horizon: int = 1,
    block: str = "",
    cycles: tuple[str, ...] = (),
) -> Rhythm:
    shortest, longest = timesteps.shortest(every), timesteps.longest(every)
    # No block of a year holds two of them; of what is shorter, none is empty.
    whole = shortest if longest > YEAR else max(longest, DAY)
    return Rhythm(
        every=every,
        horizon=horizon,
        season=season,
        season_name=season_name,
        lags=lags,
        means=means,
        seasons=seasons,
        block=block or f"days={ceil(whole / DAY)}",
        known_after=_written(shortest),
        fresh=max(30, ceil(3 * longest / DAY)),
        cycles=cycles,
    )


def _written(length: timedelta) -> str:
    """As an argument of `timedelta`, in the largest whole unit."""
    units = {"days": DAY, "hours": timedelta(hours=1), "minutes": timedelta(minutes=1)}
    name, unit = next(
        ((name, unit) for name, unit in units.items() if not length % unit),
        ("seconds", timedelta(seconds=1)),
    )
    return f"{name}={length // unit}"


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Lengths of what is learned from and tested on."""

    folds: int = 5
    fold: timedelta = timedelta(0)
    held_out: timedelta = timedelta(0)
    bucket: str = "month"
    """Of a view over time, some dozens of them."""


def fitted(every: str, times: Sequence[datetime], path: Path) -> tuple[Rhythm, Stretches]:
    """The first rhythm whose look back leaves enough of the history; raises `OptionError` for a
    history that is too short for all of them.
    """
    span = max(times) - min(times)
    steps = round(span / timesteps.mean(every)) + 1
    possible = list(rhythms(every))
    for rhythm in possible:
        found = _stretches(rhythm, steps, span)
        if found:
            return rhythm, found
    raise OptionError(
        f"{path} has {steps} steps of {timesteps.apart(every)}: a forecast looks back "
        f"{min(each.reach for each in possible)} of them, and folds and a held-out window need "
        "more than are left. Bring a longer history, or use --task regression."
    )


def undivided(times: Sequence[datetime]) -> Stretches:
    """Of rows that are no grid, or that have no time."""
    if not times:
        return Stretches()
    return Stretches(held_out=max((max(times) - min(times)) / 5, DAY))


def _stretches(rhythm: Rhythm, steps: int, span: timedelta) -> Stretches | None:
    """What fits into so many steps; `None` where nothing does."""
    usable = steps - rhythm.reach - rhythm.horizon
    held = max(usable // 5, LEAST_ORIGINS * rhythm.horizon)
    fold = max(usable // 8, rhythm.horizon)
    folds = min(MOST_FOLDS, (usable - held) // fold - 1)
    if folds < 1:
        return None
    mean = timesteps.mean(rhythm.every)
    return Stretches(
        folds=int(folds), fold=fold * mean, held_out=held * mean, bucket=_bucket(rhythm, span)
    )


def _bucket(rhythm: Rhythm, span: timedelta) -> str:
    longest = timesteps.longest(rhythm.every)
    return next(
        (name for name, (most, history) in BUCKETS.items() if longest <= most and span <= history),
        "year",
    )
