from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cases.bikes.features import LocalCalendar


def calendar(*moments: datetime) -> list[dict[str, float]]:
    times = pd.Series(list(moments), dtype="datetime64[us, UTC]")
    found = LocalCalendar().fit(times.to_frame()).transform(times.to_frame("time"))
    return [dict(zip(LocalCalendar.NAMES, row, strict=True)) for row in found.tolist()]


def noon(text: str) -> dict[str, float]:
    (found,) = calendar(datetime.fromisoformat(text).replace(hour=12, tzinfo=UTC))
    return found


@given(st.datetimes(datetime(2000, 1, 1), datetime(2035, 12, 31)))
@settings(max_examples=100)
def test_clocks_are_those_of_paris(moment: datetime) -> None:
    """Hour, weekday and day of the year are read as people in Paris read them."""
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Paris"))

    (found,) = calendar(moment.replace(tzinfo=UTC))

    assert (local.hour, local.weekday(), local.timetuple().tm_yday) == (
        found["hour"],
        found["weekday"],
        found["yearday"],
    )


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (datetime(2021, 3, 27, 23, tzinfo=UTC), [0, 1, 3, 4]),
        (datetime(2021, 10, 30, 22, tzinfo=UTC), [0, 1, 2, 2, 3]),
    ],
    ids=["to summer time", "to winter time"],
)
def test_clock_changes_leave_out_an_hour_and_repeat_one(
    first: datetime, expected: list[int]
) -> None:
    """One spring night has no 02:00, and one autumn night has it twice."""
    found = calendar(*(first + timedelta(hours=step) for step in range(len(expected))))

    assert expected == [row["hour"] for row in found]


def test_the_last_hour_of_the_year_in_utc_is_new_year_in_paris() -> None:
    """The day of a row is the local one."""
    (found,) = calendar(datetime(2020, 12, 31, 23, tzinfo=UTC))

    assert (1, 1) == (found["yearday"], found["public_holiday"])


@pytest.mark.parametrize(
    ("day", "public", "bridge"),
    [
        ("2021-05-13", 1, 0),  # Ascension, always a Thursday
        ("2021-05-14", 0, 1),  # the Friday after it
        ("2021-05-12", 0, 0),
        ("2020-07-13", 0, 1),  # the Monday before a Tuesday, 14 July
        ("2020-07-14", 1, 0),
        ("2021-11-12", 0, 1),  # the Friday after Thursday, 11 November
        ("2021-04-05", 1, 0),  # Easter Monday
        ("2021-08-15", 1, 0),  # the Assumption, a Sunday …
        ("2021-08-16", 0, 0),  # … gives nobody a Monday off
        ("2021-04-30", 0, 0),  # nor does 1 May, a Saturday, a Friday
        ("2019-12-31", 0, 0),  # a Tuesday before a holiday
        ("2018-12-31", 0, 1),  # a Monday whose next day is in another year
        ("2021-06-02", 0, 0),
    ],
)
def test_public_holidays_and_the_days_that_bridge_to_a_weekend(
    day: str, public: int, bridge: int
) -> None:
    """A bridge is a Monday before or a Friday after a public holiday."""
    found = noon(day)

    assert (public, bridge) == (found["public_holiday"], found["bridge_day"])


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2021-02-17", 1),  # winter holidays of zone C (Paris): 13 February to 1 March
        ("2021-02-10", 0),  # those of zone A had begun on the 6th
        ("2021-07-20", 1),
        ("2021-06-15", 0),
        ("2020-12-25", 1),
        ("2021-09-02", 0),
    ],
)
def test_school_holidays_are_those_of_zone_c(day: str, expected: int) -> None:
    """Paris is in zone C; the winter holidays of the others are school days there."""
    assert expected == noon(day)["school_holiday"]


@pytest.mark.parametrize("day", ["1980-07-20", "2060-07-20"])
def test_a_year_without_a_school_calendar_is_unknown_not_no(day: str) -> None:
    """What the ministry has not published is NaN."""
    assert math.isnan(noon(day)["school_holiday"])


def test_years_with_and_without_a_calendar_go_together() -> None:
    """Known and unknown years in one table keep their own values."""
    known, unknown = calendar(datetime(2021, 7, 20, tzinfo=UTC), datetime(2060, 7, 20, tzinfo=UTC))

    assert 1 == known["school_holiday"]
    assert math.isnan(unknown["school_holiday"])


def test_rows_keep_their_order_and_repeat() -> None:
    """Many counters share an hour, and rows come in any order."""
    times = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=7 * step) for step in range(50)]
    order = np.random.default_rng(0).integers(0, 50, 200)

    found = calendar(*(times[place] for place in order))

    assert [calendar(times[place])[0] for place in order[:20]] == found[:20]


def test_an_empty_table_has_an_empty_calendar() -> None:
    """No rows, six columns."""
    empty = pd.DataFrame({"time": pd.Series([], dtype="datetime64[us, UTC]")})

    assert (0, 6) == LocalCalendar().fit(empty).transform(empty).shape


def test_columns_have_names() -> None:
    """The names stand in the order of the columns."""
    names = LocalCalendar().get_feature_names_out()

    assert ["hour", "weekday", "yearday", "public_holiday", "bridge_day", "school_holiday"] == list(
        names
    )


def test_every_public_holiday_of_a_year_is_known() -> None:
    """France has eleven public holidays outside Alsace; of 2021 they are these."""
    days = [date(2021, 1, 1) + timedelta(days=day) for day in range(365)]
    found = [day for day in days if noon(day.isoformat())["public_holiday"]]

    assert [
        date(2021, month, day)
        for month, day in [
            (1, 1),
            (4, 5),
            (5, 1),
            (5, 8),
            (5, 13),
            (5, 24),
            (7, 14),
            (8, 15),
            (11, 1),
            (11, 11),
            (12, 25),
        ]
    ] == found
