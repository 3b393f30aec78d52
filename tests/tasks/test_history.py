from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tasks.history import Grid

NAN = math.nan

values = st.one_of(
    st.just(NAN),
    st.integers(0, 5).map(float),
    st.floats(-1000, 1000, allow_nan=False),
)


@st.composite
def observations(draw: st.DrawFn) -> list[tuple[int, int, float]]:
    """Series, ordinal and value of some keys of a small grid, in any order."""
    keys = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(100, 125)),
            unique=True,
            min_size=1,
            max_size=50,
        )
    )
    numbered = {series: place for place, series in enumerate(sorted({s for s, _ in keys}))}
    return [(numbered[series], ordinal, draw(values)) for series, ordinal in keys]


def grid(rows: list[tuple[int, int, float]]) -> Grid:
    series, ordinals, found = zip(*rows, strict=True)
    return Grid.of(np.array(series), np.array(ordinals), np.array(found))


def slow_mean(found: list[float]) -> float:
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else NAN


@given(observations(), st.integers(1, 12))
def test_a_lag_is_the_value_that_many_steps_before(
    rows: list[tuple[int, int, float]], lag: int
) -> None:
    """Row by row, the lag is what the same series held `lag` steps before, NaN where nothing."""
    known = {(series, ordinal): value for series, ordinal, value in rows}
    expected = [known.get((series, ordinal - lag), NAN) for series, ordinal, _ in rows]

    np.testing.assert_array_equal(expected, grid(rows).lagged(lag))


@given(observations(), st.integers(1, 6), st.integers(1, 40))
def test_a_mean_is_of_the_known_values_that_end_a_lag_before(
    rows: list[tuple[int, int, float]], lag: int, width: int
) -> None:
    """Row by row, the mean of the known among the `width` steps that end `lag` steps before."""
    known = {(series, ordinal): value for series, ordinal, value in rows}
    expected = [
        slow_mean([known.get((s, t - lag - back), NAN) for back in range(width)])
        for s, t, _ in rows
    ]

    # Differences of running sums of at most 26 values up to 1000: each sum is rounded 26 times.
    np.testing.assert_allclose(
        grid(rows).mean_before(lag, width), expected, rtol=0, atol=26 * 26_000 * 2**-52
    )


@given(observations(), st.integers(1, 8), st.integers(1, 4))
def test_a_seasonal_mean_is_of_the_known_values_whole_seasons_before(
    rows: list[tuple[int, int, float]], season: int, seasons: int
) -> None:
    """Row by row, the mean of the known values 1, 2, … seasons before."""
    known = {(series, ordinal): value for series, ordinal, value in rows}
    expected = [
        slow_mean([known.get((s, t - season * back), NAN) for back in range(1, seasons + 1)])
        for s, t, _ in rows
    ]

    np.testing.assert_allclose(grid(rows).seasonal_mean(season, seasons), expected, rtol=1e-12)


@settings(max_examples=50)
@given(observations(), st.data())
def test_the_order_of_the_observations_changes_nothing(
    rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    """Each observation gets the same columns wherever it stands in the table."""
    order = data.draw(st.permutations(range(len(rows))))
    straight, shuffled = grid(rows), grid([rows[place] for place in order])

    np.testing.assert_array_equal(
        straight.mean_before(2, 5)[list(order)], shuffled.mean_before(2, 5)
    )


def test_a_key_that_comes_twice_keeps_its_last_value() -> None:
    """Of two values for one step, the later in the table is the one that others look back on."""
    found = grid([(0, 10, 1.0), (0, 10, 2.0), (0, 11, 5.0)]).lagged(1)

    np.testing.assert_array_equal([NAN, NAN, 2.0], found)


@pytest.mark.parametrize("column", ["lagged", "mean", "season"])
def test_no_observations_have_no_past(column: str) -> None:
    """An empty table gives empty columns."""
    empty = Grid.of(np.array([], np.int64), np.array([], np.int64), np.array([]))
    found = {
        "lagged": lambda: empty.lagged(3),
        "mean": lambda: empty.mean_before(3, 4),
        "season": lambda: empty.seasonal_mean(3, 2),
    }[column]()

    assert (0,) == found.shape


def test_an_enormous_value_leaves_earlier_means_as_they_are_to_the_bit() -> None:
    """Running sums carry a spike forward only: what lies before it is not even rounded."""
    rows = [(0, step, 0.1 * step) for step in range(40)]
    spiked = [(s, t, value * 1000 if t >= 30 else value) for s, t, value in rows]

    np.testing.assert_array_equal(
        grid(rows).mean_before(4, 7)[:34], grid(spiked).mean_before(4, 7)[:34]
    )


def slow_growth(
    observations: list[tuple[int, int, float]],
    groups: dict[int, int],
    row: tuple[int, int],
    lag: int,
    width: int,
) -> float:
    """Three loops: what a group's series that are known in both steps have grown."""
    values = {(series, step): value for series, step, value in observations}
    series, step = row
    later = earlier = 0.0
    for end in range(step - lag - width + 1, step - lag + 1):
        for other in {each for each, _, _ in observations}:
            pair = values.get((other, end)), values.get((other, end - 1))
            if groups[other] == groups[series] and None not in pair:
                later += pair[0]
                earlier += pair[1]
    return later / earlier if earlier else float("nan")


@given(
    values=st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(0, 9)),
        st.one_of(st.just(0.0), st.floats(0.01, 50)),
        min_size=1,
        max_size=40,
    ),
    lag=st.integers(1, 3),
    width=st.integers(1, 4),
)
def test_growth_is_that_of_the_series_known_in_both_steps(
    values: dict[tuple[int, int], float], lag: int, width: int
) -> None:
    """Of the group alone, and of nothing newer than the lag."""
    rows = [(series, step, value) for (series, step), value in values.items()]
    series = np.array([row[0] for row in rows])
    first = min(step for _, step, _ in rows)
    steps = np.array([row[1] - first for row in rows])
    group = {0: 0, 1: 0, 2: 1, 3: 1}
    grid = Grid.of(series, steps, np.array([row[2] for row in rows]))

    found = grid.growth(np.array([group[each] for each in series]), lag, width)

    expected = [slow_growth(rows, group, row[:2], lag, width) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
