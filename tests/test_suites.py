"""Suites of expectations over small tables, with the real library."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.cases.bikes.checks import check_columns
from pipeline.errors import SuiteError
from pipeline.records import Finding
from pipeline.suites import Verdict, check

BIKES = Path(__file__).parents[1] / "expectations" / "bikes.json"
AS_OF = datetime(2021, 6, 1, tzinfo=UTC)

BETWEEN = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "count", "min_value": 0, "max_value": 10},
    "severity": "warning",
    "meta": {"name": "in-range", "sentence": "Counts are from 0 to 10."},
}
UNIQUE = {
    "type": "expect_compound_columns_to_be_unique",
    "kwargs": {"column_list": ["counter", "hour"]},
    "severity": "warning",
    "meta": {"name": "key-unique", "sentence": "One row for an hour of a counter."},
}
FRESH = {
    "type": "expect_column_max_to_be_between",
    "kwargs": {"column": "time", "min_value": {"$PARAMETER": "fresh_since"}},
    "severity": "critical",
    "meta": {"name": "fresh", "sentence": "The newest hour is new."},
}

WriteSuite = Callable[..., Path]


@pytest.fixture
def write_suite(tmp_path: Path) -> WriteSuite:
    def write(*expectations: dict[str, Any], **extra: object) -> Path:
        path = tmp_path / "small.json"
        path.write_text(
            json.dumps({"name": "small", "expectations": list(expectations), **extra}),
            encoding="utf-8",
        )
        return path

    return write


def changed(entry: dict[str, Any], **values: object) -> dict[str, Any]:
    return {**entry, **values}


def named(entry: dict[str, Any], name: str, **meta: object) -> dict[str, Any]:
    return {**entry, "meta": {**entry["meta"], "name": name, **meta}}


def counts(*values: float | None) -> pd.DataFrame:
    return pd.DataFrame({"count": pd.Series(values, dtype="float64")})


def only(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


# two counters over 30 days, one bicycle-free hour a night, one bicycle more on every other day
def bikes_table() -> pd.DataFrame:
    times = pd.date_range(end=AS_OF, periods=24 * 30, freq="h").as_unit("us")
    hour = times.hour.to_numpy(dtype="float64")
    more = (np.arange(len(times)) // 24 % 2) * (hour > 0)
    one = pd.DataFrame({"time": times, "count": hour + more})
    table = pd.concat([one.assign(counter=name) for name in ("A", "B")], ignore_index=True)
    return table.assign(latitude=48.85, longitude=2.35, temperature=15.0, rain=None, wind=3.0)


def judge_bikes(table: pd.DataFrame, as_of: datetime = AS_OF) -> Verdict:
    parameters = {"fresh_since": as_of - timedelta(days=2)}
    return check(check_columns(table, as_of), BIKES, parameters=parameters)


def test_a_table_is_let_go_once_it_was_judged(write_suite: WriteSuite) -> None:
    """What is kept for the next one holds nothing of it, also where judging broke."""
    path = write_suite(BETWEEN)
    table, other = counts(1, 20), pd.DataFrame({"other": [1.0]})
    judged = [weakref.ref(table), weakref.ref(other)]
    check(table, path, parameters={})
    with pytest.raises(SuiteError):
        check(other, path, parameters={})
    del table, other
    gc.collect()

    assert [None, None] == [each() for each in judged]


def test_failing_rows_are_told_by_position(write_suite: WriteSuite) -> None:
    """The positions of failing rows are counted from the top, whatever the table's index."""
    table = counts(5, 99, None, -1).set_axis(["d", "c", "b", "a"])

    verdict = check(table, write_suite(BETWEEN), parameters={})

    assert {"in-range": [1, 3]} == verdict.failing


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 3), st.none() | st.integers(-20, 20)),
        min_size=1,
        max_size=12,
    )
)
def test_failing_rows_are_those_of_a_loop(
    rows: list[tuple[str, int, int | None]], write_suite: WriteSuite
) -> None:
    """Out-of-range rows, and all rows of a repeated key, are found as a loop finds them."""
    table = pd.DataFrame(rows, columns=["counter", "hour", "count"]).astype({"count": "float64"})
    keys = [row[:2] for row in rows]

    verdict = check(table, write_suite(BETWEEN, UNIQUE), parameters={})

    in_range = [i for i, row in enumerate(rows) if row[2] is not None and not 0 <= row[2] <= 10]
    repeated = [i for i, key in enumerate(keys) if keys.count(key) > 1]
    found = {"in-range": in_range, "key-unique": repeated}
    assert {name: rows for name, rows in found.items() if rows} == verdict.failing


