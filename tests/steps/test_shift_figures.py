"""What the drift step draws, and what a replay of weeks tells."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hand_made import DAYS, FIRST, wave_case, waves
from levels import renewal

from pipeline.errors import StepError
from pipeline.shift import ColumnShift
from pipeline.steps.replay import WEEK, alarms_table, replay
from pipeline.steps.shift_figures import distributions_figure, heat_figure
from pipeline.steps.shifts import Shifts, compare_windows

CASE = wave_case()
MOVED = ColumnShift(
    column="wind",
    kind="number",
    distance=0.5,
    p_value=0.001,
    adjusted_p_value=0.001,
    effect=1.0,
    alarm=True,
    reference_mean=50.0,
    current_mean=99.0,
    sentence="It moved.",
    missing_reference=0.0,
    missing_current=0.0,
    new_categories=(),
)
START = FIRST + timedelta(days=DAYS - 10)


def windy() -> pd.DataFrame:
    rows = waves()
    return rows.assign(wind=rows["wind"].where(rows["time"] < START, 3 * rows["wind"]))


@pytest.fixture(scope="module")
def windows() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = windy()
    late = (rows["time"] >= START).to_numpy()
    return rows[~late], rows[late]


@pytest.fixture(scope="module")
def shifts(windows: tuple[pd.DataFrame, pd.DataFrame]) -> Shifts:
    return compare_windows(CASE, *windows, alpha=0.05)


def test_every_test_of_every_column_is_in_the_heat(shifts: Shifts) -> None:
    """One cell a test, with its p-value in figures; strong evidence is named in words."""
    found = heat_figure(shifts.all, 0.05)

    assert sum(len(shift.tests) for shift in shifts.all) == found.rows
    assert "wind, mean" in found.alt


def test_distributions_are_those_of_the_columns_that_alarm(
    shifts: Shifts, windows: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """Shares of each window sum to all of its rows, and the higher wind lies further right."""
    views = [CASE.task.drift_view(rows, CASE.schema) for rows in windows]
    found = distributions_figure(shifts.columns, *views, otherwise="value")

    rows = list(csv.DictReader(io.StringIO(found.csv)))
    assert {"wind"} == {row["column"] for row in rows}
    centres = {}
    for window in ("reference", "current"):
        shares = [float(row["share of rows (%)"]) for row in rows if row["window"] == window]
        assert sum(shares) == pytest.approx(100, abs=0.1)
        centres[window] = sum(place * share for place, share in enumerate(shares))
    assert centres["current"] > 1.5 * centres["reference"]


def test_the_words_of_distributions_tell_where_they_differ_most() -> None:
    """With the shares of both windows; names from data are text, numbers stand on an axis of their
    own values."""
    columns = [
        replace(MOVED, column="wind"),
        replace(MOVED, column="series", kind="category"),
    ]
    before = {"wind": np.arange(100.0), "series": np.array(["a", "<b>"] * 50)}
    now = {"wind": np.full(100, 99.0), "series": np.array(["a"] * 100)}
    found = distributions_figure(columns, before, now, otherwise="wind")
    spec = json.loads(found.spec)

    assert "series is a in 100.0% of the rows, 50.0% before." in found.alt
    assert re.search(
        r"wind is [\d.]+ to [\d.]+ in 100\.0% of the rows, \d\.\d% before\.", found.alt
    )
    assert "&lt;b&gt;" in found.svg
    assert ["wind", "series: share of rows (%)"] == [
        panel["encoding"]["x"]["title"] for panel in spec["vconcat"]
    ]


def test_without_alarms_one_column_is_drawn(
    shifts: Shifts, windows: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """A category by its labels, and the words say that nothing alarms."""
    views = [CASE.task.drift_view(rows, CASE.schema) for rows in windows]
    found = distributions_figure(shifts.columns[:1], *views, otherwise="series")

    assert 4 == found.rows
    assert "no column alarms" in found.alt


def test_a_replay_tells_each_week() -> None:
    """The week in which the wind rises alarms for it; what was newer is in no look before."""
    looks = list(replay(CASE, windy(), since=START - 2 * WEEK, until=START + WEEK, window=WEEK))
    found = alarms_table(iter(looks))

    assert [START - 2 * WEEK, START - WEEK, START] == [look.start for look in looks]
    assert "wind" in found["columns"].iloc[-1]
    assert "Mean wind is" in found["in words"].iloc[-1]
    assert "wind" not in "".join(found["columns"].iloc[:-1])
    assert {"weeks before"} == set(found["compared with"])


def test_a_replay_judges_a_champions_errors_on_rows_it_had_not_learned_from() -> None:
    """The waves grow in the last week: its residuals and errors alarm with the column."""
    rows = waves()
    rows = rows.assign(value=rows["value"].where(rows["time"] < START, 2 * rows["value"]))
    schedule = renewal(CASE, rows, START - 2 * WEEK, lambda until: 10.0)
    looks = replay(CASE, rows, since=START, until=START + WEEK, window=WEEK, renewal=schedule)
    found = alarms_table(looks).iloc[-1]

    assert "residual of the champion" in found["columns"]
    assert "Mean residual of the champion is" in found["in words"]


def test_a_replay_without_anything_older_is_refused() -> None:
    """The first look needs a reference."""
    with pytest.raises(StepError, match="no rows before the 7 days from 2024-01-01"):
        list(replay(CASE, waves(), since=FIRST, until=START, window=WEEK))
