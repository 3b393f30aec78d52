"""What SQL screens, Great Expectations judges as if it had seen every row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import suites
from pipeline.errors import SuiteError
from pipeline.schema import Column, Schema
from pipeline.store import scans
from pipeline.store.changes import COPY
from pipeline.store.failing import REASON, FiledRows
from pipeline.store.summaries import Summary
from pipeline.suites.batched import check_batches
from pipeline.suites.screening import any_of, suspicion

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
BIG = 2**53
SCHEMA = Schema(
    columns=(
        Column(name="car", kind="integer", description="which"),
        Column(name="time", kind="time", description="when", nullable=True),
        Column(name="fuel", kind="category", description="what it burns", nullable=True),
        Column(name="mass", kind="number", description="mass", nullable=True),
        Column(name="seats", kind="integer", description="seats", nullable=True),
    ),
    key=("car",),
    target="mass",
    time="time",
)
NUMBERS = [0.0, -1.5, 1e308, -1e308, 3.0, float("inf"), float("-inf"), float("nan"), None]
INTEGERS = [0, 1, -4, BIG, BIG + 1, -BIG - 1, 7, None]
TEXTS = ["PETROL", "petrol", "", " ", "Diesel'; --", "GAZ\nOLE", "é", None]
TIMES = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(microseconds=1), None]
ROWS = st.lists(
    st.tuples(*(st.sampled_from(values) for values in (TIMES, TEXTS, NUMBERS, INTEGERS))),
    min_size=1,
    max_size=12,
)
BOUNDS: dict[str, list[Any]] = {
    "mass": [-1.5, 0, 3, 1e308, None],
    "seats": [-4, 0, 1, BIG, BIG + 1, None],
    "time": [FIRST, FIRST + timedelta(hours=3), None],
}
MOSTLY = st.sampled_from([None, 0.0, 0.5, 0.9])
NULLS = [f"expect_column_values_to_{word}be_null" for word in ("", "not_")]
SETS = [f"expect_column_values_to_{word}be_in_set" for word in ("", "not_")]
PATTERNS = [f"expect_column_values_to_{word}match_regex" for word in ("", "not_")]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """One expectation of any kind that is screened."""
    kind = draw(st.sampled_from(["null", "between", "set", "pattern", "length"]))
    column = draw(st.sampled_from(["time", "fuel", "mass", "seats"]))
    if kind == "between":
        column = draw(st.sampled_from(list(BOUNDS)))
        name = "expect_column_values_to_be_between"
        low, high = draw(st.sampled_from(BOUNDS[column])), draw(st.sampled_from(BOUNDS[column]))
        if low is None and high is None:
            low = BOUNDS[column][0]
        strict = {f"strict_{end}": draw(st.booleans()) for end in ("min", "max")}
        kwargs: dict[str, Any] = {"min_value": low, "max_value": high, **strict}
    elif kind == "null":
        name, kwargs = draw(st.sampled_from(NULLS)), {}
    elif kind == "set":
        column, name = "fuel", draw(st.sampled_from(SETS))
        kwargs = {"value_set": draw(st.lists(st.sampled_from(TEXTS[:-1]), min_size=1))}
    elif kind == "pattern":
        column, name = "fuel", draw(st.sampled_from(PATTERNS))
        kwargs = {"regex": draw(st.sampled_from(["^[A-Z]+$", "^$", r"\s", "(?i)^p", "é|'"]))}
    else:
        column, name = "fuel", "expect_column_value_lengths_to_be_between"
        kwargs = {"min_value": draw(st.integers(0, 3)), "max_value": draw(st.integers(3, 7))}
    mostly = draw(MOSTLY)
    told = {key: value for key, value in kwargs.items() if value is not None}
    return {
        "type": name,
        "kwargs": {"column": column, **told} | ({} if mostly is None else {"mostly": mostly}),
        "severity": draw(st.sampled_from(["warning", "info"])),
        "meta": {"sentence": "It is so."} | ({"show": "fuel"} if draw(st.booleans()) else {}),
    }


def parted(found: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, object]]:
    """Entries with a name each, and their times as parameters, which JSON can't hold."""
    parameters: dict[str, object] = {}
    named = []
    for place, entry in enumerate(found):
        kwargs = dict(entry["kwargs"])
        for key, value in entry["kwargs"].items():
            if isinstance(value, datetime):
                parameters[f"{key}_{place}"] = value
                kwargs[key] = {"$PARAMETER": f"{key}_{place}"}
        meta = {**entry["meta"], "name": f"check-{place}"}
        named.append({**entry, "kwargs": kwargs, "meta": meta})
    return named, parameters


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    names = SCHEMA.names[1:]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    typed = SCHEMA.arrow().append(pa.field(COPY, pa.int64()))
    cars, copies = range(len(rows)), [0] * len(rows)
    return pa.table({"car": cars, **columns, COPY: copies}, schema=typed)