def test_reasons_join_the_names_of_what_a_row_failed(write_suite: WriteSuite) -> None:
    """A row that fails two expectations gets both names, in the order of the file."""
    wide = named(changed(BETWEEN, kwargs={"column": "count", "max_value": 50}), "not-absurd")

    verdict = check(counts(99, 5, 20), write_suite(BETWEEN, wide), parameters={})

    assert {0: "in-range, not-absurd", 2: "in-range"} == verdict.reasons()


def test_finding_holds_what_a_page_shows(write_suite: WriteSuite) -> None:
    """A finding is plain JSON with counts, words for what was seen and wanted, and its sentence."""
    finding = only(check(counts(5, 99, 12.5, None), write_suite(BETWEEN), parameters={}))

    assert {
        "name": "in-range",
        "expectation": "expect_column_values_to_be_between",
        "column": "count",
        "severity": "row",
        "success": False,
        "evaluated": 4,
        "unexpected": 2,
        "observed": "2 of 4 rows: 99, 12.5",
        "expected": "values to be at least 0 and at most 10",
        "sentence": "Counts are from 0 to 10.",
    } == finding.model_dump(mode="json")


@pytest.mark.parametrize(
    ("values", "observed"),
    [
        ((1, 2000), "0 of 2 rows; values from 1 to 2,000"),
        ((3, 3), "0 of 2 rows; all values 3"),
        ((None, None), "0 of 2 rows"),
        (range(-7, 0), "7 of 7 rows: -7, -6, -5, -4, -3, …"),
    ],
)
def test_observed_tells_the_values(
    values: tuple[float | None, ...], observed: str, write_suite: WriteSuite
) -> None:
    """What was seen is the range of values when all are well, and some failing ones when not."""
    suite = write_suite(changed(BETWEEN, kwargs={"column": "count", "min_value": 0}))

    assert observed == only(check(counts(*values), suite, parameters={})).observed


def test_failing_rows_are_told_by_another_column_on_request(write_suite: WriteSuite) -> None:
    """With `show` in its meta, a finding names each value of that column once, and all of them."""
    table = counts(*[99] * 14, 5).assign(counter=[*"ABCDEFG" * 2, "Z"])

    verdict = check(table, write_suite(named(BETWEEN, "in-range", show="counter")), parameters={})

    assert "14 of 15 rows: A, B, C, D, E, F, G" == only(verdict).observed


@pytest.mark.parametrize(
    ("expectation", "kwargs", "expected"),
    [
        (
            "expect_column_values_to_be_between",
            {"column": "count", "min_value": 0, "max_value": 9, "strict_max": True},
            "values to be at least 0 and below 9",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "count", "min_value": 0, "strict_min": True, "mostly": 0.5},
            "values to be above 0, mostly 0.5",
        ),
        (
            "expect_column_values_to_be_in_set",
            {"column": "count", "value_set": [1, 2]},
            "values to be in set, value set 1, 2",
        ),
        ("expect_column_values_to_not_be_null", {"column": "count"}, "values to not be null"),
    ],
)
def test_expected_is_said_in_words(
    expectation: str, kwargs: dict[str, Any], expected: str, write_suite: WriteSuite
) -> None:
    """What was expected reads as words made of the expectation's type and arguments."""
    suite = write_suite(changed(BETWEEN, type=expectation, kwargs=kwargs))

    assert expected == only(check(counts(1, 2), suite, parameters={})).expected


