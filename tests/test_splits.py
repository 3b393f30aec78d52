"""Folds in time, by entity and by class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.splits import (
    Fold,
    folds_from_origins,
    grouped_folds,
    stratified_folds,
)

START = datetime(2021, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def hourly(days: int) -> NDArray[np.datetime64]:
    return np.datetime64("2021-01-01T00", "us") + np.arange(24 * days) * np.timedelta64(1, "h")


def rolling_folds(
    times: NDArray[np.datetime64],
    *,
    folds: int,
    length: timedelta,
    end: datetime,
    known_after: timedelta,
) -> tuple[Fold, ...]:
    """Consecutive folds of one length, of which the last ends at `end`."""
    origins = [end - length * (folds - fold) for fold in range(folds)]
    return folds_from_origins(times, origins=origins, end=end, known_after=known_after)


def test_last_fold_ends_at_the_end() -> None:
    """Folds follow each other without gap, oldest first, and the last ends where asked."""
    folds = rolling_folds(
        hourly(10), folds=3, length=2 * DAY, end=START + 9 * DAY, known_after=timedelta(0)
    )

    assert ["2021-01-04", "2021-01-06", "2021-01-08"] == [fold.name for fold in folds]
    assert [START + 5 * DAY, START + 7 * DAY, START + 9 * DAY] == [fold.end for fold in folds]
    np.testing.assert_array_equal(
        np.arange(3 * 24, 9 * 24), np.concatenate([fold.test for fold in folds])
    )


def test_value_that_is_not_yet_known_is_not_learned_from() -> None:
    """A row whose value comes a day later is learned from a day later."""
    (fold,) = folds_from_origins(
        hourly(4), origins=[START + 2 * DAY], end=START + 3 * DAY, known_after=DAY
    )

    np.testing.assert_array_equal(np.arange(25), fold.train)


def test_row_at_the_origin_is_only_predicted() -> None:
    """A value known at once is still not both learned from and predicted."""
    (fold,) = folds_from_origins(
        hourly(2), origins=[START + DAY], end=START + 2 * DAY, known_after=timedelta(0)
    )

    assert set(fold.train).isdisjoint(fold.test)
    assert fold.test[0] == 24


def test_each_fold_lasts_until_the_next_origin() -> None:
    """Origins may be months apart by the calendar; the last fold ends at the end."""
    origins = [datetime(2021, 2, 1, tzinfo=UTC), datetime(2021, 3, 1, tzinfo=UTC)]

    february, march = folds_from_origins(
        hourly(100), origins=origins, end=datetime(2021, 4, 1, tzinfo=UTC), known_after=DAY
    )

    assert (28 * 24, 31 * 24) == (len(february.test), len(march.test))


def test_another_time_zone_is_the_same_moment() -> None:
    """An origin in another zone is taken as the moment that it is."""
    east = timezone(timedelta(hours=2))
    (fold,) = folds_from_origins(
        hourly(3),
        origins=[(START + DAY).astimezone(east)],
        end=START + 2 * DAY,
        known_after=timedelta(0),
    )

    assert ("2021-01-02", 24) == (fold.name, fold.test[0])


def test_origin_within_a_day_has_its_time_in_the_name() -> None:
    """Names of folds of less than a day differ."""
    folds = rolling_folds(
        hourly(2), folds=2, length=DAY / 4, end=START + DAY, known_after=timedelta(0)
    )

    assert ["2021-01-01T120000", "2021-01-01T180000"] == [fold.name for fold in folds]


@given(
    hours=st.lists(st.integers(0, 2000), min_size=1, max_size=60),
    folds=st.integers(1, 4),
    length=st.integers(1, 200),
    end=st.integers(1, 2000),
    known_after=st.integers(0, 100),
)
def test_nothing_is_learned_before_it_is_known(
    hours: list[int], folds: int, length: int, end: int, known_after: int
) -> None:
    """Whatever the layout: train is exactly what is known, test is exactly the fold's rows."""
    times = np.datetime64("2021-01-01", "us") + np.array(hours) * np.timedelta64(1, "h")
    try:
        made = rolling_folds(
            times,
            folds=folds,
            length=timedelta(hours=length),
            end=START + timedelta(hours=end),
            known_after=timedelta(hours=known_after),
        )
    except StepError:
        return

    for fold in made:
        origin = (fold.origin - START) / timedelta(hours=1)
        until = (fold.end - START) / timedelta(hours=1)
        known = [h + known_after <= origin and h < origin for h in hours]
        assert [i for i, is_known in enumerate(known) if is_known] == fold.train.tolist()
        assert [i for i, h in enumerate(hours) if origin <= h < until] == fold.test.tolist()


