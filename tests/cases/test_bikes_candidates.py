"""The candidates of the bikes case on the whole path: observations, frame, fit, forecast."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.case import find_case
from pipeline.cases.bikes.simulate import CounterSimulator
from pipeline.metrics import regression_metrics
from pipeline.models import dump_model, load_model
from pipeline.sources import Request
from pipeline.splits import folds_from_origins
from pipeline.steps.backtest import fitted
from pipeline.tasks.forecasting import utc

CASE = find_case("bikes")
TASK, SCHEMA = CASE.task, CASE.schema
NAMES = [candidate.name for candidate in CASE.candidates]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEW_TREES = {
    "histgradientboostingregressor": {"max_iter": 8},
    "randomforestregressor": {"n_estimators": 6},
}


@cache
def observations() -> pd.DataFrame:
    """Three counters over 50 days, sorted by key as the store hands them out."""
    simulator = CounterSimulator(
        counters=3, days=50, shift_days=5, stuck_days=2, stuck_days_before_end=10, absurd_rows=0
    )
    feed = simulator.fetch(Request(schema=SCHEMA))
    table = pa.Table.from_batches(feed.batches, SCHEMA.arrow())
    return table.to_pandas().sort_values(list(SCHEMA.key), ignore_index=True)


@cache
def frame() -> pd.DataFrame:
    return TASK.frame(observations(), SCHEMA)


ORIGIN = observations()["time"].min().to_pydatetime() + 40 * DAY


def quick(name: str, seed: int = 0) -> Any:
    """The candidate as it is declared, with fewer trees."""
    model = CASE.candidate(name).build(seed)
    last = model.steps[-1][1]
    fewer = FEW_TREES.get(type(last).__name__.lower(), {})
    last.set_params(**fewer)
    return model


def learned(name: str, rows: pd.DataFrame, seed: int = 0) -> Any:
    return fitted(lambda: quick(name, seed), rows, rows[SCHEMA.target].to_numpy(dtype=np.float64))


@dataclass(frozen=True, kw_only=True)
class Learned:
    name: str
    model: Any
    train: pd.DataFrame
    test: pd.DataFrame


@pytest.fixture(scope="module", params=NAMES)
def ready(request: pytest.FixtureRequest) -> Learned:
    """Each candidate, learned from what was known at the origin."""
    fold = TASK.held_out(frame(), SCHEMA, start=ORIGIN, end=ORIGIN + 10 * DAY)
    train, test = frame().iloc[fold.train], frame().iloc[fold.test]
    return Learned(name=request.param, model=learned(request.param, train), train=train, test=test)


def test_forecasts_are_finite_and_no_less_than_zero(ready: Learned) -> None:
    """Nobody rides a negative bicycle, and every row has an answer."""
    found = TASK.predict(ready.model, ready.test)

    assert len(ready.test) == len(found)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_forecasts_differ_from_row_to_row(ready: Learned) -> None:
    """A model that says the same all day has learned nothing."""
    assert np.ptp(TASK.predict(ready.model, ready.test)) > 10


def test_a_stored_candidate_says_the_same(ready: Learned) -> None:
    """Written without pickle and read again, it gives the same numbers to the bit."""
    again = load_model(dump_model(ready.model))

    np.testing.assert_array_equal(
        TASK.predict(ready.model, ready.test), TASK.predict(again, ready.test)
    )


def test_the_same_seed_gives_the_same_bytes(ready: Learned) -> None:
    """Learning anew from the same rows gives the same file, on several cores too."""
    assert dump_model(ready.model) == dump_model(learned(ready.name, ready.train))


def test_counters_it_has_never_seen_have_forecasts_too(ready: Learned) -> None:
    """A counter that appears is forecast from its own past."""
    new = ready.test.assign(counter="Pont Neuf N-S")

    found = TASK.predict(ready.model, new)

    assert np.isfinite(found).all()


def test_a_counter_without_any_past_has_a_forecast(ready: Learned) -> None:
    """On its first day nothing is known of a counter but its place."""
    new = ready.test.head(24).assign(
        counter="Pont Neuf N-S", **dict.fromkeys(TASK.history_columns, np.nan)
    )

    assert np.isfinite(TASK.predict(ready.model, new)).all()


def test_weather_that_is_not_known_is_no_obstacle(ready: Learned) -> None:
    """A folder without weather, or a call without it, still has forecasts."""
    blind = ready.test.assign(temperature=np.nan, rain=np.nan, wind=np.nan)

    assert np.isfinite(TASK.predict(ready.model, blind)).all()


def test_only_the_candidate_with_weather_looks_at_it(ready: Learned) -> None:
    """Observed weather can't leak into a candidate that may serve."""
    other = ready.test.assign(temperature=-10.0, rain=50.0, wind=30.0)
    moved = not np.array_equal(
        TASK.predict(ready.model, ready.test), TASK.predict(ready.model, other)
    )

    assert (ready.name == "boosting_with_weather") == moved
    assert not (moved and not CASE.candidate(ready.name).not_eligible)


def test_no_candidate_looks_at_the_value_it_forecasts(ready: Learned) -> None:
    """The target's own column has no part in a forecast."""
    other = ready.test.assign(**{SCHEMA.target: 10**6})

    np.testing.assert_array_equal(
        TASK.predict(ready.model, ready.test), TASK.predict(ready.model, other)
    )