def test_mostly_passes_and_still_names_the_rows(write_suite: WriteSuite) -> None:
    """An expectation for most rows succeeds, and the rows that failed it are still failing."""
    suite = write_suite(changed(BETWEEN, kwargs={**BETWEEN["kwargs"], "mostly": 0.5}))

    verdict = check(counts(1, 2, 99), suite, parameters={})

    assert (True, {"in-range": [2]}) == (only(verdict).success, verdict.failing)


@pytest.mark.parametrize("severity", ["critical", "info"])
def test_only_row_expectations_send_rows_away(severity: str, write_suite: WriteSuite) -> None:
    """A gate or a note that fails on rows reports them and leaves them where they are."""
    verdict = check(counts(99), write_suite(changed(BETWEEN, severity=severity)), parameters={})

    assert (1, {}) == (only(verdict).unexpected, verdict.failing)


@pytest.mark.parametrize(
    ("severity", "stopped"), [("critical", ["in-range"]), ("warning", []), ("info", [])]
)
def test_only_a_failed_gate_stops(
    severity: str, stopped: list[str], write_suite: WriteSuite
) -> None:
    """Of the three severities, a failed critical one alone stops the case."""
    verdict = check(counts(99), write_suite(changed(BETWEEN, severity=severity)), parameters={})

    assert stopped == [finding.name for finding in verdict.stopped_by]


@pytest.mark.parametrize(("hours", "success"), [(0, True), (1, False)])
def test_parameter_takes_the_value_of_the_run(
    hours: int, success: bool, write_suite: WriteSuite
) -> None:
    """A limit written as a parameter is the value that the run gives, a time with its zone."""
    table = pd.DataFrame({"time": pd.Series([AS_OF], dtype="datetime64[us, UTC]")})
    parameters = {"fresh_since": AS_OF + timedelta(hours=hours), "not_asked_for": 1}

    assert success == only(check(table, write_suite(FRESH), parameters=parameters)).success


def test_parameter_may_have_a_default_in_the_file(write_suite: WriteSuite) -> None:
    """A value under suite_parameters stands in for one that the run doesn't give."""
    limit = changed(BETWEEN, kwargs={"column": "count", "max_value": {"$PARAMETER": "most"}})
    suite = write_suite(limit, suite_parameters={"most": 3})

    assert "values to be at most 3" == only(check(counts(1), suite, parameters={})).expected


def test_missing_parameter_is_named(write_suite: WriteSuite) -> None:
    """A suite that asks for a value the run doesn't have is refused, with those it does have."""
    with pytest.raises(SuiteError, match=r"(?s)small\.json.*\['as_of'\].*'fresh_since'"):
        check(counts(1), write_suite(FRESH), parameters={"as_of": AS_OF})


@pytest.mark.parametrize("value", [object(), "no time", None])
def test_parameter_of_a_wrong_kind_is_an_error(value: object, write_suite: WriteSuite) -> None:
    """A value that the expectation can't use is refused; it never counts as passed."""
    table = pd.DataFrame({"time": pd.Series([AS_OF], dtype="datetime64[us, UTC]")})

    with pytest.raises(SuiteError, match=r"small\.json"):
        check(table, write_suite(FRESH), parameters={"fresh_since": value})


def test_missing_column_is_an_error(
    write_suite: WriteSuite, capfd: pytest.CaptureFixture[str]
) -> None:
    """An expectation of a column that isn't there is no pass and no failure but an error."""
    with pytest.raises(SuiteError, match=r"'in-range' \(column 'count'\).*\"count\""):
        check(pd.DataFrame({"total": [1.0]}), write_suite(BETWEEN), parameters={})

    assert ("", "") == capfd.readouterr()


