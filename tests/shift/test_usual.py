"""Columns of which most rows hold one and the same value."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.shift import ColumnShift, Table, Watched, compare, judge
from pipeline.shift._groups import Groups
from pipeline.shift._present import Present
from pipeline.shift._usual import MOSTLY, often_unusual, usual_value

Values = NDArray[np.float64]
DAYS, NEW, SERIES = 224, 28, 3


def judged(values: Values) -> tuple[ColumnShift, ...]:
    """Hours x series; the newest four weeks against those before, beside a column of noise."""
    hours = np.arange(DAYS * 24) * np.timedelta64(1, "h") + np.datetime64("2021-01-04T00", "us")
    other = np.random.default_rng(1).standard_normal(values.size)
    columns = {"rare": values.ravel(), "other": other}
    times, names = (
        np.repeat(hours, SERIES),
        np.tile([f"s{each}" for each in range(SERIES)], DAYS * 24),
    )
    cut = (DAYS - NEW) * 24 * SERIES
    before, now = (
        Table(
            columns={name: column[part] for name, column in columns.items()},
            times=times[part],
            entities=names[part],
        )
        for part in (slice(0, cut), slice(cut, None))
    )
    watched = [Watched(name=name, kind="number", beside=True) for name in columns]
    return judge(compare(before, now, watched, block=timedelta(days=1)), alpha=0.05)


def rare(seed: int, share: float) -> Values:
    """One row in so many is 1, at any time."""
    random = np.random.default_rng([4, seed])
    return (random.random((DAYS * 24, SERIES)) < share).astype(np.float64)


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_rare_events_that_have_not_changed_are_no_change(share: float) -> None:
    """Of 12 panels with one event in a thousand rows or in a hundred, at most two alarm, which
    chance does in 2 % of cases at a level of 5 %, and no test finds what is next to impossible.
    Levels of cells made two of three panels alarm, most of them at 1e-50.
    """
    alarmed = 0
    for seed in range(12):
        found = judged(rare(seed, share))
        alarmed += any(each.alarm for each in found)
        assert min((found[0].tests or {}).values()) > 1e-6

    assert alarmed <= 2


def test_events_that_come_ten_times_as_often_are_found() -> None:
    """In the newest four weeks, of all series."""
    values = rare(0, 0.001)
    values[-NEW * 24 :] = rare(1, 0.01)[-NEW * 24 :]

    assert judged(values)[0].alarm


def test_a_series_that_has_few_events_is_not_asked_alone() -> None:
    """Less than five are expected of each in a window; three in a hundred rows are enough."""
    few, many = judged(rare(2, 0.001))[0], judged(rare(2, 0.03))[0]

    assert {"mean", "shape"} == set(few.tests or ())
    assert {"mean", "shape", "series", "daily rhythm"} == set(many.tests or ())


@given(st.lists(st.sampled_from([0.0, 0.25, 7.0, np.nan]), min_size=1, max_size=60))
def test_the_usual_value_is_that_of_nine_in_ten(values: list[float]) -> None:
    """What a count of the known values says."""
    known = [each for each in values if not math.isnan(each)]
    expected = [each for each in set(known) if known.count(each) >= MOSTLY * len(known)]
    column = np.array(values)

    found = usual_value(column, Present.of(column), one_cell(len(column)))

    assert (expected[0] if expected else None) == found


def one_cell(rows: int) -> Groups:
    return Groups.of(None, np.zeros(rows, dtype=np.intp), blocks=1, count=1)


def test_what_the_cell_tells_is_no_rare_event() -> None:
    """One of twenty cells always holds another value; or one row of each cell does."""
    cell = np.repeat(np.arange(20), 20)
    cells = Groups.of(None, cell, blocks=1, count=20)
    always, anywhere = (cell == 7).astype(float), (np.arange(400) % 20 == 3).astype(float)

    assert usual_value(always, Present.of(always), cells) is None
    assert 0.0 == usual_value(anywhere, Present.of(anywhere), cells)


def test_five_unusual_values_of_each_part_are_enough() -> None:
    """Of a reference of 100 rows, two are unusual: 500 new rows have ten, for two parts."""
    before = np.zeros(100)
    before[[3, 50]] = 1.0

    assert often_unusual(before, 500, 2)
    assert not often_unusual(before, 499, 2)
