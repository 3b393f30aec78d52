"""A suite in batches finds what it finds over the whole table."""

from __future__ import annotations

import json
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import suites
from pipeline.records import Finding
from pipeline.schema import Column, Schema
from pipeline.store import scans
from pipeline.store.changes import COPY
from pipeline.store.failing import REASON, FiledRows, HeldRows
from pipeline.suites import running
from pipeline.suites.batched import check_batches

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 9_000
SCHEMA = Schema(
    columns=(
        Column(name="car", kind="category", description="which", nullable=True),
        Column(name="time", kind="time", description="when", nullable=True),
        Column(name="fuel", kind="category", description="what it burns", nullable=True),
        Column(name="mass", kind="number", description="mass", nullable=True),
        Column(name="co2", kind="number", description="co2", nullable=True),
        Column(name="seats", kind="integer", description="seats", nullable=True),
        Column(name="none", kind="number", description="never given", nullable=True),
    ),
    key=("car", "time"),
    target="co2",
    time="time",
)


def cars() -> pa.Table:
    """Nine thousand rows with missing, repeated and absurd values, sorted by key."""
    random = np.random.default_rng(5)

    def holed(values: Any, share: float) -> list[Any]:
        gone = random.random(ROWS) < share
        return [
            None if absent else value for value, absent in zip(values.tolist(), gone, strict=True)
        ]

    hours = [FIRST + timedelta(hours=int(hour)) for hour in random.integers(0, 900, ROWS)]
    table = pa.table(
        {
            "car": holed(np.array([f"car {n}" for n in random.integers(0, 40, ROWS)]), 0.01),
            "time": holed(np.array(hours, dtype=object), 0.01),
            "fuel": holed(
                np.array(["PETROL", "DIESEL", "petrol", "?"])[random.integers(0, 4, ROWS)], 0.02
            ),
            "mass": holed(random.normal(1500, 300, ROWS).round(1), 0.1),
            "co2": holed(random.normal(130, 40, ROWS).round(1), 0.05),
            "seats": holed(random.integers(1, 9, ROWS), 0.03),
            "none": pa.nulls(ROWS, pa.float64()),
        },
        schema=SCHEMA.arrow(),
    )
    key = [(name, "ascending") for name in SCHEMA.key]
    ordered = table.sort_by(key).to_pandas()
    copies = ordered.groupby(list(SCHEMA.key), dropna=False).cumcount()
    return table.sort_by(key).append_column(COPY, pa.array(copies, pa.int64()))


def expectation(kind: str, severity: str, show: str = "", **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "show": show}


ENTRIES = [
    expectation("table_row_count_to_be_between", "critical", min_value=10, max_value=8_000),
    expectation(
        "column_max_to_be_between",
        "critical",
        column="time",
        min_value={"$PARAMETER": "fresh_since"},
    ),
    expectation("column_min_to_be_between", "info", column="mass", min_value=0),
    expectation(
        "column_mean_to_be_between", "critical", column="co2", min_value=100, max_value=120
    ),
    expectation("column_median_to_be_between", "info", column="co2", min_value=100, max_value=140),
    expectation("column_unique_value_count_to_be_between", "critical", column="car", min_value=41),
    expectation("column_distinct_values_to_be_in_set", "info", column="fuel", value_set=["PETROL"]),
    expectation(
        "column_proportion_of_unique_values_to_be_between", "info", column="mass", min_value=0.9
    ),
    expectation("column_values_to_not_be_null", "warning", column="car"),
    expectation("column_values_to_not_be_null", "warning", column="co2", mostly=0.9),
    expectation("column_values_to_not_be_null", "warning", show="car", column="none"),
    expectation("column_values_to_be_null", "info", column="none"),
    expectation(
        "column_values_to_be_in_set", "warning", column="fuel", value_set=["PETROL", "DIESEL"]
    ),
    expectation(
        "column_values_to_match_regex", "warning", show="car", column="fuel", regex="^[A-Z]+$"
    ),
    expectation(
        "column_values_to_be_between", "warning", column="mass", min_value=600, max_value=2500
    ),
    expectation(
        "column_values_to_be_between", "warning", column="mass", min_value=900, mostly=0.97
    ),
    expectation("column_values_to_be_between", "warning", column="seats", min_value=1, max_value=9),
    expectation("column_values_to_be_between", "info", column="none", min_value=0),
    expectation(
        "column_pair_values_a_to_be_greater_than_b", "warning", column_A="mass", column_B="co2"
    ),
    expectation("compound_columns_to_be_unique", "warning", column_list=["car", "time"]),
    expectation("column_values_to_be_unique", "info", column="mass"),
    expectation("column_values_to_be_between", "warning", column="ratio", max_value=0.15),
    expectation("column_max_to_be_between", "info", column="ratio", max_value=1),
]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return entries(tmp_path)