def test_column_of_a_wrong_type_is_an_error(write_suite: WriteSuite) -> None:
    """Text where numbers are compared is an error that names the expectation and the column."""
    with pytest.raises(SuiteError, match=r"'in-range' \(column 'count'\)"):
        check(pd.DataFrame({"count": ["many", "few"]}), write_suite(BETWEEN), parameters={})


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (changed(BETWEEN, type="expect_wonders"), "expect_wonders not found"),
        (changed(BETWEEN, kwargs={"column": "count", "maximum": 3}), "extra fields not permitted"),
        (changed(BETWEEN, kwargs={"max_value": 3}), "column field required"),
        (changed(BETWEEN, severity="fatal"), "severity is 'fatal': choose one of critical"),
        (changed(BETWEEN, severity=None), "severity is None"),
        (changed(BETWEEN, note="x"), "unexpected keyword argument 'note'"),
        (changed(BETWEEN, meta={"sentence": "x"}), "write meta.name"),
        (changed(BETWEEN, meta=None), "write meta.name"),
        (named(BETWEEN, "In range"), "write meta.name as lower-case words"),
        (named(BETWEEN, "in-range", sentence=" "), "write in meta.sentence"),
        (changed(FRESH, severity="warning"), "it judges no single rows"),
        ("unique", "expectation 1 ('without name')"),
    ],
)
def test_flawed_entry_is_refused(
    entry: dict[str, Any],
    problem: str,
    write_suite: WriteSuite,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each flaw of an entry is an error that names the file and the entry, and prints nothing."""
    with pytest.raises(SuiteError) as caught:
        check(counts(1), write_suite(entry), parameters={"fresh_since": AS_OF})

    assert all(part in str(caught.value) for part in ("small.json", "expectation 1", problem))
    assert ("", "") == capfd.readouterr()


def test_all_flaws_are_told_at_once(write_suite: WriteSuite) -> None:
    """A file with a wrong severity, a repeated name and a missing sentence gets three lines."""
    entries = [changed(BETWEEN, severity="bad"), BETWEEN, named(UNIQUE, "key", sentence="")]

    with pytest.raises(SuiteError) as caught:
        check(counts(1), write_suite(*entries), parameters={})

    assert 3 == str(caught.value).count("\n  - ")
    assert "'in-range' names 2 expectations" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"name": "x"}', '{"name": "x", "expectations": []}', "\ud800"],
)
def test_file_that_is_no_suite_is_refused(text: str, tmp_path: Path) -> None:
    """A file that isn't JSON, or holds no expectation, is an error that names it."""
    path = tmp_path / "small.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(SuiteError, match=r"small\.json"):
        check(counts(1), path, parameters={})


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A suite file that isn't there is an error that names it."""
    with pytest.raises(SuiteError, match=r"absent\.json can't be read"):
        check(counts(1), tmp_path / "absent.json", parameters={})


def test_suite_without_name_is_refused(write_suite: WriteSuite) -> None:
    """Great Expectations wants a name of each suite, and so says the error."""
    with pytest.raises(SuiteError, match="name must be provided"):
        check(counts(1), write_suite(BETWEEN, name=""), parameters={})


def test_validation_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No thread, no file, no connection and nothing printed comes of a validation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)
    threads = threading.enumerate()

    judge_bikes(bikes_table())

    assert threads == threading.enumerate()
    assert [] == list(tmp_path.iterdir())
    assert ("", "") == capfd.readouterr()


def _refuse(*_: object) -> None:
    raise AssertionError("a connection was tried")


def test_healthy_counters_pass_all_of_bikes() -> None:
    """Two counters with a quiet hour a night meet every expectation of the bikes suite."""
    assert [] == [f for f in judge_bikes(bikes_table()).findings if not f.success]


def test_bikes_judges_an_empty_table() -> None:
    """A table without rows stops at gates; it is neither a crash nor a pass."""
    verdict = judge_bikes(bikes_table().iloc[:0])

    assert {"enough-rows", "some-counter", "fresh"} == {f.name for f in verdict.stopped_by}


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("counter", None, "counter-named"),
        ("time", pd.NaT, "time-given"),
        ("time", pd.Timestamp("2021-05-20 07:30", tz="UTC"), "hour-on-the-grid"),
        ("count", None, "count-given"),
        ("count", -1.0, "count-within-range"),
        ("count", 99_999.0, "count-within-range"),
        ("latitude", 2.35, "counter-stays-in-its-place, latitude-in-paris"),
        ("longitude", 48.85, "counter-stays-in-its-place, longitude-in-paris"),
        ("temperature", 288.0, "temperature-plausible"),
        ("rain", 500.0, "rain-plausible"),
        ("wind", -3.0, "wind-plausible"),
    ],
)
def test_bikes_sets_a_bad_row_aside(column: str, value: object, name: str) -> None:
    """One bad value sends its row, and no other, to quarantine under the expectation's name."""
    table = bikes_table().astype({"rain": "float64"})
    table.loc[100, column] = value

    verdict = judge_bikes(table)

    assert ({100: name}, ()) == (verdict.reasons(), verdict.stopped_by)