def test_a_single_row_is_forecast_as_within_its_table(ready: Learned) -> None:
    """What the service says of one record is what a backtest says of the row."""
    whole = TASK.predict(ready.model, ready.test)

    for place in (0, 100, len(ready.test) - 1):
        alone = TASK.predict(ready.model, ready.test.iloc[[place]])
        np.testing.assert_allclose(alone, whole[[place]], rtol=1e-12)


def test_learning_and_forecasting_warn_of_nothing(ready: Learned) -> None:
    """What a library warns of would stand on the page of the training."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TASK.predict(learned(ready.name, ready.train), ready.test)


def forecasts(name: str, rows: pd.DataFrame, origin: Any) -> np.ndarray:
    """What a candidate that learned at the origin says of the rows up to a horizon after it."""
    table = TASK.frame(rows, SCHEMA)
    fold = TASK.held_out(table, SCHEMA, start=origin, end=origin + DAY)
    early = (rows[SCHEMA.time] < origin + DAY).to_numpy()
    return TASK.predict(learned(name, table.iloc[fold.train]), table[early])


def spiked(after: Any, seed: int) -> pd.DataFrame:
    """A thousandfold in one of three rows from a moment on, and in the first of them."""
    rows = observations()
    late = (rows[SCHEMA.time] >= after).to_numpy()
    hit = late & (np.random.default_rng(seed).random(len(rows)) < 1 / 3)
    hit[np.flatnonzero(late)[0]] = True
    return rows.assign(count=rows["count"].where(~hit, 1000 * rows["count"] + 1000))


@pytest.mark.parametrize("name", [*NAMES])
def test_a_spike_after_the_origin_moves_no_forecast(name: str) -> None:
    """Frame, fit and forecast of each candidate: nothing from the origin on has a part in them."""
    np.testing.assert_array_equal(
        forecasts(name, observations(), ORIGIN), forecasts(name, spiked(ORIGIN, 1), ORIGIN)
    )


@settings(max_examples=4)
@given(hour=st.integers(30 * 24, 48 * 24), seed=st.integers(0, 1000))
def test_a_spike_after_any_origin_moves_no_forecast(hour: int, seed: int) -> None:
    """The same for origins at any hour, on the day of the shift and in the dead counter's days."""
    origin = observations()["time"].min().to_pydatetime() + hour * HOUR

    np.testing.assert_array_equal(
        forecasts("boosting", observations(), origin),
        forecasts("boosting", spiked(origin, seed), origin),
    )


def test_a_spike_before_the_origin_does_move_forecasts() -> None:
    """The tests above could fail: the last hour that is known at the origin counts."""
    before = ORIGIN - HOUR

    assert not np.array_equal(
        forecasts("boosting", observations(), ORIGIN),
        forecasts("boosting", spiked(before, 1), ORIGIN),
    )


def test_a_frame_from_a_file_is_forecast_the_same() -> None:
    """A frame that went to Parquet and back gives the same numbers: types are the store's."""
    buffer = io.BytesIO()
    frame().tail(200).to_parquet(buffer)
    again = pd.read_parquet(buffer)
    model = learned("linear", frame().head(2000))

    np.testing.assert_array_equal(
        TASK.predict(model, frame().tail(200)), TASK.predict(model, again)
    )


@pytest.mark.parametrize(
    "name", [candidate.name for candidate in CASE.candidates if not candidate.not_eligible]
)
def test_a_candidate_that_may_serve_beats_a_constant(name: str) -> None:
    """On the days after its origin, its squared error is below that of the mean it learned."""
    fold = TASK.held_out(frame(), SCHEMA, start=ORIGIN, end=ORIGIN + 5 * DAY)
    train, test = frame().iloc[fold.train], frame().iloc[fold.test]
    truth = test["count"].to_numpy(dtype=float)

    found = TASK.predict(learned(name, train), test)

    assert np.mean((found - truth) ** 2) < np.mean((train["count"].mean() - truth) ** 2)


def test_on_the_real_counters_even_the_linear_candidate_beats_last_week(
    data_folder: Path,
) -> None:
    """Two months of 2021, each forecast day by day from what was known at its first: the error is
    below that of the same hour a week before.
    """
    feed = CASE.source("files").fetch(Request(schema=SCHEMA, folder=data_folder / "bikes"))
    rows = pa.Table.from_batches(feed.batches, SCHEMA.arrow()).to_pandas()
    recent = rows[rows["time"] >= datetime(2021, 1, 1, tzinfo=UTC)]
    table = TASK.frame(recent.sort_values(list(SCHEMA.key)), SCHEMA)
    truth = table["count"].to_numpy(dtype=np.float64)

    for fold in folds_from_origins(
        utc(table, SCHEMA),
        origins=[datetime(2021, month, 1, tzinfo=UTC) for month in (5, 6)],
        end=datetime(2021, 7, 1, tzinfo=UTC),
        known_after=SCHEMA.known_after,
    ):
        train, test = table.iloc[fold.train], table.iloc[fold.test]
        baseline = TASK.baseline(SCHEMA).fit(train, truth[fold.train])
        errors = [
            regression_metrics(truth[fold.test], TASK.predict(model, test))["rmse"]
            for model in (learned("linear", train), baseline)
        ]
        assert errors[0] < errors[1]
