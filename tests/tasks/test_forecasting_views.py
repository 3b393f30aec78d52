from __future__ import annotations

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hand_made import SCHEMA, TASK, waves

from pipeline.regions import Intervals
from pipeline.schema import Column
from pipeline.tasks.forecasting_views import step_labels

ROWS = waves(days=9, series=("north", "<script>alert(1)</script>", "south"))
NASTY = "<script>alert(1)</script>"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_volume_adds_up_all_series_by_day() -> None:
    """The data behind the chart are the sums of the days, with how many rows they stand on."""
    found = TASK.volume(ROWS, SCHEMA)
    days = table(found.csv)
    first = ROWS[ROWS["time"].dt.strftime("%Y-%m-%d") == "2024-01-01"]["value"]

    assert 9 == found.rows == len(days)
    assert ("2024-01-01", "72") == (days[0]["day"], days[0]["rows"])
    assert pytest.approx(first.sum()) == float(days[0]["value"])
    assert "From 2024-01-01 to 2024-01-09" in found.alt
    assert "all 3 series" in found.title


def test_unknown_values_do_not_hide_the_rest_of_a_day() -> None:
    """A day with a missing value is the sum of the others."""
    gap = ROWS.assign(value=ROWS["value"].where(ROWS.index != 0))

    days = table(TASK.volume(gap, SCHEMA).csv)

    first = gap[gap["time"].dt.strftime("%Y-%m-%d") == "2024-01-01"]["value"]
    assert pytest.approx(sum(first[1:])) == float(days[0]["value"])
    assert "72" == days[0]["rows"]


def example(rows=ROWS):
    truth = rows["value"].to_numpy()
    high = np.where(rows["time"].dt.hour < 12, truth + 1, truth - 1)
    regions = Intervals(low=truth - 5, high=high)
    (found,) = TASK.figures(rows, SCHEMA, truth, truth - 2, regions)
    return found


def test_an_example_is_the_newest_week_of_the_series_of_middle_volume() -> None:
    """The chart shows 168 steps of one series: truth, forecast and interval."""
    scaled = ROWS.assign(
        value=ROWS["value"] * ROWS["series"].map({"north": 5, NASTY: 1, "south": 9})
    )
    found = example(scaled)
    rows = table(found.csv)

    assert 168 == found.rows == len(rows)
    assert ["time", "value", "forecast", "low", "high"] == list(rows[0])
    assert ("2024-01-03T00:00:00Z", "2024-01-09T23:00:00Z") == (rows[0]["time"], rows[-1]["time"])
    assert found.title.startswith("north:")


def test_series_that_stand_at_zero_are_no_example() -> None:
    """However many there are."""
    scaled = ROWS.assign(
        value=ROWS["value"] * ROWS["series"].map({"north": 0, NASTY: 0, "south": 9})
    )

    assert example(scaled).title.startswith("south:")


def test_an_example_tells_how_much_of_the_truth_is_in_its_interval() -> None:
    """Half of the values were put outside: 50 % lie within."""
    assert "50% of the observed values lie within their interval." in example().alt


def test_a_name_that_looks_like_a_script_is_text() -> None:
    """What a publisher calls a series can't become part of the page's code."""
    only = ROWS[ROWS["series"] == NASTY]
    found = example(only)

    assert "<script" not in found.svg
    ET.fromstring(found.svg)
    assert NASTY in found.title


def test_series_told_apart_by_two_columns_have_an_example_too() -> None:
    """A key of several columns names the series by all of them."""
    schema = replace(SCHEMA, key=("series", "east", "time"))
    truth = ROWS["value"].to_numpy()

    (found,) = TASK.figures(ROWS, schema, truth, truth, Intervals(low=truth, high=truth))

    assert found.title.split(":")[0] in {"north, 0.0", f"{NASTY}, 1.0", "south, 2.0"}


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("h", {"hour of day (UTC)": ["07", "23"]}),
        ("D", {"weekday": ["Tue", "Fri"]}),
        ("Y", {"year": ["2021", "1969"]}),
        ("M", {"year": ["2021", "1969"]}),
    ],
)
def test_steps_are_labelled_by_their_place_in_the_cycle(
    every: str, expected: dict[str, list[str]]
) -> None:
    """The hour of the day, the weekday, or the year where there is no cycle."""
    times = np.array(["2021-06-01T07:30", "1969-07-04T23:00"], dtype="datetime64[us]")

    assert expected == {name: found.tolist() for name, found in step_labels(every, times).items()}


def test_the_volume_of_years_is_told_by_year() -> None:
    """Sums of others are left out, so that nothing counts twice."""
    schema = replace(
        SCHEMA,
        columns=(*SCHEMA.columns, Column(name="part", kind="boolean", description="no sum")),
        parts="part",
    )
    years = ROWS.iloc[:4].assign(
        time=pd.to_datetime(["2020-01-01", "2020-01-01", "2021-01-01", "2021-01-01"], utc=True),
        value=[2.0, 100.0, 3.0, 4.0],
        part=[True, False, True, True],
    )

    found = replace(TASK, every="Y").volume(years, schema)

    rows = table(found.csv)
    assert [("2020-01-01", 2.0), ("2021-01-01", 7.0)] == [
        (row["year"], float(row["value"])) for row in rows
    ]
    assert " a year" in found.title