def test_bikes_sets_all_rows_of_a_repeated_key_aside() -> None:
    """Two rows that disagree about an hour both go, since nobody can tell which is right."""
    table = bikes_table()
    repeated = pd.concat([table, table.iloc[[100]].assign(count=7.0)], ignore_index=True)

    assert {100: "key-unique", len(table): "key-unique"} == judge_bikes(repeated).reasons()


@pytest.mark.parametrize(("hours", "stuck"), [(71, 0), (72, 72)])
def test_bikes_sets_a_dead_counter_aside(hours: int, stuck: int) -> None:
    """Zeros for 72 hours go as a whole, and the counter is named; a shorter run stays."""
    table = bikes_table()
    start = 24 * 10 + 1
    table.loc[: start + hours, "count"] = 5.0
    table.loc[start : start + hours - 1, "count"] = 0.0

    assert stuck == len(judge_bikes(table).failing.get("not-stuck-at-zero", []))


def test_bikes_notes_a_counter_that_vanished() -> None:
    """A counter silent for more than 48 hours is named in a note; its rows stay."""
    table = bikes_table()
    vanished = table[(table["counter"] != "B") | (table["time"] < AS_OF - timedelta(hours=48))]

    verdict = judge_bikes(vanished)

    (note,) = [f for f in verdict.findings if not f.success]
    assert ("every-counter-reporting", "note", {}) == (note.name, note.severity, verdict.failing)
    assert note.observed.endswith(" rows: B")


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_bikes_stops_when_the_volume_breaks(factor: float) -> None:
    """A week with a fifth, or five times, of the week before stops the case."""
    table = bikes_table()
    table.loc[table["time"] > AS_OF - timedelta(days=7), "count"] *= factor

    assert ["volume-like-last-week"] == [f.name for f in judge_bikes(table).stopped_by]


def test_bikes_stops_when_the_feed_is_old() -> None:
    """No row since the limit of the run stops the case."""
    verdict = judge_bikes(bikes_table(), AS_OF + timedelta(days=3))

    assert ["fresh"] == [f.name for f in verdict.stopped_by]


LOADED_BY_ITSELF = """
import json, sys, warnings
warnings.simplefilter("ignore")
import great_expectations as gx, pandas as pd
with open(sys.argv[1], encoding="utf-8") as file:
    suite = gx.ExpectationSuite(**json.load(file))
context = gx.get_context(mode="ephemeral")
suite = context.suites.add(suite)
asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("bikes")
batches = asset.add_batch_definition_whole_dataframe("all")
outcome = gx.ValidationDefinition(name="bikes", data=batches, suite=suite).run(
    batch_parameters={"dataframe": pd.read_pickle(sys.argv[2])},
    expectation_parameters={"fresh_since": pd.Timestamp(sys.argv[3]).to_pydatetime()},
)
print(json.dumps([outcome.success, len(outcome.results)]))
"""


def test_bikes_suite_is_loadable_by_great_expectations_alone(tmp_path: Path) -> None:
    """A process that knows nothing of Vigie loads the file, validates, and finds the same."""
    table = check_columns(bikes_table(), AS_OF)
    table.to_pickle(tmp_path / "table.pickle")
    arguments = [str(BIKES), str(tmp_path / "table.pickle"), AS_OF.isoformat()]

    alone = subprocess.run(
        [sys.executable, "-c", LOADED_BY_ITSELF, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    findings = judge_bikes(bikes_table()).findings
    assert [True, len(findings)] == json.loads(alone.stdout.splitlines()[-1])
