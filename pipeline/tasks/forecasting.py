"""Forecasting: many series on one grid of time, each value predicted a whole horizon ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.bounds import Bound, Newest
from pipeline.errors import CaseError
from pipeline.figures import Figure
from pipeline.regions import Regions
from pipeline.residuals import Labels, Residuals
from pipeline.schema import Schema
from pipeline.splits import Fold, Stretch, folds_from_origins
from pipeline.tasks import Floats, Truth, timesteps
from pipeline.tasks.history import Grid
from pipeline.tasks.numbers import NumberTarget

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from pipeline.tasks.lookup import Lookup

SERIES_GROUP = "series"
"""The grouping of calibration whose labels are the series."""


@dataclass(frozen=True, kw_only=True)
class Forecasting(NumberTarget):
    """All lengths are whole steps of `every`, written as `tasks.timesteps` has it: `h`, `15m`."""

    every: str
    horizon: int
    """How far ahead the last value of a forecast lies; no column looks back less than this."""
    season: int
    season_name: str
    lags: tuple[int, ...]
    means: tuple[int, ...]
    """Widths of the means that end one horizon before the row."""
    seasons: int = 4
    """Seasons in the mean of the same step of earlier seasons."""
    growths: tuple[tuple[str, int], ...] = ()
    """Columns of the key, each with a width: how much all series of one value together have grown
    a step, over that many steps that end one horizon before the row."""
    unseen: float | None = None
    """What the baseline says of a series without any past; `None`: the mean of all."""
    floor: float | None = None
    """Lowest possible value; predictions and intervals are cut there."""
    tails_by: str = ""
    """Column of the key whose values have tails of their own in the calibration of intervals, where
    a series has too few values for that; empty: every series has."""
    memory: int | None = None
    """Steps after which an error counts half in the calibration of intervals; `None`: never."""
    kind: str = "forecasting"
    prediction_name: str = "forecast"
    region_name: str = "interval"
    primary: str = "rmse"
    losses_hang_together: int = 7
    """Neighbouring origins whose losses depend on one another; a week covers the weekly cycle."""
    bound: Bound = field(default_factory=Newest)

    def __post_init__(self) -> None:
        timesteps.step(self.every)
        if self.horizon < 1:
            raise CaseError(f"The horizon is {self.horizon!r} steps; choose 1 or more.")
        short = [lag for lag in (*self.lags, self.season) if lag < self.horizon]
        if short:
            raise CaseError(
                f"Lags {short!r} are shorter than the horizon of {self.horizon} steps: they would "
                "look into the future of the forecast. Use lags of a horizon or more."
            )
        if self.season not in self.lags:
            raise CaseError(
                f"The season of {self.season} steps is not among the lags {self.lags!r}: the "
                "baseline is the value a season before. Add it."
            )

    @property
    def baseline_name(self) -> str:
        return self.season_name

    @property
    def lags_before(self) -> int:
        """Steps that the longest of the history columns looks back."""
        longest_mean = self.horizon + max(self.means, default=0)
        longest_growth = self.horizon + max((width for _, width in self.growths), default=0) + 1
        return max(*self.lags, self.season * self.seasons, longest_mean, longest_growth)

    @property
    def history(self) -> timedelta:
        return (self.lags_before + self.horizon) * timesteps.longest(self.every)

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Names of the columns that `frame` adds."""
        return (
            *(f"lag_{lag}" for lag in self.lags),
            *(f"mean_{width}" for width in self.means),
            "season_mean",
            *(f"growth_{name}_{width}" for name, width in self.growths),
        )

    def frame(self, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        """Adds the history columns; needs unique keys, and times on the grid.

        Raises `CaseError` when a value is known later than a step after its time: the newest ones
        that the columns look at would not be known at the origin.
        """
        if schema.known_after > timesteps.longest(self.every):
            raise CaseError(
                f"Values are known {schema.known_after} after their time, more than one step "
                f"({self.every}): a forecast would use what is not known yet. Use longer steps."
            )
        grid = self._grid(observations, schema)
        added = {f"lag_{lag}": grid.lagged(lag) for lag in self.lags}
        added |= {f"mean_{width}": grid.mean_before(self.horizon, width) for width in self.means}
        added["season_mean"] = grid.seasonal_mean(self.season, self.seasons)
        for name, width in self.growths:
            groups = observations.groupby(name, sort=True).ngroup().to_numpy().astype(np.int64)
            added[f"growth_{name}_{width}"] = grid.growth(groups, self.horizon, width)
        return observations.assign(**added)

    def folds(
        self, frame: pd.DataFrame, schema: Schema, *, count: int, length: timedelta, end: datetime
    ) -> Sequence[Fold]:
        """Folds of whole steps, so that every one begins with a step."""
        last = timesteps.nearest(end, self.every)
        steps = timesteps.whole(length, self.every)
        return folds_from_origins(
            utc(frame, schema),
            origins=[
                timesteps.start(last - steps * (count - fold), self.every) for fold in range(count)
            ],
            end=timesteps.start(last, self.every),
            known_after=schema.known_after,
        )

    def held_out(
        self, frame: pd.DataFrame, schema: Schema, *, start: datetime, end: datetime
    ) -> Fold:
        """The window begins with a step, the one whose beginning is closest to `start`."""
        origin = timesteps.start(timesteps.nearest(start, self.every), self.every)
        (fold,) = folds_from_origins(
            utc(frame, schema),
            origins=[origin],
            end=end,
            known_after=schema.known_after,
        )
        return fold

    def baseline(self, schema: Schema) -> Any:
        from pipeline.tasks.naive import SeasonalNaive

        first = f"lag_{self.season}"
        growths = {f"growth_{name}_{width}" for name, width in self.growths}
        others = [name for name in self.history_columns if name not in {first, *growths}]
        return SeasonalNaive((first, *others), unseen=self.unseen)

    def residuals(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Residuals:
        """By the size of the prediction, by series and each column of its name, and by step of the
        season, recent rows most.
        """
        steps = self.ordinals(utc(frame, schema))
        return Residuals.of(
            predicted,
            truth,
            groups=self.groups_of(frame, schema),
            member=self.tails_by or SERIES_GROUP,
            age=steps.max(initial=0) - steps,
            half_life=self.memory,
        )

    def refreshes(self, frame: pd.DataFrame, schema: Schema, *, first: int) -> Sequence[Stretch]:
        """A stretch a season, or a horizon where that is longer."""
        times = utc(frame, schema)
        length, steps = max(self.season, self.horizon), self.ordinals(times[first:])
        # A stretch without rows, when nothing was counted, is part of the one before.
        filled = np.unique((steps - steps.min()) // length) * length + steps.min()
        folds = folds_from_origins(
            times,
            origins=[timesteps.start(int(step), self.every) for step in filled],
            end=timesteps.start(int(steps.max()) + 1, self.every),
            known_after=schema.known_after,
        )
        return [Stretch(known=fold.train, new=fold.test[fold.test >= first]) for fold in folds]

    def losses(
        self, frame: pd.DataFrame, schema: Schema, truth: Truth, predicted: Floats
    ) -> Floats:
        """Mean squared error by forecast origin, which lies every horizon."""
        origin = self.ordinals(utc(frame, schema)) // self.horizon
        _, place = np.unique(origin, return_inverse=True)
        squared = np.bincount(place, weights=(truth - predicted) ** 2)
        return np.asarray(squared / np.bincount(place), dtype=np.float64)

    def leads(self, frame: pd.DataFrame, schema: Schema) -> tuple[str, NDArray[np.int64]]:
        ahead = self.ordinals(utc(frame, schema)) % self.horizon + 1
        return f"{timesteps.names(self.every)} ahead", ahead

    def segments(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        from pipeline.tasks.forecasting_views import step_labels

        series = {name: frame[name].astype(str).to_numpy() for name in schema.series}
        return series | step_labels(self.every, utc(frame, schema))

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        watched = [
            column.name
            for column in schema.columns
            if not column.fixed and column.kind not in ("time", "text")
        ]
        return {name: frame[name].to_numpy() for name in watched}

    def volume_columns(self, schema: Schema) -> tuple[str, ...] | None:
        """Every row counts."""
        return None

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        from pipeline.tasks.forecasting_views import volume_figure

        return volume_figure(observations, schema, self.every)

    def figures(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        regions: Regions,
    ) -> Sequence[Figure]:
        from pipeline.tasks.forecasting_views import example_figure

        return [example_figure(frame, schema, predicted, regions, self.every)]

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        from pipeline.tasks.requests import record_model

        return record_model(schema, name)

    def lookup(self, history: pd.DataFrame, schema: Schema) -> Lookup:
        from pipeline.tasks.lookup import PastLookup

        return PastLookup(self, history, schema)

    def ordinals(self, times: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Whole steps since 1970."""
        return timesteps.ordinals(times, self.every)

    def groups_of(self, frame: pd.DataFrame, schema: Schema) -> Labels:
        names = {name: np.asarray(frame[name], dtype=object) for name in schema.series}
        steps = self.ordinals(utc(frame, schema)) % self.season
        if len(names) < 2:
            single = next(iter(names.values()), np.full(len(frame), "all", dtype=object))
            return {SERIES_GROUP: single, "step of the season": steps}
        series = [", ".join(map(str, parts)) for parts in zip(*names.values(), strict=True)]
        return names | {SERIES_GROUP: np.array(series, dtype=object), "step of the season": steps}

    def _grid(self, observations: pd.DataFrame, schema: Schema) -> Grid:
        series = numbered_series(observations, schema)
        values = observations[schema.target].to_numpy(dtype=np.float64, na_value=np.nan)
        return Grid.of(series, self.ordinals(utc(observations, schema)), values)


def numbered_series(rows: pd.DataFrame, schema: Schema) -> NDArray[np.int64]:
    """The number of each row's series, in the order of their names; a single series needs none."""
    if not schema.series:
        return np.zeros(len(rows), dtype=np.int64)
    numbers = rows.groupby(list(schema.series), sort=True).ngroup().to_numpy()
    return np.asarray(numbers, dtype=np.int64)


def utc(frame: pd.DataFrame, schema: Schema) -> NDArray[np.datetime64]:
    """The time column as naive UTC microseconds; raises `CaseError` when the case has none."""
    if schema.time is None:
        raise CaseError("A forecasting case needs a time column: declare it in the schema.")
    if isinstance(frame[schema.time], np.ndarray):
        return np.asarray(frame[schema.time], dtype="datetime64[us]")
    # Of times with a zone these are the moments in UTC, without a series for each conversion.
    return np.asarray(frame[schema.time].to_numpy(dtype="datetime64[us]"))
