from __future__ import annotations

from typing import Any, get_args

import pyarrow as pa
import pytest

from pipeline.errors import CaseError
from pipeline.schema import Column, Kind, Schema


def column(name: str, kind: Kind = "number", **others: Any) -> Column:
    return Column(name=name, kind=kind, description=f"the {name}", **others)


COLUMNS = (column("station", "category"), column("time", "time"), column("level", unit="m"))


def schema(**changes: Any) -> Schema:
    told: dict[str, Any] = {"key": ("station", "time"), "target": "level", "time": "time"}
    return Schema(**({"columns": COLUMNS} | told | changes))


def test_the_series_is_the_key_without_the_time() -> None:
    """What tells one series from another is what is left of the key."""
    assert ("station",) == schema().series


def test_without_a_time_the_series_is_the_key() -> None:
    """A case of single observations has a key and no time."""
    assert ("station", "time") == schema(time=None).series


def test_columns_are_found_by_name() -> None:
    """Names stand in the order of declaration, and each finds its column."""
    assert ("station", "time", "level") == schema().names
    assert COLUMNS[2] is schema().column("level")


def test_a_label_has_the_unit_where_there_is_one() -> None:
    """Axes and table heads show the unit in brackets."""
    assert ["station", "level (m)"] == [COLUMNS[0].label, COLUMNS[2].label]


def test_every_kind_has_a_type_of_storage() -> None:
    """Strings, doubles, 64-bit integers, UTC microseconds and truth values, all may be null."""
    kinds = get_args(Kind)
    columns = tuple(column(f"a_{kind}", kind) for kind in kinds)

    found = schema(columns=(*columns, *COLUMNS)).arrow()

    assert {
        "a_category": pa.string(),
        "a_number": pa.float64(),
        "a_integer": pa.int64(),
        "a_time": pa.timestamp("us", tz="UTC"),
        "a_text": pa.string(),
        "a_boolean": pa.bool_(),
    } == {f"a_{kind}": found.field(f"a_{kind}").type for kind in kinds}
    assert all(field.nullable for field in found)


@pytest.mark.parametrize(
    "changes",
    [{"key": ("station", "hour")}, {"target": "hour"}, {"time": "hour"}],
    ids=["key", "target", "time"],
)
def test_a_schema_that_names_what_it_does_not_declare_is_refused(changes: dict[str, Any]) -> None:
    """Key, target and time are columns of the schema; the missing one is named."""
    with pytest.raises(CaseError, match="'hour'"):
        schema(**changes)


def test_all_missing_columns_are_told_at_once() -> None:
    """One error names every column that is not declared, sorted."""
    with pytest.raises(CaseError) as caught:
        schema(key=("b",), target="a", time=None)

    assert ["  - 'a'", "  - 'b'"] == str(caught.value).splitlines()[1:]


def test_a_column_declared_twice_is_refused() -> None:
    """Two columns of one name can't be told apart."""
    with pytest.raises(CaseError, match="more than once:\n  - 'level'"):
        schema(columns=(*COLUMNS, column("level")))


@pytest.mark.parametrize(("kind", "period"), [("category", 24.0), ("number", 0.0), ("time", 7.0)])
def test_only_numbers_come_round_and_after_some_time(kind: Kind, period: float) -> None:
    """The error names the column, its kind and the period."""
    with pytest.raises(CaseError, match=rf"'hour' of kind '{kind}' has period {period}"):
        column("hour", kind, period=period)
