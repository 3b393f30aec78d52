from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, SCHEMA, TASK, ridge, waves
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CaseError
from pipeline.regions import Intervals
from pipeline.tasks.forecasting import Forecasting

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAN = math.nan
ROWS = waves(days=20)


def task(**changes: Any) -> Forecasting:
    return replace(TASK, **changes)


def observations(values: list[float], first: datetime = FIRST, every: str = "h") -> pd.DataFrame:
    """One series without gaps."""
    times = pd.date_range(first, periods=len(values), freq=every, tz="UTC").as_unit("us")
    return pd.DataFrame(
        {"series": "north", "time": times, "value": values, "east": 0.0, "wind": 0.0}
    )


def slow_frame(rows: pd.DataFrame, small: Forecasting) -> pd.DataFrame:
    """The history columns, row by row."""
    hours = ((rows["time"] - rows["time"].min()) // HOUR).tolist()
    keys = list(zip(rows["series"], hours, strict=True))
    known = dict(zip(keys, rows["value"], strict=True))

    def mean(series: str, steps: list[int]) -> float:
        looked_at = [known.get((series, step), NAN) for step in steps]
        found = [value for value in looked_at if not math.isnan(value)]
        return sum(found) / len(found) if found else NAN

    return pd.DataFrame(
        [
            {
                **{f"lag_{lag}": known.get((name, hour - lag), NAN) for lag in small.lags},
                **{
                    f"mean_{width}": mean(
                        name, [hour - small.horizon - back for back in range(width)]
                    )
                    for width in small.means
                },
                "season_mean": mean(
                    name, [hour - small.season * back for back in range(1, small.seasons + 1)]
                ),
            }
            for name, hour in keys
        ]
    )


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.6))
def test_the_columns_of_the_past_are_those_of_a_loop_over_rows(seed: int, gaps: float) -> None:
    """With rows missing, values unknown and rows in any order, each column is what a loop finds."""
    small = task(horizon=3, season=6, lags=(3, 6, 7), means=(2, 9), seasons=3)
    random = np.random.default_rng(seed)
    rows = waves(days=2, seed=seed)
    rows = rows[random.random(len(rows)) >= gaps].sample(frac=1, random_state=seed % 1000)
    rows["value"] = rows["value"].where(random.random(len(rows)) > 0.1)

    frame = small.frame(rows, SCHEMA)

    pd.testing.assert_index_equal(rows.index, frame.index)
    np.testing.assert_allclose(
        frame[list(small.history_columns)], slow_frame(rows, small), rtol=1e-9, atol=1e-9
    )


def forecasts(rows: pd.DataFrame, origin: datetime, build: Any) -> pd.DataFrame:
    """What a model that learned at the origin says of all rows, by key."""
    frame = TASK.frame(rows, SCHEMA)
    fold = TASK.held_out(frame, SCHEMA, start=origin, end=origin + 2 * DAY)
    model = build()
    model.fit(frame.iloc[fold.train], frame["value"].to_numpy()[fold.train])
    return frame[["series", "time"]].assign(said=TASK.predict(model, frame))


@settings(max_examples=20)
@given(
    origin=st.integers(5 * 24, 17 * 24),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 1000),
    naive=st.booleans(),
)
def test_a_spike_after_the_origin_moves_no_forecast_of_the_horizon_or_before(
    origin: int, share: float, seed: int, naive: bool
) -> None:
    """A thousandfold of any values from the origin on changes no bit of a forecast for the horizon,
    nor of any earlier one.
    """
    moment = FIRST + origin * HOUR
    after = (ROWS["time"] >= moment).to_numpy()
    hit = after & (np.random.default_rng(seed).random(len(ROWS)) <= share)
    spiked = ROWS.assign(value=ROWS["value"].where(~hit, ROWS["value"] * 1000 + 1))
    build = (lambda: TASK.baseline(SCHEMA)) if naive else (lambda: ridge(0))

    expected, found = (forecasts(rows, moment, build) for rows in (ROWS, spiked))
    early = (ROWS["time"] < moment + 24 * HOUR).to_numpy()

    pd.testing.assert_frame_equal(expected[early], found[early], check_exact=True)
    if share == 1:
        assert not expected[~early].equals(found[~early])