GAPPED = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "seats", "min_value": -4, "max_value": 1},
    "severity": "warning",
    "meta": {"sentence": "It is so."},
}


MASSES = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "mass"},
    "severity": "warning",
    "meta": {"sentence": "It is so."},
}


@example(
    rows=[(FIRST, "PETROL", 0.0, 0), (FIRST, "PETROL", float("nan"), 0)], found=[MASSES], told=False
)  # the statistics of the file say from 0 to 0, and nothing of NaN
@example(
    rows=[(FIRST, None, 3.0, BIG + 1), (FIRST, None, 3.0, None)], found=[GAPPED], told=True
)  # pandas makes a double of the first, since the second is missing
@settings(max_examples=15)
@given(rows=ROWS, found=st.lists(entries(), min_size=1, max_size=5), told=st.booleans())
def test_screened_rows_are_judged_like_all(
    rows: list[tuple[Any, ...]], found: list[dict[str, Any]], *, told: bool
) -> None:
    """Every finding and every reason, or the same refusal, whatever the values and arguments, and
    whether the file says of its columns what they hold or not.
    """
    named, parameters = parted(found)
    table = table_of(rows)
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "ROWS_PER_BATCH", 5)
        folder = Path(name)
        suite, file = folder / "cars.json", folder / "rows.parquet"
        suite.write_text(json.dumps({"name": "cars", "expectations": named}))
        summary = Summary()
        summary.add(table)
        pq.write_table(table.replace_schema_metadata(summary.footer() if told else None), file)
        try:
            whole = suites.check(table.to_pandas(), suite, parameters=parameters)
        except SuiteError:
            whole = None
        with scans.scanning((file,), SCHEMA, FIRST + timedelta(days=9), folder) as scan:
            if whole is None:
                with pytest.raises(SuiteError):
                    check_batches(scan, suite, parameters=parameters, derive=lambda frame: frame)
                return
            batched = check_batches(scan, suite, parameters=parameters, derive=lambda frame: frame)
            kept = batched.failing
            failing = pq.read_table(kept.file) if isinstance(kept, FiledRows) else kept.table

        assert list(whole.findings) == list(batched.findings)
        reasons = dict(
            zip(
                failing["car"].to_pylist(),
                failing[REASON].to_pylist(),
                strict=True,
            )
        )
        assert whole.reasons() == reasons


@pytest.mark.parametrize(
    ("kind", "column", "kwargs"),
    [
        ("values_to_be_between", "mass", {"min_value": "3"}),
        ("values_to_be_between", "mass", {"min_value": {"$PARAMETER": "x + 1"}}),
        ("values_to_be_between", "mass", {"min_value": True}),
        ("values_to_be_between", "mass", {"min_value": 4, "max_value": 3}),
        ("values_to_be_between", "seats", {"max_value": BIG + 1}),
        ("values_to_be_between", "time", {"min_value": datetime(2024, 1, 1)}),
        ("values_to_be_between", "fuel", {"min_value": 3}),
        ("values_to_be_between", "mass", {"min_value": 3, "row_condition": "seats > 1"}),
        ("values_to_be_in_set", "seats", {"value_set": [1, 2]}),
        ("values_to_be_in_set", "fuel", {"value_set": []}),
        ("values_to_match_regex", "fuel", {"regex": "^P"}),
    ],
)
def test_what_sql_might_see_otherwise_has_no_suspicion(
    kind: str, column: str, kwargs: dict[str, Any]
) -> None:
    """Great Expectations then sees every row."""
    entry = {"type": f"expect_column_{kind}", "kwargs": {"column": column, **kwargs}}

    assert suspicion(entry, SCHEMA.column(column), {}) is None


def test_no_suspicion_at_all_is_of_no_row() -> None:
    """Nothing to look at is a condition that holds for nothing."""
    assert ("false", ()) == (any_of([]).sql, any_of([]).values)
