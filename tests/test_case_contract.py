"""What every case promises, held over all that are found: a new case needs no new test."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from pipeline.case import Case, find_case, find_cases
from pipeline.schema import ARROW_TYPES
from pipeline.sources import MODES, Feed, Request
from pipeline.store import project

CASES = sorted(find_cases())
pytestmark = pytest.mark.parametrize("name", CASES)


@cache
def sample(name: str) -> pa.Table:
    """All that the case's simulator yields."""
    case = find_case(name)
    return pa.Table.from_batches(fetched(case).batches, case.schema.arrow())


def fetched(case: Case, **asked: Any) -> Feed:
    if "sample" not in case.sources:
        pytest.skip(f"{case.name} reads files alone, and has no simulator")
    return case.source("sample").fetch(Request(schema=case.schema, **asked))


def times(name: str) -> pa.ChunkedArray:
    """The time of every row; where rows carry none, one moment for all."""
    rows, time = sample(name), find_case(name).schema.time
    if time is not None:
        return rows[time]
    moments = pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * rows.num_rows, ARROW_TYPES["time"])
    return pa.chunked_array([moments])


def test_a_case_says_what_it_is(name: str) -> None:
    """Title, question and page are words for a reader; the name is that of the folder."""
    case = find_case(name)

    assert name == case.name
    assert case.title.strip()
    assert case.question.strip().endswith("?")
    assert case.page.read_text(encoding="utf-8").strip()


def test_every_column_is_described(name: str) -> None:
    """Key, time and target are of kinds that fit them, and each column says what it is."""
    schema = find_case(name).schema

    assert all(column.description.strip() for column in schema.columns)
    assert all(column.kind in ARROW_TYPES for column in schema.columns)
    assert schema.target not in schema.key
    assert schema.time is None or "time" == schema.column(schema.time).kind
    assert schema.column(schema.target).kind in {"number", "integer", "category"}
    assert not any(schema.column(key).nullable for key in schema.key)


def test_what_is_known_ahead_holds_neither_the_target_nor_what_follows_it(name: str) -> None:
    """The target is known afterwards only; what is fixed is known ahead."""
    schema = find_case(name).schema

    assert not schema.column(schema.target).known_ahead
    assert all(column.known_ahead for column in schema.columns if column.fixed)


def test_every_case_runs_offline(name: str) -> None:
    """On a sample, or on files as `vigie new` makes it; its modes are known ones."""
    case = find_case(name)

    assert {"sample", "files"} & set(case.sources)
    assert set(case.sources) <= set(MODES)


def test_a_source_says_where_its_rows_come_from(name: str) -> None:
    """Publisher, licence and note are told; a sample is simulated and has no address, and nothing
    else is simulated. Files of one's own need no address, a live source does.
    """
    for mode, source in find_case(name).sources.items():
        assert source.publisher.strip()
        assert source.licence.strip()
        assert source.note.strip()
        assert (mode == "sample") == source.simulated
        assert source.address or mode != "live"
        assert not (source.address and mode == "sample")


def test_the_sample_has_the_schema(name: str) -> None:
    """Every batch has the schema's columns and types, and the parts add up to the rows."""
    case = find_case(name)
    feed = fetched(case)
    batches = list(feed.batches)

    assert {case.schema.arrow()} == {batch.schema.remove_metadata() for batch in batches}
    assert sum(batch.num_rows for batch in batches) == sum(part.rows for part in feed.parts) > 0
    assert all(64 == len(part.sha256) for part in feed.parts)


def test_the_key_of_the_sample_is_there_and_unique(name: str) -> None:
    """No part of a key is missing, and none comes twice."""
    schema = find_case(name).schema
    rows = sample(name)

    assert not any(rows[key].null_count for key in schema.key)
    assert rows.num_rows == rows.group_by(list(schema.key)).aggregate([]).num_rows


def test_the_sample_lacks_values_only_where_they_may_be_missing(name: str) -> None:
    """A column that is not nullable is filled."""
    schema = find_case(name).schema

    assert not [
        column.name
        for column in schema.columns
        if not column.nullable and sample(name)[column.name].null_count
    ]


def test_fixed_columns_are_the_same_throughout_a_series(name: str) -> None:
    """A station stands where it stands."""
    schema = find_case(name).schema
    fixed = [column.name for column in schema.columns if column.fixed]
    rows = sample(name).select([*schema.series, *fixed])

    series = rows.group_by(list(schema.series)).aggregate([]).num_rows
    assert series == rows.group_by([*schema.series, *fixed]).aggregate([]).num_rows


def test_the_same_seed_gives_the_same_sample(name: str) -> None:
    """Two fetches are equal to the bit, digests included."""
    one, other = (fetched(find_case(name)) for _ in range(2))

    assert one.parts == other.parts
    assert list(one.batches) == list(other.batches)


def test_the_sample_has_nothing_from_the_date_on_that_is_asked_for(name: str) -> None:
    """As of the middle of its range, what is offered is the first half of the whole."""
    case = find_case(name)
    if case.schema.time is None:
        pytest.skip("the rows carry no time")
    first, last = pc.min(times(name)).as_py(), pc.max(times(name)).as_py()
    middle = first + (last - first) / 2

    early = pa.Table.from_batches(fetched(case, as_of=middle).batches, case.schema.arrow())
    expected = sample(name).filter(pc.less(times(name), pa.scalar(middle, times(name).type)))

    assert 0 < early.num_rows < sample(name).num_rows
    assert expected.equals(early)


