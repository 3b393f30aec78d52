"""Changes put into simulated rows: at their time, of their size, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import CaseError
from pipeline.injections import (
    Change,
    Gradual,
    Missing,
    NewCategory,
    Seasonal,
    Stuck,
    Sudden,
    apply,
    note_of,
)

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
START = FIRST + timedelta(days=10)
DAYS = 30


def table() -> pd.DataFrame:
    times = pd.date_range(FIRST, periods=24 * DAYS, freq="h", tz="UTC").as_unit("us")
    two = pd.concat([pd.DataFrame({"time": times, "who": who}) for who in ("ann", "bob")])
    random = np.random.default_rng(0)
    return two.reset_index(drop=True).assign(
        speed=random.normal(10, 2, 48 * DAYS), trips=random.poisson(30, 48 * DAYS)
    )


EVERY: list[Change] = [
    Sudden(column="speed", start=START, by=3.0),
    Gradual(column="speed", start=START, over=timedelta(days=5), factor=2.0),
    Seasonal(column="speed", start=START, period=timedelta(days=8), by=4.0),
    Missing(column="speed", start=START, share=0.3),
    NewCategory(column="who", start=START, category="eve", share=0.2),
    Stuck(column="speed", start=START),
]


@pytest.mark.parametrize("change", EVERY, ids=lambda change: type(change).__name__)
def test_only_the_column_changes_and_only_from_the_start_on(change: Change) -> None:
    """Rows before the start, other columns and the frame that was given stay as they are."""
    before = table()
    after = apply(before, [change], time="time")

    early = before["time"] < START
    pd.testing.assert_frame_equal(before, table())
    pd.testing.assert_frame_equal(after[early], before[early], check_dtype=False)
    pd.testing.assert_frame_equal(
        after.drop(columns=change.column), before.drop(columns=change.column)
    )
    assert not after.loc[~early, change.column].equals(before.loc[~early, change.column])


def test_a_change_ends_where_it_says() -> None:
    """From its end on, values are as they were."""
    change = Stuck(column="speed", start=START, end=START + timedelta(days=2))
    after = apply(table(), [change], time="time")

    stuck = after["time"][after["speed"] == 0]
    assert (START, START + timedelta(hours=47)) == (stuck.min(), stuck.max())


def test_a_change_of_some_rows_leaves_the_others() -> None:
    """`only` names columns and the values that they must hold."""
    before = table()
    after = apply(before, [Stuck(column="trips", start=START, only={"who": ["bob"]})], time="time")

    changed = before[(before["trips"] != after["trips"]).to_numpy()]
    assert {"bob"} == set(changed["who"])
    assert "int64" == after["trips"].dtype


def test_sudden_is_factor_then_addition() -> None:
    """A change of unit: °C to °F."""
    before = table()
    after = apply(before, [Sudden(column="speed", start=START, factor=1.8, by=32)], time="time")

    late = before["time"] >= START
    assert np.allclose(after.loc[late, "speed"], 1.8 * before.loc[late, "speed"] + 32)


def test_gradual_grows_evenly_and_stays() -> None:
    """Nothing at the start, half after half the time, all from then on."""
    before = table()
    after = apply(
        before, [Gradual(column="speed", start=START, over=timedelta(days=4), by=8)], time="time"
    )

    gap = (after["speed"] - before["speed"]).groupby(before["time"]).mean()
    moments = [START, START + timedelta(days=2), START + timedelta(days=4), gap.index[-1]]
    assert pytest.approx([0, 4, 8, 8]) == [gap[pd.Timestamp(moment)] for moment in moments]


def test_seasonal_is_a_wave_with_its_crest_after_a_quarter() -> None:
    """Up, back, down and back again."""
    before = table()
    after = apply(
        before, [Seasonal(column="speed", start=START, period=timedelta(days=8), by=4)], time="time"
    )

    gap = (after["speed"] - before["speed"]).groupby(before["time"]).mean()
    moments = [START + timedelta(days=2 * quarter) for quarter in range(4)]
    found = [gap[pd.Timestamp(moment)] for moment in moments]
    assert pytest.approx([0, 4, 0, -4], abs=1e-9) == found


@given(st.floats(0.05, 0.95))
def test_lost_values_are_about_as_many_as_asked_for(share: float) -> None:
    """Binomial: within five standard deviations of the share."""
    after = apply(table(), [Missing(column="trips", start=FIRST, share=share)], time="time")

    rows = 48 * DAYS
    error = np.sqrt(share * (1 - share) / rows)
    assert abs(after["trips"].isna().mean() - share) <= 5 * error


def test_whole_numbers_stay_whole_with_the_right_mean() -> None:
    """A third of a count is rounded up as often as it is large."""
    before = table()
    after = apply(before, [Sudden(column="trips", start=FIRST, factor=0.65)], time="time")

    assert "int64" == after["trips"].dtype
    error = 0.5 / np.sqrt(len(after))
    assert abs(after["trips"].mean() - 0.65 * before["trips"].mean()) < 4 * error


def test_changes_come_one_after_the_other() -> None:
    """A second change sees what the first has made."""
    first = NewCategory(column="who", start=START, category="eve", share=0.5)
    second = Stuck(column="speed", start=START, only={"who": ["eve"]})
    after = apply(table(), [first, second], time="time")

    assert ((after["speed"] == 0) == (after["who"] == "eve")).all()
    assert (after["who"] == "eve").any()


def test_the_same_seed_gives_the_same_rows() -> None:
    """What is lost is drawn from the seed."""
    lost = [Missing(column="speed", start=START, share=0.3)]
    first, again, other = (apply(table(), lost, time="time", seed=seed) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_the_note_says_what_where_and_when() -> None:
    """A reader of a simulated page is told what was put in."""
    changes = [
        Sudden(column="speed", start=START, by=-2.0, only={"who": ["bob"]}),
        Missing(column="trips", start=START, share=0.25, end=START + timedelta(days=1)),
    ]

    assert note_of(changes) == (
        "From 2024-01-11 00:00 UTC on, speed (who bob): -2. "
        "From 2024-01-11 00:00 to 2024-01-12 00:00 UTC, trips: 25 % of the values lost."
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Missing(column="x", start=START, share=1.5), "1.5; choose 0 to 1"),
        (lambda: Gradual(column="x", start=START, over=timedelta(0)), "a time above zero"),
        (lambda: Seasonal(column="x", start=START, period=timedelta(0)), "a time above zero"),
        (lambda: apply(table(), [Stuck(column="x", start=START)], time="time"), "'x'. There are"),
    ],
)
def test_what_can_not_be_put_in_is_refused(make: Any, said: str) -> None:
    """The error names what was found and the remedy."""
    with pytest.raises(CaseError, match=said):
        make()
