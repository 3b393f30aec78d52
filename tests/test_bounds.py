"""Which rows take part: the same ones wherever they stand, no more than asked for, no stretch
favoured but by a bound that says so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipeline.bounds import Drawn, Newest, limit_of
from pipeline.errors import CaseError
from pipeline.schema import Column, Schema

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    columns=(
        Column(name="number", kind="integer", description="of the row"),
        Column(name="time", kind="time", description="when"),
        Column(name="group", kind="category", description="rows that are alike", nullable=True),
        Column(name="value", kind="number", description="what is told"),
    ),
    key=("number", "time"),
    target="value",
    time="time",
)


def table(count: int, groups: int = 10, first: int = 0) -> pa.Table:
    """A row an hour, each of one group in turn."""
    numbers = range(first, first + count)
    return pa.table(
        {
            "number": list(numbers),
            "time": [FIRST + timedelta(hours=n) for n in numbers],
            "group": [f"g{n % groups}" if n % groups else None for n in numbers],
            "value": [float(n) for n in numbers],
        },
        schema=SCHEMA.arrow(),
    )


def kept(rows: pa.Table, bound: Drawn | Newest) -> set[int]:
    marks = bound.marks(rows, SCHEMA)
    limit = limit_of(marks, bound.most)
    assert limit is not None
    return set(rows.filter(pa.array(marks <= np.uint64(limit)))["number"].to_pylist())


def test_all_rows_take_part_where_they_are_no_more_than_the_bound() -> None:
    """Nothing is drawn, and nothing said."""
    assert limit_of(Drawn().marks(table(50), SCHEMA), 50) is None


def test_as_many_rows_are_drawn_as_may_be_and_evenly_over_time() -> None:
    """Each tenth of the time has its share, up to four standard deviations of chance."""
    found = kept(table(20_000), Drawn(most=2_000))
    by_tenth = np.bincount(np.array(sorted(found)) // 2_000, minlength=10)

    assert 2_000 == len(found)
    assert (np.abs(by_tenth - 200) < 4 * np.sqrt(200 * 0.9)).all()


def test_a_row_is_marked_alike_wherever_it_stands() -> None:
    """In another order, among others, or alone in its batch."""
    rows, order = table(300), np.random.default_rng(0).permutation(300)
    marks = Drawn().marks(rows, SCHEMA)

    np.testing.assert_array_equal(marks[order], Drawn().marks(rows.take(pa.array(order)), SCHEMA))
    np.testing.assert_array_equal(marks[200:], Drawn().marks(table(100, first=200), SCHEMA))


def test_newer_rows_displace_drawn_ones_and_bring_back_none() -> None:
    """What a run drew and a later one leaves out stays out."""
    before, now = (kept(table(count), Drawn(most=500)) for count in (1_000, 2_000))

    assert {number for number in now if number < 1_000} < before


def test_another_seed_draws_other_rows() -> None:
    """A quarter of a quarter is common by chance."""
    one, other = (kept(table(8_000), Drawn(most=2_000, seed=seed)) for seed in (7, 8))

    assert 400 < len(one & other) < 600


def test_groups_are_kept_or_left_out_whole() -> None:
    """Rows without a value of the column are one group; those kept are as many as fit."""
    rows = table(1_000)
    found = kept(rows, Drawn(most=350, whole=("group",)))

    assert 300 == len(found)
    assert 3 == len({number % 10 for number in found})


def test_a_group_that_is_larger_than_the_bound_is_told() -> None:
    """No empty table is learned from."""
    marks = Drawn(whole=("group",)).marks(table(1_000), SCHEMA)

    with pytest.raises(CaseError, match=r"At most 50 rows.*the first 100 of them belong together"):
        limit_of(marks, 50)


def test_the_newest_rows_are_kept_and_it_is_told_how_old_they_are() -> None:
    """Also those from before 1970; rows without a time come last."""
    rows, bound = table(1_000), Newest(most=100)
    marks = bound.marks(rows, SCHEMA)
    limit = limit_of(marks, 100)
    assert limit is not None
    times = [None, datetime(1960, 1, 1, tzinfo=UTC), FIRST]
    few = rows.slice(0, 3).set_column(1, "time", pa.array(times, SCHEMA.arrow().field("time").type))

    assert set(range(900, 1_000)) == kept(rows, bound)
    assert FIRST + timedelta(hours=900) == bound.oldest(limit)
    assert [2, 1, 0] == np.argsort(bound.marks(few, SCHEMA)).tolist()


def test_a_bound_of_nothing_is_refused() -> None:
    """It can't be built."""
    with pytest.raises(CaseError, match="give 1 or more"):
        Drawn(most=0)
