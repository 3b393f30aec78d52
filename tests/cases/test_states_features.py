"""Forecasts that start from last year's value, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.case import find_case
from pipeline.cases.states.features import (
    DampedTrend,
    FromLastYear,
    FuelTrend,
    Ratios,
    last_known,
)
from pipeline.models import dump_model, load_model
from pipeline.sources import Request

CASE = find_case("states")
NAN = float("nan")


def frame(**columns: list[float]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    given = {name: [NAN] * rows for name in ("lag_1", "lag_2", "lag_3", "mean_5", "growth_fuel_8")}
    return pd.DataFrame(given | columns)


def test_the_last_known_value_is_the_newest_of_three_years() -> None:
    """A series without any past emits nothing."""
    rows = frame(lag_1=[3.0, NAN, NAN, NAN], lag_2=[2.0, 2.0, NAN, NAN], lag_3=[1.0, 1.0, 1.0, NAN])

    assert [3.0, 2.0, 1.0, 0.0] == last_known(rows).tolist()


def test_the_fuel_trend_grows_last_year_by_a_share_of_its_fuels_growth() -> None:
    """An unknown growth is none, and an absurd one is cut."""
    rows = frame(lag_1=[10.0, 10.0, 10.0], growth_fuel_8=[0.9, NAN, 50.0])

    assert [9.0, 10.0, 30.0] == FuelTrend().fit(rows, np.zeros(3)).predict(rows).tolist()
    assert [9.5, 10.0, 20.0] == FuelTrend(share=0.5).fit(rows, np.zeros(3)).predict(rows).tolist()


def test_the_damped_trend_learns_its_share_within_0_and_1() -> None:
    rows = frame(lag_1=[10.0, 20.0], lag_2=[8.0, 24.0])
    last, change = np.array([10.0, 20.0]), np.array([2.0, -4.0])

    for share, learned in ((0.25, 0.25), (3.0, 1.0), (-1.0, 0.0)):
        model = DampedTrend().fit(rows, last + share * change)

        assert pytest.approx(learned) == model.share_
        np.testing.assert_allclose(last + learned * change, model.predict(rows))


def test_a_small_series_keeps_last_years_value() -> None:
    """A relative change of nearly nothing says nothing; larger ones are learned, by weight."""
    from sklearn.dummy import DummyRegressor
    from sklearn.pipeline import make_pipeline

    rows = frame(lag_1=[30.0, 10.0, 0.001])
    truth = np.array([33.0, 15.0, 7.0])

    model = FromLastYear(make_pipeline(Ratios(), DummyRegressor())).fit(rows, truth)

    change = (30 * 0.1 + 10 * 0.5) / 40
    np.testing.assert_allclose([30 * (1 + change), 10 * (1 + change), 0.001], model.predict(rows))


def test_ratios_are_finite_whatever_is_unknown() -> None:
    rows = frame(lag_1=[NAN, 4.0, 0.0], lag_2=[NAN, 2.0, 0.0], lag_3=[1.0, NAN, 5.0])

    found = Ratios().fit_transform(rows)

    assert np.isfinite(found).all()
    assert (5, 1.0, 0.0) == (found.shape[1], found[1, 0], found[1, 1])


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    feed = CASE.source("sample").fetch(Request(schema=CASE.schema))
    table = pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()
    return CASE.task.frame(table[table["part"]], CASE.schema)


@pytest.mark.parametrize("name", [candidate.name for candidate in CASE.candidates])
def test_a_candidate_learns_and_is_stored_without_pickle(name: str, history: pd.DataFrame) -> None:
    """What is loaded predicts the same, for rows without any past too."""
    past = history["time"].dt.year < 2015
    truth = history["co2"].to_numpy(dtype=np.float64)
    model = CASE.candidate(name).build(0).fit(history[past], truth[past])
    unknown = history[~past].head(3).assign(**dict.fromkeys(("lag_1", "lag_2", "lag_3"), NAN))
    rows = pd.concat([history[~past], unknown])

    again = load_model(dump_model(model))

    assert np.isfinite(model.predict(rows)).all()
    np.testing.assert_array_equal(model.predict(rows), again.predict(rows))


def test_a_forecast_knows_nothing_of_its_own_year(history: pd.DataFrame) -> None:
    """Whatever the year 2022 holds, what is known of it at its beginning is the same."""
    observed = history[[column.name for column in CASE.schema.columns]]
    last = observed["time"].dt.year == 2022
    other = observed.assign(co2=observed["co2"].where(~last, 999.0))
    columns = list(CASE.task.history_columns)  # type: ignore[attr-defined]

    one, changed = (
        CASE.task.frame(rows, CASE.schema)[last.to_numpy()][columns] for rows in (observed, other)
    )

    pd.testing.assert_frame_equal(one, changed)
    assert {"growth_fuel_8", "lag_1"} <= set(columns)


def test_the_growth_of_a_fuel_is_that_of_all_its_series(history: pd.DataFrame) -> None:
    """Sums of eight years over sums of the eight a year earlier."""
    coal = history[history["fuel"] == "Coal"].groupby(history["time"].dt.year)["co2"].sum()
    row = history[(history["fuel"] == "Coal") & (history["time"].dt.year == 2022)].iloc[0]

    expected = coal.loc[2014:2021].sum() / coal.loc[2013:2020].sum()
    assert pytest.approx(expected) == row["growth_fuel_8"]