def test_the_windows_fit_into_the_sample(name: str) -> None:
    """Folds, held-out window and the reach of the history leave rows to learn from."""
    case = find_case(name)
    windows = case.windows
    assert windows.folds >= 1
    if case.schema.time is None:
        return
    length = pc.max(times(name)).as_py() - pc.min(times(name)).as_py()
    needed = windows.held_out + windows.folds * windows.fold + case.task.history

    assert min(windows.held_out, windows.current, windows.block) > timedelta(0)
    assert length > needed
    assert length > windows.current + windows.block


def test_the_gates_are_shares_and_spans(name: str) -> None:
    """No limit is negative, and not all rows may be in quarantine."""
    gates = find_case(name).gates

    assert 0 <= gates.most_quarantined < 1
    assert 0 <= gates.degradation
    assert 0 <= gates.margin < 1
    assert min(gates.fresh, gates.oldest_champion) > timedelta(0)


def test_candidates_are_told_apart_and_one_may_serve(name: str) -> None:
    """Names are words without blanks or commas, since they are given as a list."""
    candidates = find_case(name).candidates
    names = [candidate.name for candidate in candidates]

    assert len(names) == len(set(names))
    assert all(word.isidentifier() for word in names)
    assert "baseline" not in names
    assert all(candidate.title.strip() for candidate in candidates)
    assert any(not candidate.not_eligible for candidate in candidates)


def test_a_candidate_is_built_from_a_seed_alone(name: str) -> None:
    """Two builds with one seed have the same parameters, and nothing is learned yet."""
    for candidate in find_case(name).candidates:
        one, other = candidate.build(7), candidate.build(7)

        assert one is not other
        assert str(one.get_params()) == str(other.get_params())


def test_the_suite_is_great_expectations_own(name: str) -> None:
    """The file loads with nothing but that library, and each expectation can be built."""
    stored = json.loads(project.suite(name).read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        # Great Expectations 1.24 imports a module that Python has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations

        great_expectations.get_context(mode="ephemeral")
        suite = great_expectations.ExpectationSuite(**stored)

    assert name == suite.name
    assert len(stored["expectations"]) == len(suite.expectations) > 0


def test_every_expectation_has_a_name_and_a_reason(name: str) -> None:
    """Names are unique; at least one gate stops the case and one expectation judges rows."""
    entries = json.loads(project.suite(name).read_text(encoding="utf-8"))["expectations"]
    names = [entry["meta"]["name"] for entry in entries]

    assert len(names) == len(set(names))
    assert all(entry["meta"]["sentence"].strip() for entry in entries)
    assert {"critical", "warning"} <= {entry["severity"] for entry in entries}


def test_the_columns_for_expectations_are_added_purely(name: str) -> None:
    """The table is left as it was, rows keep their order, the schema's columns their values."""
    case = find_case(name)
    table = sample(name).slice(0, 2000).to_pandas().sample(frac=1, random_state=0)
    before = table.copy(deep=True)
    as_of = pc.max(times(name)).as_py() + case.schema.known_after

    added, again = (case.check_columns(table, as_of) for _ in range(2))

    pd.testing.assert_frame_equal(before, table)
    pd.testing.assert_frame_equal(before, added[list(before.columns)])
    pd.testing.assert_frame_equal(added, again)


def test_every_column_that_an_expectation_asks_about_is_there(name: str) -> None:
    """The suite and the case's own columns belong together."""
    case = find_case(name)
    as_of = pc.max(times(name)).as_py() + case.schema.known_after
    there = set(case.check_columns(sample(name).slice(0, 500).to_pandas(), as_of).columns)
    entries = json.loads(project.suite(name).read_text(encoding="utf-8"))["expectations"]

    asked = {
        column
        for entry in entries
        for key, value in entry["kwargs"].items()
        if key.startswith("column")
        for column in (value if isinstance(value, list) else [value])
    }
    shown = {entry["meta"]["show"] for entry in entries if "show" in entry["meta"]}
    assert asked | shown <= there


def test_the_frame_keeps_the_observations(name: str) -> None:
    """The table that models take has the schema's columns as they were, row for row."""
    case = find_case(name)
    rows = sample(name).slice(0, 3000).to_pandas()

    frame = case.task.frame(rows, case.schema)

    pd.testing.assert_frame_equal(rows, frame[list(rows.columns)])


def test_the_baseline_has_a_finite_answer_for_every_row(name: str) -> None:
    """Whatever is missing in the past of a row."""
    case = find_case(name)
    frame = case.task.frame(sample(name).slice(0, 3000).to_pandas(), case.schema)
    truth = case.task.truth(frame, case.schema)

    model = case.task.baseline(case.schema).fit(frame, truth)

    assert np.isfinite(case.task.predict(model, frame)).all()


def test_a_record_with_an_unknown_field_is_refused(name: str) -> None:
    """The model of a call takes what it requires, and nothing that the schema doesn't have."""
    case = find_case(name)
    model = case.task.request_model(case.schema, "Asked")
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    (row,) = sample(name).slice(0, 1).select(needed).to_pylist()

    assert model(**row)
    with pytest.raises(ValidationError) as caught:
        model(**row, colour="red")
    assert [("colour",)] == [problem["loc"] for problem in caught.value.errors()]
    with pytest.raises(ValidationError):
        model(**row, **{case.schema.target: 1})
