"""Two hourly series over 60 days: a whole chain of steps takes a second or two."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.errors import SourceError
from pipeline.schema import Column, Schema
from pipeline.sources import Feed, Part, Request
from pipeline.tasks.forecasting import Forecasting
from pipeline.trends import TrendView

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 60
LAST_KNOWN = FIRST + timedelta(days=DAYS)
SERIES = ("north", "south")
HISTORY = ["lag_24", "lag_48", "mean_24", "season_mean"]
OUT_OF_RANGE = 9999.0

SCHEMA = Schema(
    columns=(
        Column(name="series", kind="category", description="which of the two"),
        Column(name="time", kind="time", description="start of the hour", known_ahead=True),
        Column(name="value", kind="number", unit="units/h", description="what is counted"),
    ),
    key=("series", "time"),
    target="value",
    time="time",
    known_after=timedelta(hours=1),
)


def observations(seed: int = 7, days: int = DAYS) -> pa.Table:
    """A daily wave with noise, and one value that no expectation lets through."""
    random = np.random.default_rng(seed)
    hours = 24 * days
    wave = 50 + 30 * np.sin(2 * np.pi * np.arange(hours) / 24)
    values = np.concatenate([wave + random.normal(0, 4, hours) for _ in SERIES])
    values[100] = OUT_OF_RANGE
    times = [FIRST + timedelta(hours=hour) for hour in range(hours)]
    return pa.table(
        {
            "series": [name for name in SERIES for _ in times],
            "time": times * len(SERIES),
            "value": values,
        },
        schema=SCHEMA.arrow(),
    )


@dataclass(frozen=True, kw_only=True)
class TinySource:
    """The same observations whenever they are asked for; `simulated` is what it says of itself."""

    simulated: bool
    publisher: str = "Nobody"
    licence: str = "MIT"
    address: str = ""
    note: str = ""

    def fetch(self, request: Request) -> Feed:
        table = observations()
        digest = hashlib.sha256(table["value"].to_numpy().tobytes()).hexdigest()
        part = Part(name="waves", sha256=digest, rows=table.num_rows)
        return Feed(parts=(part,), batches=table.to_batches())


@dataclass(frozen=True, kw_only=True)
class NoSource(TinySource):
    """A publisher that is down."""

    def fetch(self, request: Request) -> Feed:
        raise SourceError("The waves can't be fetched. Try again tomorrow.")


def ridge(seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        ColumnTransformer([("history", SimpleImputer(), HISTORY)]),
        Ridge(alpha=1.0, random_state=seed),
    )


def case(name: str, source: TinySource) -> Case:
    return Case(
        name=name,
        title="Waves",
        question="How high is the next wave?",
        task=Forecasting(
            every="h",
            horizon=24,
            season=24,
            season_name="same hour a day before",
            lags=(24, 48),
            means=(24,),
            seasons=2,
        ),
        schema=SCHEMA,
        sources={"sample": source, "files": TinySource(simulated=False)},
        candidates=(Candidate(name="ridge", title="Ridge regression on the past", build=ridge),),
        windows=Windows(
            fold=timedelta(days=7),
            folds=2,
            held_out=timedelta(days=10),
            current=timedelta(days=7),
            block=timedelta(days=1),
        ),
        gates=Gates(
            most_quarantined=0.05,
            fresh=timedelta(days=1),
            degradation=0.5,
            oldest_champion=timedelta(days=28),
            margin=0.01,
        ),
        check_columns=lambda table, as_of: table,
        trends=(TrendView(name="weeks", title="Waves by week", bucket="week", lines="series"),),
    )


CASE = case("tiny", TinySource(simulated=True))
