"""Simulated counters: repeatable, plausible, with the disturbances that the note tells of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.cases.bikes.changes import documented_changes
from pipeline.cases.bikes.habits import SITES
from pipeline.cases.bikes.simulate import ABSURD_COUNT, CounterSimulator
from pipeline.cases.bikes.skies import autoregression
from pipeline.errors import CaseError
from pipeline.schema import Column, Schema
from pipeline.sources import Request

SCHEMA = Schema(
    columns=(
        Column(name="counter", kind="category", description="counter"),
        Column(name="time", kind="time", description="start of the hour"),
        Column(name="count", kind="integer", description="bicycles"),
        Column(name="latitude", kind="number", description="north"),
        Column(name="longitude", kind="number", description="east"),
        Column(name="temperature", kind="number", description="air"),
        Column(name="rain", kind="number", description="rain"),
        Column(name="wind", kind="number", description="wind"),
    ),
    key=("counter", "time"),
    time="time",
    target="count",
)


def rows(simulator: CounterSimulator, as_of: datetime | None = None) -> pa.Table:
    feed = simulator.fetch(Request(schema=SCHEMA, as_of=as_of))
    return pa.Table.from_batches(feed.batches, SCHEMA.arrow())


@pytest.fixture(scope="module")
def simulator() -> CounterSimulator:
    return CounterSimulator()


@pytest.fixture(scope="module")
def table(simulator: CounterSimulator) -> pa.Table:
    return rows(simulator)


@pytest.fixture(scope="module")
def frame(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.to_pandas()
    rows["local"] = rows["time"].dt.tz_convert("Europe/Paris")
    return rows


def test_the_same_seed_gives_the_same_bytes(table: pa.Table) -> None:
    """Two simulations are equal in every value, and their digest says so."""
    feeds = [CounterSimulator().fetch(Request(schema=SCHEMA)) for _ in range(2)]

    assert feeds[0].parts == feeds[1].parts
    assert pa.Table.from_batches(feeds[0].batches).equals(table)


def test_another_seed_gives_other_bytes(simulator: CounterSimulator) -> None:
    """The digest belongs to the content."""
    other = CounterSimulator(seed=simulator.seed + 1)
    parts = [one.fetch(Request(schema=SCHEMA)).parts[0] for one in (simulator, other)]

    assert parts[0].sha256 != parts[1].sha256
    assert parts[0].rows == parts[1].rows


def test_every_counter_has_every_hour_once(
    simulator: CounterSimulator, frame: pd.DataFrame
) -> None:
    """Whole days in UTC up to the last hour, over the clock change too, without gaps."""
    hours = frame.groupby("counter")["time"].agg(["min", "max", "nunique", "size"])

    assert len(hours) == simulator.counters
    assert (hours["min"] == simulator.start).all()
    assert (hours["max"] == datetime(2024, 9, 29, 23, tzinfo=UTC)).all()
    assert (hours["nunique"] == 24 * simulator.days).all()
    assert (hours["size"] == 24 * simulator.days).all()


def test_the_past_does_not_depend_on_when_it_is_looked_at(
    simulator: CounterSimulator, table: pa.Table
) -> None:
    """A run at an earlier time sees the same rows, and none that are newer."""
    moment = simulator.last - timedelta(days=100)
    earlier = rows(simulator, as_of=moment)

    assert max(earlier["time"].to_pylist()) == moment - timedelta(hours=1)
    assert earlier.equals(table.slice(0, earlier.num_rows))


def test_counters_stand_in_paris(table: pa.Table) -> None:
    """Coordinates lie within the city, and the two directions of a site share theirs."""
    places = table.to_pandas().groupby("counter")[["latitude", "longitude"]].nunique()

    assert (places == 1).all().all()
    assert all(48.81 < site.latitude < 48.91 for site in SITES)
    assert all(2.25 < site.longitude < 2.42 for site in SITES)


def test_the_rush_hours_follow_the_local_clock(frame: pd.DataFrame) -> None:
    """Working days peak at 8 and 18 in Paris, in winter and in summer; weekends in between."""
    usual = frame[frame["count"] < ABSURD_COUNT]
    for months in ((1, 2), (5, 6)):
        season = usual[usual["local"].dt.month.isin(months)]
        weekend = season["local"].dt.day_of_week >= 5
        hourly = [
            part.groupby(part["local"].dt.hour)["count"].mean()
            for part in (season[~weekend], season[weekend])
        ]

        assert hourly[0].loc[:12].idxmax() == 8
        assert hourly[0].loc[13:].idxmax() in (17, 18)
        assert 12 <= hourly[1].idxmax() <= 17


def test_public_holidays_are_quieter(frame: pd.DataFrame) -> None:
    """The first of May 2024, a Wednesday, against the Wednesdays around it."""
    day = frame["local"].dt.strftime("%Y-%m-%d")
    daily = frame["count"].where(frame["count"] < ABSURD_COUNT).groupby(day).sum()

    assert daily["2024-05-01"] < 0.7 * min(daily["2024-04-24"], daily["2024-05-15"])


def test_rain_keeps_riders_away(frame: pd.DataFrame) -> None:
    """At the same hour of working days, wet hours count less than dry ones."""
    evening = frame[
        (frame["local"].dt.hour == 18)
        & (frame["local"].dt.day_of_week < 5)
        & (frame["count"] < ABSURD_COUNT)
    ]
    wet = evening["rain"] > 0.5

    assert wet.sum() > 50
    assert evening[wet]["count"].mean() < 0.8 * evening[~wet]["count"].mean()


def test_weather_is_that_of_a_temperate_city(frame: pd.DataFrame) -> None:
    """Mean, range and share of wet hours within what Paris has in such a year."""
    assert 9 < frame["temperature"].mean() < 16
    assert -12 < frame["temperature"].min() < frame["temperature"].max() < 42
    assert 0.03 < (frame["rain"] > 0).mean() < 0.15
    assert frame["wind"].min() >= 0


def test_the_shift_is_the_one_that_the_note_states(
    simulator: CounterSimulator, frame: pd.DataFrame
) -> None:
    """Against the counters left alone, those affected lose what the factor says."""
    affected = frame["counter"].isin(simulator.shifted)
    after = frame["time"] >= simulator.shift_at
    recent = frame["time"] >= simulator.shift_at - timedelta(days=simulator.shift_days)
    sound = (frame["count"] < ABSURD_COUNT) & recent
    volume = frame[sound].groupby([affected, after])["count"].sum()
    change = (volume[True, True] / volume[True, False]) / (
        volume[False, True] / volume[False, False]
    )

    # Six counters' own day effects (sd 0.07, memory 0.8) over two times 21 days: the mean of each
    # has an sd of about 0.07 * sqrt(9 / 21) = 0.046; four standard deviations of the contrast of
    # two groups before and after are 4 * 0.046 * sqrt(4 / 6) = 0.15 in logarithms.
    assert abs(np.log(change / simulator.shift_factor)) < 0.15
    assert len(simulator.shifted) == 6


def test_without_a_shift_the_counters_change_alike(simulator: CounterSimulator) -> None:
    """A factor of one leaves the same counts as before, from before the shift on."""
    steady = rows(CounterSimulator(shift_factor=1.0)).to_pandas()
    shifted = rows(simulator).to_pandas()
    before = steady["time"] < simulator.shift_at
    others = ~steady["counter"].isin(simulator.shifted)

    assert steady[before | others].equals(shifted[before | others])
    assert (steady[~before & ~others]["count"] >= shifted[~before & ~others]["count"]).all()


def test_one_counter_is_stuck_at_zero(simulator: CounterSimulator, frame: pd.DataFrame) -> None:
    """All hours of the stated days are zero, the days around them aren't."""
    counter = frame[frame["counter"] == simulator.stuck].set_index("time")["count"]
    last = simulator.stuck_until - timedelta(hours=1)
    around = [simulator.stuck_from - timedelta(days=1), simulator.stuck_until]

    assert len(counter.loc[simulator.stuck_from : last]) == 24 * simulator.stuck_days
    assert (counter.loc[simulator.stuck_from : last] == 0).all()
    assert all(counter.loc[day : day + timedelta(hours=23)].sum() > 0 for day in around)