def entries(folder: Path) -> Path:
    """The file of the suite."""
    path = folder / "cars.json"
    found = []
    for place, entry in enumerate(ENTRIES):
        show = entry["show"]
        meta = {"name": f"check-{place}", "sentence": "It is so."} | (
            {"show": show} if show else {}
        )
        found.append({**{k: v for k, v in entry.items() if k != "show"}, "meta": meta})
    path.write_text(json.dumps({"name": "cars", "expectations": found}))
    return path


def with_ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """A column that each row has by itself."""
    return frame.assign(ratio=frame["co2"] / frame["mass"])


PARAMETERS = {"fresh_since": FIRST + timedelta(hours=100)}
NAMES = [*SCHEMA.key, COPY]


def judged(table: pa.Table, suite: Path, folder: Path) -> tuple[list[Finding], dict[Any, str]]:
    """Findings, and the reasons by key, of rows that lie in two files."""
    half = table.num_rows // 2
    paths = (folder / "one.parquet", folder / "two.parquet")
    for path, rows in zip(paths, (table.slice(0, half), table.slice(half)), strict=True):
        pq.write_table(rows, path)
    with scans.scanning(paths, SCHEMA, FIRST + timedelta(days=99), folder) as rows:
        batched = check_batches(rows, suite, parameters=PARAMETERS, derive=with_ratio)
        failing = written(batched.failing)
    told = {
        tuple(map(str, row[:-1])): row[-1]
        for row in failing.select([*NAMES, REASON]).to_pandas().itertuples(index=False)
    }
    return list(batched.findings), told


def written(found: FiledRows | HeldRows) -> pa.Table:
    """The failing rows as they are in their file, or nothing."""
    return pq.read_table(found.file) if isinstance(found, FiledRows) else found.table


def judged_whole(table: pa.Table, suite: Path) -> tuple[list[Finding], dict[Any, str]]:
    """The same by Great Expectations over the whole table."""
    frame = table.to_pandas()
    whole = suites.check(with_ratio(frame), suite, parameters=PARAMETERS)
    reasons = whole.reasons()
    return list(whole.findings), {
        tuple(map(str, frame.loc[place, NAMES])): reason for place, reason in reasons.items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Finding], dict[Any, str]]:
    """What Great Expectations says of the cars when it has them all at once."""
    return judged_whole(cars(), entries(tmp_path_factory.mktemp("whole")))


def test_batches_find_what_the_whole_finds(
    suite: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts, counts, words and failing rows with their reasons, for every way to judge."""
    monkeypatch.setattr(scans, "ROWS_PER_BATCH", 3_072)

    expected, failing = whole
    found, told = judged(cars(), suite, tmp_path)

    for one, other in zip(expected, found, strict=True):
        assert one == other, one.name
    assert failing == told
    assert {False, True} == {finding.success for finding in expected}


def test_rows_that_agree_are_compared_in_parts(
    suite: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts and failing rows stay; which of the failing values are named may differ."""
    monkeypatch.setattr(scans, "ROWS_COMPARED", 500)

    expected, failing = whole
    found, told = judged(cars(), suite, tmp_path)

    for one, other in zip(expected, found, strict=True):
        assert one.model_copy(update={"observed": ""}) == other.model_copy(update={"observed": ""})
    assert failing == told


def test_what_was_judged_is_let_go_before_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many batches of failing rows there are, Great Expectations holds the last alone."""
    monkeypatch.setattr(scans, "ROWS_PER_BATCH", 2_500)
    path = tmp_path / "cars.json"
    meta = {"name": "no-seats", "sentence": "It is so."}
    kwargs = {"column": "seats", "max_value": 0}
    entry = {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "severity": "warning"}
    path.write_text(json.dumps({"name": "cars", "expectations": [{**entry, "meta": meta}]}))
    frames: list[weakref.ref[pd.DataFrame]] = []
    held: list[int] = []
    evaluate = running.evaluate

    def counted(frame: pd.DataFrame, *rest: Any) -> Any:
        held.append(sum(one() is not None for one in frames))
        frames.append(weakref.ref(frame))
        return evaluate(frame, *rest)

    monkeypatch.setattr(running, "evaluate", counted)
    findings, failing = judged(cars(), path, tmp_path)

    assert findings[0].unexpected == len(failing) == ROWS - cars()["seats"].null_count
    assert len(held) > 2
    assert max(held) <= 1
