"""The step of times of one's own: every regular one is found, and what is none is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.newcase.grids import Irregular, step_of
from pipeline.newcase.rhythms import fitted, rhythms
from pipeline.tasks import timesteps
from pipeline.tasks.forecasting import Forecasting

STEPS = (
    "15m",
    "h",
    "h+30m",
    "6h",
    "D",
    "D+6h",
    "W",
    "W+6D",
    "14D+3D",
    "M",
    "M-1D",
    "M+14D",
    "3M",
    "3M+1M",
    "3M-1D",
    "6M",
    "Y",
    "Y+6M",
    "Y-1D",
    "5Y",
)


def found(times: list[datetime]) -> str:
    return step_of(times, [later - sooner for sooner, later in pairwise(sorted(times))])


@given(
    every=st.sampled_from(STEPS),
    first=st.integers(-30, 2000),
    holes=st.sets(st.integers(1, 58), max_size=8),
)
def test_the_step_is_found_of_which_some_are_missing(
    every: str, first: int, holes: set[int]
) -> None:
    """The grid is the same, however it is written."""
    first = first % 40 if timesteps.mean(every) > timedelta(days=300) else first
    numbers = [first + place for place in range(60) if place not in holes]

    step = found([timesteps.start(number, every) for number in numbers])

    begun = [timesteps.start(first + place, every) for place in range(60)]
    assert begun == [timesteps.start(timesteps.ordinal(t, step), step) for t in begun]
    assert timesteps.mean(every) == timesteps.mean(step)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            [datetime(2024, 3, 29, tzinfo=UTC) + timedelta(hours=n + n % 2 / 60) for n in range(9)],
            "lies between",
        ),
        (
            [datetime(2024, 3, 28, 23, tzinfo=UTC) + timedelta(days=n) for n in range(3)]
            + [datetime(2024, 3, 31, 22, tzinfo=UTC) + timedelta(days=n) for n in range(3)],
            "when clocks change",
        ),
        ([datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=n / 2) for n in range(9)], "0.5"),
        (
            [
                *(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(9)),
                datetime(1900, 1, 1, tzinfo=UTC),
            ],
            "nearly all of them are missing",
        ),
    ],
)
def test_times_on_no_grid_say_why(times: list[datetime], said: str) -> None:
    with pytest.raises(Irregular, match=said):
        found(times)


@pytest.mark.parametrize("every", [*STEPS, "s", "7m", "5h", "10D", "7M"])
def test_every_step_has_forecasts_that_a_case_can_declare(every: str) -> None:
    """No way to forecast looks into its own future, and the last needs a few steps alone."""
    ways = list(rhythms(every))

    for way in ways:
        task = Forecasting(
            every=way.every,
            horizon=way.horizon,
            season=way.season,
            season_name=way.season_name,
            lags=way.lags,
            means=way.means,
            seasons=way.seasons,
        )
        assert way.reach == task.lags_before
    assert ways[-1].reach < 10


def test_a_short_history_is_forecast_by_what_it_has(tmp_path: object) -> None:
    """Two years of months have no year before and a year to test on: the month before is taken."""
    times = [timesteps.start(400 + month, "M") for month in range(120)]

    assert "same month a year before" == fitted("M", times, tmp_path)[0].season_name
    assert "same as the month before" == fitted("M", times[:30], tmp_path)[0].season_name