def test_some_rows_are_absurd(simulator: CounterSimulator, frame: pd.DataFrame) -> None:
    """As many as stated, none of them in the days that the shift is looked for in."""
    absurd = frame[frame["count"] == ABSURD_COUNT]

    assert len(absurd) == simulator.absurd_rows
    assert (absurd["time"] < simulator.shift_at).all()
    assert frame[frame["count"] < ABSURD_COUNT]["count"].max() < 3_000


def test_the_note_tells_of_what_was_put_in() -> None:
    """Dates, counters and sizes follow the fields."""
    note = CounterSimulator(shift_factor=1.2, shift_days=10, absurd_rows=7, seed=5).note

    assert "seed 5" in note
    assert "from 2024-09-20 00:00 UTC" in note
    assert "6 of 12 counters by +20 %" in note
    assert "7 rows hold the absurd count 99999" in note
    assert CounterSimulator().stuck in note


def test_impossible_simulations_are_refused() -> None:
    """All that is wrong with the fields, at once."""
    with pytest.raises(CaseError) as caught:
        CounterSimulator(counters=99, days=10, shift_share=1.5, shift_factor=-1)

    assert "counters is 99: choose 1 to 24" in str(caught.value)
    assert "days is 10: choose 76 or more" in str(caught.value)
    assert "shift_share is 1.5: choose 0 to 1" in str(caught.value)
    assert "shift_factor is -1: choose 0 or more" in str(caught.value)


