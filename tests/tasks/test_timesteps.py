"""Whole steps of time: hours, days, months and years, leap years among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tasks.timesteps import YEAR, Step, nearest, ordinal, start, whole

STEPS: tuple[Step, ...] = ("h", "D", "M", "Y")
moments = st.datetimes(
    min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


@given(moment=moments, every=st.sampled_from(STEPS))
def test_a_moment_lies_between_its_step_and_the_next(moment: datetime, every: Step) -> None:
    number = ordinal(moment, every)

    assert start(number, every) <= moment < start(number + 1, every)
    assert number == ordinal(start(number, every), every)


@given(moment=moments, every=st.sampled_from(STEPS))
def test_no_beginning_of_a_step_is_nearer_than_the_nearest(moment: datetime, every: Step) -> None:
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
