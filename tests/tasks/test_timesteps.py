"""Whole steps of time: hours, days, months and years, leap years among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import CaseError
from pipeline.tasks import timesteps
from pipeline.tasks.timesteps import YEAR, nearest, ordinal, start, whole

STEPS = ("h", "D", "M", "Y", "15m", "h+30m", "W", "W+6D", "14D", "3M", "M-1D", "Y+6M", "Y+6M-1D")
moments = st.datetimes(
    min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


@given(moment=moments, every=st.sampled_from(STEPS))
def test_a_moment_lies_between_its_step_and_the_next(moment: datetime, every: str) -> None:
    number = ordinal(moment, every)

    assert start(number, every) <= moment < start(number + 1, every)
    assert number == ordinal(start(number, every), every)


@given(moment=moments, every=st.sampled_from(STEPS))
def test_no_beginning_of_a_step_is_nearer_than_the_nearest(moment: datetime, every: str) -> None:
    number = nearest(moment, every)
    distances = [abs(start(number + shift, every) - moment) for shift in (-1, 0, 1)]

    assert min(distances) == distances[1]


@pytest.mark.parametrize("days", [365, 365.25, 366])
def test_a_year_is_a_year(days: float) -> None:
    assert 1 == whole(timedelta(days=days), "Y")
    assert 8 == whole(8 * timedelta(days=days), "Y")


def test_other_lengths_are_whole_steps() -> None:
    assert 24 == whole(timedelta(days=1), "h")
    assert 28 == whole(timedelta(days=28), "D")
    assert 12 == whole(YEAR, "M")
    assert 1 == whole(timedelta(minutes=1), "h")


@pytest.mark.parametrize("last", range(2000, 2030))
@pytest.mark.parametrize("years", range(1, 12))
def test_years_counted_back_from_the_end_of_a_year_begin_in_january(last: int, years: int) -> None:
    """Whether the value of the last year counts as known on its last day or the day after."""
    for end in (datetime(last, 12, 31, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)):
        origin = start(nearest(end - years * YEAR, "Y"), "Y")

        assert datetime(last + 1 - years, 1, 1, tzinfo=UTC) == origin


def test_another_zone_is_brought_to_utc() -> None:
    moment = datetime.fromisoformat("2021-01-01T00:30:00+02:00")

    assert ordinal(moment, "Y") == 2020 - 1970


@pytest.mark.parametrize(
    ("every", "begins", "told", "apart"),
    [
        ("15m", "2024-02-29T13:00", "steps of 15 minutes", "15 minutes"),
        ("h+30m", "2024-02-29T12:30", "hours", "an hour"),
        ("W", "2024-02-26T00:00", "weeks", "a week"),
        ("W+6D", "2024-02-25T00:00", "weeks", "a week"),
        ("3M+1M", "2024-02-01T00:00", "quarters", "a quarter"),
        ("M-1D", "2024-02-29T00:00", "months", "a month"),
        ("M+14D+6h", "2024-02-15T06:00", "months", "a month"),
        ("Y+6M-1D", "2023-06-30T00:00", "years", "a year"),
        ("10Y", "2020-01-01T00:00", "steps of 10 years", "10 years"),
    ],
)
def test_a_step_begins_where_it_is_moved_to(every: str, begins: str, told: str, apart: str) -> None:
    moment = datetime(2024, 2, 29, 13, 7, tzinfo=UTC)

    assert begins == f"{start(ordinal(moment, every), every):%Y-%m-%dT%H:%M}"
    assert (told, apart) == (timesteps.names(every), timesteps.apart(every))


@pytest.mark.parametrize(
    ("every", "days"),
    [("M", (28, 31)), ("3M", (90, 92)), ("3M+1M", (89, 92)), ("Y", (365, 366)), ("W", (7, 7))],
)
def test_the_shortest_and_the_longest_step_are_those_of_the_calendar(
    every: str, days: tuple[int, int]
) -> None:
    found = (timesteps.shortest(every), timesteps.longest(every))

    assert tuple(timedelta(days=each) for each in days) == found


@pytest.mark.parametrize("every", ["", "x", "0D", "1.5h", "D+1M", "hourly", "M+"])
def test_what_is_no_step_is_refused(every: str) -> None:
    with pytest.raises(CaseError, match="no step of time"):
        timesteps.step(every)


def test_how_far_a_time_lies_past_its_step() -> None:
    times = pd.Series(["2024-02-26T00:00Z", "2024-02-26T00:01Z", None])

    past = timesteps.seconds_past(pd.to_datetime(times), "W")

    assert [0.0, 60.0] == past[:2].tolist()
    assert np.isnan(past[2])