def test_a_spike_is_seen_a_horizon_later() -> None:
    """The test above could fail: the first forecast a horizon after the spike does move."""
    moment = FIRST + 10 * DAY
    spiked = ROWS.assign(value=ROWS["value"].where(ROWS["time"] != moment, ROWS["value"] * 1000))

    expected, found = (forecasts(rows, moment, lambda: ridge(0)) for rows in (ROWS, spiked))
    moved = (expected["said"] != found["said"]).to_numpy()

    assert moment + DAY == ROWS["time"][moved].min()


@settings(max_examples=20)
@given(count=st.integers(1, 4), days=st.integers(1, 3), end=st.integers(14 * 24, 20 * 24))
def test_the_training_rows_of_every_fold_are_known_at_its_origin(
    count: int, days: int, end: int
) -> None:
    """No fold learns from what became known after its origin, or predicts what was before it."""
    frame = TASK.frame(ROWS, SCHEMA)
    folds = TASK.folds(frame, SCHEMA, count=count, length=days * DAY, end=FIRST + end * HOUR)

    for fold in folds:
        times = frame["time"]
        assert times.iloc[fold.train].max() + SCHEMA.known_after <= fold.origin
        assert (times.iloc[fold.test] >= fold.origin).all()
        assert (times.iloc[fold.test] < fold.end).all()
    assert count == len(folds)


def test_the_held_out_window_is_apart_from_what_is_learned() -> None:
    """Its rows are those from start to end, and what is learned was known at the start."""
    frame = TASK.frame(ROWS, SCHEMA)
    start, end = FIRST + 12 * DAY, FIRST + 14 * DAY

    fold = TASK.held_out(frame, SCHEMA, start=start, end=end)

    assert 2 * 48 == len(fold.test)
    assert start - HOUR == frame["time"].iloc[fold.train].max()


@pytest.mark.parametrize(
    "changes",
    [{"lags": (23, 24)}, {"season": 12, "lags": (12, 24)}, {"horizon": 25}],
    ids=["lag", "season", "horizon"],
)
def test_lags_shorter_than_the_horizon_are_refused(changes: dict[str, Any]) -> None:
    """A case that would look into its own future can't be declared."""
    with pytest.raises(CaseError, match="shorter than the horizon"):
        task(**changes)


def test_a_horizon_below_one_step_is_refused() -> None:
    """With no horizon, a row would be its own past."""
    with pytest.raises(CaseError, match="choose 1 or more"):
        task(horizon=0)


def test_a_season_that_is_no_lag_is_refused() -> None:
    """The baseline needs the value a season before as a column."""
    with pytest.raises(CaseError, match="not among the lags"):
        task(season=168)


def test_values_known_later_than_a_step_after_their_time_are_refused() -> None:
    """With a horizon of lags, such values would be used before anyone knows them."""
    late = replace(SCHEMA, known_after=2 * HOUR)

    with pytest.raises(CaseError, match="not known yet"):
        TASK.frame(ROWS, late)


def test_a_case_without_a_time_column_is_refused() -> None:
    """Without times there is no grid."""
    with pytest.raises(CaseError, match="needs a time column"):
        TASK.frame(ROWS, replace(SCHEMA, time=None))


def test_times_in_other_zones_are_the_same_instants() -> None:
    """A table on Paris clocks gives the same columns as one in UTC, over a clock change too."""
    rows = observations([float(step) for step in range(100)], datetime(2021, 10, 29, tzinfo=UTC))
    local = rows.assign(time=rows["time"].dt.tz_convert("Europe/Paris"))

    expected, found = (
        TASK.frame(each, SCHEMA)[list(TASK.history_columns)] for each in (rows, local)
    )

    pd.testing.assert_frame_equal(expected, found)


