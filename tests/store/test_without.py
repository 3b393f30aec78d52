"""The rows that a quarantine leaves, against the database's way to take them out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.store import changes, without

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    {"who": pa.string(), "time": pa.timestamp("us", tz="UTC"), "copy": pa.int64(), "n": pa.int64()}
)
KEY = ("who", "time", "copy")
keys = st.tuples(
    st.sampled_from(["b", "a", "É", "e", "", None]),
    st.one_of(st.none(), st.integers(0, 3).map(lambda hour: START + timedelta(hours=hour))),
    st.integers(0, 1),
)


def table(chosen: list[tuple[Any, ...]]) -> pa.Table:
    rows = [(*values, number) for number, values in enumerate(chosen)]
    return pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA
    )


@given(st.lists(keys, unique=True), st.lists(keys, unique=True))
@settings(max_examples=25)
def test_what_is_left_is_what_the_database_leaves(
    chosen: list[tuple[Any, ...]], failing: list[tuple[Any, ...]]
) -> None:
    """In the same order; nulls equal one another, and come last."""
    rows, others = table(chosen), table(failing)

    expected = changes.rows_without(rows, others, KEY)

    assert expected.to_pylist() == without.rows_without(rows, others, KEY).to_pylist()


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_CANDIDATES"])
def test_many_rows_are_left_to_the_database(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same end."""
    rows = table([(name, START, 0) for name in "cab"])
    asked = []
    joined = changes.rows_without
    monkeypatch.setattr(without, limit, 0)
    monkeypatch.setattr(
        changes, "rows_without", lambda *given: asked.append(given) or joined(*given)
    )

    left = without.rows_without(rows, rows.slice(2), KEY)

    assert ["a", "c"] == left["who"].to_pylist()
    assert 1 == len(asked)


def test_numbers_with_a_fraction_are_left_to_the_database() -> None:
    """It takes what is no number for equal."""
    rows = pa.table({"place": [2.0, float("nan"), 1.0]})

    assert [1.0, 2.0] == without.rows_without(rows, rows.slice(1, 1), ("place",))[
        "place"
    ].to_pylist()