def test_counts_vary_more_than_a_poisson_process(frame: pd.DataFrame) -> None:
    """At 8 on working days of June, variance is several times the mean, yet below its square."""
    morning = frame[
        (frame["local"].dt.hour == 8)
        & (frame["local"].dt.day_of_week < 5)
        & (frame["local"].dt.month == 6)
        & (frame["count"] < ABSURD_COUNT)
    ]
    counts = morning.groupby("counter")["count"]

    assert (counts.var() > 2 * counts.mean()).all()
    assert (counts.var() < counts.mean() ** 2 / 4).all()


def test_an_autoregression_has_the_stated_spread_and_memory() -> None:
    """Standard deviation and correlation of neighbours of a long series."""
    series = autoregression(np.random.default_rng(3), 100_000, memory=0.8, spread=0.5)

    # Effective sample size: 100,000 * (1 - 0.64) / (1 + 0.64); five standard errors of each.
    assert series.std() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2 * 21_951))
    assert np.corrcoef(series[:-1], series[1:])[0, 1] == pytest.approx(0.8, abs=5 * 0.6 / 316)


def test_a_model_can_beat_the_week_before(frame: pd.DataFrame) -> None:
    """The mean of three weeks at the same hour is better than one week: there is noise to lose."""
    wide = frame[frame["count"] < ABSURD_COUNT].pivot(
        index="time", columns="counter", values="count"
    )
    spring = wide.loc["2024-05-21":"2024-07-10"]
    naive = wide.shift(168).loc[spring.index]
    mean = (naive + wide.shift(336).loc[spring.index] + wide.shift(504).loc[spring.index]) / 3

    def error(forecast: pd.DataFrame) -> float:
        return float(np.sqrt(((spring - forecast) ** 2).mean().mean()))

    assert error(mean) < 0.95 * error(naive)


def test_a_simulation_needs_no_folder(table: pa.Table, tmp_path: Path) -> None:
    """A folder named for another source changes nothing."""
    feed = CounterSimulator().fetch(Request(schema=SCHEMA, folder=tmp_path / "absent"))

    assert [part.rows for part in feed.parts] == [table.num_rows]


@pytest.mark.parametrize("name", documented_changes(datetime(2024, 9, 1, tzinfo=UTC), ("a", "b")))
def test_documented_changes_are_put_in_and_told(name: str) -> None:
    """Each begins at its moment, leaves the rest as simulated, and is in the note."""
    plain = CounterSimulator(counters=4, days=100)
    start = plain.last - timedelta(days=14)
    changes = documented_changes(start, plain.names)[name]
    changed = replace(plain, changes=changes)
    before, after = (rows(each).to_pandas() for each in (plain, changed))

    differs = ~((before == after) | (before.isna() & after.isna())).all(axis=1)
    assert differs.any()
    assert before["time"][differs].min() >= start
    assert changes[0].words in changed.note
    assert changes[0].words not in plain.note