def test_years_are_steps_too() -> None:
    """A yearly case looks back whole years, leap years or not."""
    yearly = task(every="Y", horizon=1, season=1, lags=(1, 2), means=(2,), seasons=1)
    schema = replace(SCHEMA, known_after=timedelta(days=300))
    rows = observations([5.0, 7.0, 11.0], datetime(2019, 1, 1, tzinfo=UTC), "YS")

    frame = yearly.frame(rows, schema)

    np.testing.assert_array_equal([NAN, 5.0, 7.0], frame["lag_1"])
    np.testing.assert_array_equal([NAN, NAN, 5.0], frame["lag_2"])
    np.testing.assert_array_equal([NAN, 5.0, 6.0], frame["mean_2"])


def test_the_history_reaches_as_far_as_the_columns_look_back_from_the_horizon() -> None:
    """With exactly that much before it, the last row of a horizon has every column."""
    rows = observations([1.0] * (TASK.history // HOUR))

    newest = TASK.frame(rows, SCHEMA).iloc[-1]

    assert newest[list(TASK.history_columns)].notna().all()
    assert 72 * HOUR == TASK.history


class Says:
    """A model that has its answer ready."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def predict(self, frame: pd.DataFrame) -> list[float]:
        return list(self.values)


def test_predictions_are_cut_at_the_floor() -> None:
    """Nothing is forecast below what the target can be."""
    assert [0.0, 2.0] == TASK.predict(Says(-3, 2), ROWS[:2]).tolist()


def test_without_a_floor_predictions_stay_as_they_are() -> None:
    """A target without a lowest value may be forecast anywhere."""
    assert [-3.0] == task(floor=None).predict(Says(-3), ROWS[:1]).tolist()


def test_losses_are_means_by_origin_in_time_order() -> None:
    """One loss a day for forecasts of a day, over all series, whatever the order of the rows."""
    rows = pd.concat([observations([0.0] * 48), observations([0.0] * 48)])
    truth = np.r_[np.full(24, 1.0), np.full(24, 3.0), np.full(24, 2.0), np.full(24, 0.0)]
    order = np.random.default_rng(0).permutation(96)

    losses = TASK.losses(rows.iloc[order], SCHEMA, truth[order], np.zeros(96))

    assert [(1 + 4) / 2, 9 / 2] == losses.tolist()


def test_scores_are_broken_down_by_series_and_by_step_of_the_cycle() -> None:
    """Every row has a label in each breakdown."""
    labels = TASK.segments(ROWS, SCHEMA)

    assert ["series", "hour of day (UTC)"] == list(labels)
    assert ("south", "05") == (labels["series"][-19], labels["hour of day (UTC)"][-19])
    assert {len(ROWS)} == {len(column) for column in labels.values()}


def test_drift_watches_what_can_change() -> None:
    """The target and what varies within a series; not the place, nor the time."""
    watched = TASK.drift_view(ROWS, SCHEMA)

    assert ["series", "value", "wind"] == list(watched)


def test_the_baseline_is_the_value_a_season_before() -> None:
    """And the other columns of the past, in order, where that is not known."""
    assert ("lag_24", "lag_48", "mean_24", "season_mean") == TASK.baseline(SCHEMA).columns


def test_scores_are_those_of_a_regression() -> None:
    """RMSE decides, and it is among the scores."""
    scores = TASK.metrics(np.array([1.0, 3.0]), np.array([1.0, 5.0]))

    assert pytest.approx(math.sqrt(2)) == scores[TASK.primary]


YEARLY = Forecasting(
    every="Y",
    horizon=1,
    season=1,
    season_name="same as the year before",
    lags=(1, 2),
    means=(3,),
    growths=(("series", 2),),
    unseen=0.0,
)
YEARS = replace(SCHEMA, known_after=timedelta(days=365))


def years(first: int, values: list[float]) -> pd.DataFrame:
    """One series, a row a year."""
    times = [datetime(first + place, 1, 1, tzinfo=UTC) for place in range(len(values))]
    return pd.DataFrame(
        {
            "series": "north",
            "time": pd.DatetimeIndex(times).as_unit("us"),
            "value": values,
            "east": 0.0,
            "wind": 0.0,
        }
    )


def test_years_are_steps_whatever_their_days() -> None:
    """Leap years between: last year is last year."""
    frame = YEARLY.frame(years(2015, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), YEARS)

    np.testing.assert_array_equal([NAN, 1, 2, 4, 8, 16], frame["lag_1"])
    np.testing.assert_array_equal([NAN, NAN, 1, 2, 4, 8], frame["lag_2"])
    np.testing.assert_array_equal([NAN, NAN, 2, 2, 2, 2], frame["growth_series_2"])


@pytest.mark.parametrize("length", [365, 365.25, 366])
@pytest.mark.parametrize("last", range(2018, 2026))
def test_folds_of_a_year_begin_in_january(length: float, last: int) -> None:
    """Each is learned from all years before it and predicts one; none is lost to leap days."""
    frame = YEARLY.frame(years(last - 11, [float(value) for value in range(12)]), YEARS)
    known = frame["time"].max().to_pydatetime() + YEARS.known_after

    held_out = YEARLY.held_out(frame, YEARS, start=known - 3 * timedelta(days=365.25), end=known)
    folds = YEARLY.folds(frame, YEARS, count=4, length=timedelta(days=length), end=held_out.origin)

    assert datetime(last - 2, 1, 1, tzinfo=UTC) == held_out.origin
    assert [9, 10, 11] == held_out.test.tolist()
    assert list(range(9)) == held_out.train.tolist()
    assert [[5], [6], [7], [8]] == [fold.test.tolist() for fold in folds]
    assert [list(range(place)) for place in (5, 6, 7, 8)] == [fold.train.tolist() for fold in folds]


def test_a_series_without_any_past_is_what_the_task_says() -> None:
    """The baseline doesn't fill in the mean of other series where the task knows better."""
    frame = YEARLY.frame(years(2015, [5.0]), YEARS)

    model = YEARLY.baseline(YEARS).fit(frame, np.array([5.0]))

    assert [0.0] == YEARLY.predict(model, frame).tolist()


def test_the_year_after_the_newest_can_be_asked_for_and_no_later_one() -> None:
    """A step of a year is a year, whether or not it is a leap year."""
    lookup = YEARLY.lookup(years(2015, [float(value) for value in range(9)]), YEARS)

    assert ["2024-01-01T00:00:00+00:00"] == lookup.values()[str(YEARS.time)]


def test_a_case_of_one_series_needs_no_name_for_it() -> None:
    """Its past, breakdowns, groups, figures and answers are those of a series among others."""
    plain = replace(YEARLY, growths=())
    alone = replace(YEARS, key=(str(YEARS.time),))
    rows = years(2015, [float(value) for value in range(9)])
    named, single = plain.frame(rows, YEARS), plain.frame(rows, alone)
    asked = {str(YEARS.time): np.array(["2024-01-01"], dtype="datetime64[us]")}
    among = plain.lookup(rows, YEARS)({**asked, "series": np.array(["north"], dtype=object)})
    truth = rows[YEARS.target].to_numpy()

    found = plain.lookup(rows, alone)(asked)
    drawn = plain.figures(single, alone, truth, truth, Intervals(low=truth, high=truth))[0]

    pd.testing.assert_frame_equal(named, single)
    assert [among[name] for name in plain.history_columns] == [
        found[name] for name in plain.history_columns
    ]
    assert set(plain.segments(single, alone)) == {"year"}
    assert {"all"} == set(plain.groups_of(single, alone)["series"])
    assert "all" not in plain.volume(rows, alone).title
    assert "of value." in drawn.alt
