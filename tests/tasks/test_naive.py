from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from pipeline.tasks.naive import SeasonalNaive

NAN = math.nan


def fitted(*columns: str) -> SeasonalNaive:
    return SeasonalNaive(columns).fit(pd.DataFrame(), np.array([1.0, 2.0, 6.0]))


def test_the_first_column_is_the_forecast() -> None:
    """Where the value a season before is known, it is the forecast, whatever else is known."""
    frame = pd.DataFrame({"week": [7.0, 8.0], "day": [1.0, 2.0]})

    assert [7.0, 8.0] == fitted("week", "day").predict(frame).tolist()


def test_the_next_column_stands_in_where_the_first_is_not_known() -> None:
    """A series too young for its season takes the first of the other columns that is known."""
    frame = pd.DataFrame({"week": [NAN, NAN], "day": [3.0, NAN], "mean": [9.0, 4.0]})

    assert [3.0, 4.0] == fitted("week", "day", "mean").predict(frame).tolist()


def test_the_training_mean_is_the_last_resort() -> None:
    """A series without any past gets the mean of what was learned from."""
    frame = pd.DataFrame({"week": [NAN], "day": [NAN]})

    assert [3.0] == fitted("week", "day").predict(frame).tolist()


@given(st.lists(st.lists(st.one_of(st.just(NAN), st.floats(0, 1e6)), min_size=3, max_size=3)))
def test_a_forecast_is_always_finite(rows: list[list[float]]) -> None:
    """Whatever is missing, there is a number for every row, and the first known one."""
    frame = pd.DataFrame(rows, columns=["a", "b", "c"], dtype=float)
    expected = [next((value for value in row if not math.isnan(value)), 3.0) for row in rows]

    assert expected == fitted("a", "b", "c").predict(frame).tolist()


def test_it_can_be_cloned_as_scikit_learn_does() -> None:
    """A clone has the same columns and has learned nothing."""
    copied = clone(fitted("week", "day"))

    assert ("week", "day") == copied.columns
    assert not hasattr(copied, "mean_")
