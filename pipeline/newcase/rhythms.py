"""How far forecasts of a step look back and ahead, and what of a history is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.errors import OptionError
from pipeline.tasks import timesteps
from pipeline.tasks.timesteps import Step

LEAST_ORIGINS = 10
"""Forecasts in the held-out window: models are told apart by at least eight pairs of losses."""
MOST_FOLDS = 3
BUCKETS = {"day": timedelta(days=120), "week": timedelta(days=2 * 366)}
"""Up to which length of a history a view over time has such steps."""


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How a forecast is made at one step of time."""

    every: Step
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


RHYTHMS: dict[Step, Rhythm] = {
    "h": Rhythm(
        every="h",
        horizon=24,
        season=168,
        season_name="same hour a week before",
        lags=(24, 48, 168),
        means=(24, 168),
        seasons=2,
        block="days=1",
        known_after="hours=1",
        fresh=30,
        cycles=("hour", "weekday"),
    ),
    "D": Rhythm(
        every="D",
        horizon=7,
        season=7,
        season_name="same weekday a week before",
        lags=(7, 14, 28),
        means=(7, 28),
        seasons=4,
        block="days=7",
        known_after="days=1",
        fresh=30,
        cycles=("weekday",),
    ),
    "M": Rhythm(
        every="M",
        horizon=1,
        season=12,
        season_name="same month a year before",
        lags=(1, 2, 12),
        means=(3, 12),
        seasons=2,
        block="days=31",
        known_after="days=28",
        fresh=93,
    ),
    "Y": Rhythm(
        every="Y",
        horizon=1,
        season=1,
        season_name="same as the year before",
        lags=(1, 2, 3),
        means=(3,),
        seasons=3,
        block="days=365",
        known_after="days=365",
        fresh=1098,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Lengths of what is learned from and tested on."""

    folds: int = 5
    fold: timedelta = timedelta(0)
    held_out: timedelta = timedelta(0)
    bucket: str = "month"
    """Of a view over time, some dozens of them."""


def stretches(rhythm: Rhythm | None, times: Sequence[datetime], path: Path) -> Stretches:
    """What fits into the data; raises `OptionError` for a history that is too short."""
    if not times:
        return Stretches()
    span = max(times) - min(times)
    if rhythm is None:
        return Stretches(held_out=max(span / 5, timedelta(days=1)))
    mean = timesteps.MEAN[rhythm.every]
    steps = round(span / mean) + 1
    usable = steps - rhythm.reach - rhythm.horizon
    held = max(usable // 5, LEAST_ORIGINS * rhythm.horizon)
    fold = max(usable // 8, rhythm.horizon)
    folds = min(MOST_FOLDS, (usable - held) // fold - 1)
    if folds < 1:
        raise OptionError(
            f"{path} has {steps} steps of one {timesteps.NAMES[rhythm.every]}: a forecast "
            f"looks back {rhythm.reach} of them, and folds and a held-out window need more than "
            "are left. Bring a longer history, or use --task regression."
        )
    return Stretches(
        folds=int(folds), fold=fold * mean, held_out=held * mean, bucket=_bucket(rhythm, span)
    )


def _bucket(rhythm: Rhythm, span: timedelta) -> str:
    if rhythm.every in "MY":
        return timesteps.NAMES[rhythm.every]
    return next((name for name, longest in BUCKETS.items() if span <= longest), "month")