def test_all_empty_folds_are_named() -> None:
    """Folds without rows are one error that names each and what the table spans."""
    with pytest.raises(StepError) as caught:
        rolling_folds(
            hourly(3), folds=3, length=2 * DAY, end=START + 6 * DAY, known_after=timedelta(0)
        )

    message = str(caught.value)
    assert "'2021-01-01' has no row that is known at its origin" in message
    assert "'2021-01-05' has no row up to '2021-01-07T00:00:00+00:00'" in message
    assert "from 2021-01-01T00:00:00.000000 to 2021-01-03T23:00:00.000000" in message
    assert "fewer or longer folds" in message


def test_empty_table_is_an_error() -> None:
    """A table without rows is said to be empty."""
    with pytest.raises(StepError, match="the table is empty"):
        rolling_folds(hourly(0), folds=1, length=DAY, end=START, known_after=DAY)


def test_time_without_zone_is_refused() -> None:
    """A naive origin could be anywhere, so it is named and refused."""
    naive = datetime(2021, 1, 2)

    with pytest.raises(StepError, match="no time zone on '2021-01-02T00:00:00'"):
        folds_from_origins(hourly(4), origins=[naive], end=START + 2 * DAY, known_after=DAY)


@pytest.mark.parametrize(
    ("origins", "end", "known_after", "found"),
    [
        ([], START, DAY, "there are no origins"),
        ([START + DAY, START + DAY], START + 2 * DAY, DAY, "put them in order"),
        ([START + DAY], START + DAY, DAY, "put them in order"),
        ([START + DAY], START + 2 * DAY, -DAY, "known_after is '-1 day, 0:00:00'"),
    ],
)
def test_impossible_layout_is_refused(
    origins: list[datetime], end: datetime, known_after: timedelta, found: str
) -> None:
    """Each way to lay folds out wrongly is an error that says what was found."""
    with pytest.raises(StepError, match=found):
        folds_from_origins(hourly(4), origins=origins, end=end, known_after=known_after)


def test_missing_time_is_refused() -> None:
    """A row without time belongs to no fold, so it is counted and refused."""
    times = hourly(4)
    times[3] = np.datetime64("NaT", "us")

    with pytest.raises(StepError, match="1 of 96 rows have no time"):
        folds_from_origins(times, origins=[START + DAY], end=START + 2 * DAY, known_after=DAY)


@given(
    groups=st.lists(st.sampled_from("abcdef"), min_size=12, max_size=60),
    folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_grouped_folds_share_no_group(groups: list[str], folds: int, seed: int) -> None:
    """Every row is predicted once, from rows of other groups only."""
    assume(len(set(groups)) >= folds)
    labels = np.array(groups)

    found = grouped_folds(labels, folds=folds, seed=seed, start=START, end=START + 59 * DAY)

    tested = np.sort(np.concatenate([fold.test for fold in found]))
    assert np.arange(len(labels)).tolist() == tested.tolist()
    for fold in found:
        assert not set(labels[fold.train]) & set(labels[fold.test])
        assert len(fold.train) + len(fold.test) == len(labels)


def test_stratified_folds_keep_the_proportions() -> None:
    """Of 30 daisies and 60 roses, each of three folds tests 10 and 20."""
    classes = np.array(["daisy"] * 30 + ["rose"] * 60)

    folds = stratified_folds(classes, folds=3, start=START, end=START + 59 * DAY)

    assert [(10, 20)] * 3 == [
        ((classes[fold.test] == "daisy").sum(), (classes[fold.test] == "rose").sum())
        for fold in folds
    ]
    assert ["1 of 3", "2 of 3", "3 of 3"] == [fold.name for fold in folds]


def test_stratified_folds_can_keep_groups_together() -> None:
    """Pictures of one plant are on one side, and every fold has both classes."""
    plants = np.repeat(np.arange(20), 3)
    classes = np.where(plants < 8, "daisy", "rose")

    for fold in stratified_folds(
        classes, folds=4, groups=plants, start=START, end=START + 59 * DAY
    ):
        assert not set(plants[fold.train]) & set(plants[fold.test])
        assert {"daisy", "rose"} == set(classes[fold.test])


def test_more_folds_than_groups_are_refused() -> None:
    """The error says how many there are of what."""
    with pytest.raises(StepError, match="There are 2 groups for 3 folds"):
        grouped_folds(["a", "a", "b"], folds=3, start=START, end=START + 59 * DAY)
    with pytest.raises(StepError, match="There are 1 rows of class b for 2 folds"):
        stratified_folds(["a", "a", "b"], folds=2, start=START, end=START + 59 * DAY)
    with pytest.raises(StepError, match="ask for 2 or more"):
        grouped_folds(["a", "b"], folds=1, start=START, end=START + 59 * DAY)
