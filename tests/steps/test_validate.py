from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hand_made import FIRST, SCHEMA, Bench, wave_case, waves

from pipeline.errors import StateError, StepError
from pipeline.records import ValidateRecord
from pipeline.store import REASON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def checked(bench: Bench, rows: pd.DataFrame | None = None, **parameters: Any) -> ValidateRecord:
    """The record of a validation of these rows."""
    if rows is not None:
        bench.case = wave_case(rows)
    record = bench.do("ingest", "validate", **parameters).record
    assert isinstance(record, ValidateRecord)
    return record


def spoilt() -> pd.DataFrame:
    """Two values out of range, one of them unknown in time, one unknown, one key twice."""
    rows = waves()
    rows.loc[[10, 20], "value"] = 9999.0
    rows.loc[30, "value"] = None
    rows.loc[40, "time"] = pd.NaT
    return pd.concat([rows, rows.loc[[50]].assign(value=1.0)], ignore_index=True)


def quarantine(bench: Bench) -> pd.DataFrame:
    return bench.store.table("waves", "quarantine").read().to_pandas()


def test_rows_that_fail_go_to_quarantine_with_what_they_failed(bench: Bench) -> None:
    """Each row carries the name of its expectation; both rows of a key that came twice go."""
    found = checked(bench, spoilt())
    reasons = quarantine(bench)[REASON].value_counts().to_dict()

    assert {"value-within-range": 2, "value-given": 1, "time-given": 1, "key-unique": 2} == reasons
    assert 6 == found.quarantined == found.quarantine.rows
    assert not found.stopped


def test_a_row_that_fails_twice_carries_both_names(bench: Bench) -> None:
    """The reasons are joined, and the row is there once."""
    rows = waves()
    rows = pd.concat([rows, rows.loc[[50]].assign(value=5000.0)], ignore_index=True)

    checked(bench, rows)

    assert {"key-unique", "key-unique, value-within-range"} == {
        ", ".join(sorted(reason.split(", "))) for reason in quarantine(bench)[REASON]
    }


def test_nothing_is_lost(bench: Bench) -> None:
    """Every row that arrived is either validated or in quarantine."""
    rows = spoilt()
    found = checked(bench, rows)
    validated = bench.run("drift").validated()
    aside = quarantine(bench)

    assert len(rows) == found.rows == len(validated) + len(aside)
    together = pd.concat([validated, aside])[list(SCHEMA.names)]
    order = [*SCHEMA.key, "value"]
    pd.testing.assert_frame_equal(
        rows.sort_values(order, ignore_index=True),
        together.sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_what_is_validated_holds_none_of_the_failing_rows(bench: Bench) -> None:
    """Known values within range, unique keys, in order."""
    checked(bench, spoilt())
    validated = bench.run("drift").validated()

    assert validated["value"].between(-100, 200).all()
    assert not validated.duplicated(list(SCHEMA.key)).any()
    assert validated[list(SCHEMA.key)].equals(
        validated[list(SCHEMA.key)].sort_values(list(SCHEMA.key))
    )


def test_rows_that_are_mended_leave_the_quarantine(bench: Bench) -> None:
    """The quarantine is what fails now: a value that its publisher put right is validated."""
    checked(bench, spoilt())

    found = checked(bench, waves(), run_id="run-2")

    # The row without a time stays: no later feed says which hour it was.
    assert 1 == found.quarantined
    assert 2 * 24 * 60 == len(bench.run("drift", "run-2").validated())


def test_clean_rows_pass(bench: Bench) -> None:
    """With nothing to set aside, the quarantine is an empty table and the sentence says so."""
    found = checked(bench)

    assert (0, 0, False) == (found.quarantined, found.quarantine.rows, found.stopped)
    assert "6 of 6 expectations hold; 0 of 2,880 rows (0.00%) are in quarantine." == found.sentence


def test_a_gate_that_fails_stops_the_case(bench: Bench) -> None:
    """Too few rows: the record says stopped, and its sentence names the gate and what was found."""
    found = checked(bench, waves(days=6))

    assert found.stopped
    assert "enough-rows: It is enough-rows. Found 288." in found.sentence
    assert found.sentence.startswith("The case stops here, and its champion keeps serving.")


def test_a_feed_that_has_ended_stops_the_case(bench: Bench) -> None:
    """As of two days after the newest row, the data are stale."""
    found = checked(bench, as_of="2024-03-03")

    assert found.stopped
    assert "fresh: It is fresh." in found.sentence


def test_too_large_a_share_in_quarantine_stops_the_case(bench: Bench) -> None:
    """When more rows fail than the case allows, the fault is not in single rows."""
    rows = waves()
    rows.loc[rows.index % 10 == 0, "value"] = 9999.0

    found = checked(bench, rows)

    assert found.stopped
    assert "10.0% of the rows failed an expectation; at most 5.0% may." in found.sentence


@pytest.mark.parametrize(("allowed", "stopped"), [(0.1, False), (0.0999, True), (0.0, True)])
def test_the_share_that_is_allowed_can_be_chosen(
    bench: Bench, allowed: float, stopped: bool
) -> None:
    """The parameter takes the place of the case's own limit, zero included."""
    rows = waves()
    rows.loc[rows.index % 10 == 0, "value"] = 9999.0

    found = checked(bench, rows, most_quarantined=allowed)

    assert (allowed, stopped) == (found.most_quarantined, found.stopped)


def test_no_step_works_on_a_case_that_was_stopped(bench: Bench) -> None:
    """What comes after asks for validated rows, and is refused with the reason."""
    checked(bench, waves(days=6))

    with pytest.raises(StepError, match=r"Validation stopped case 'waves'.*enough-rows"):
        bench.do("drift")


def test_rows_of_a_later_run_are_not_seen_as_of_an_earlier_date(bench: Bench) -> None:
    """The table holds newer rows, from a run of today; a run as of the past judges the past."""
    checked(bench)
    as_of = FIRST + 30 * DAY

    past = checked(bench, run_id="run-2", as_of=as_of.isoformat())
    validated = bench.run("drift", "run-2", as_of=as_of.isoformat()).validated()

    assert 2 * 24 * 60 == bench.store.table("waves", "observations").count()
    assert 2 * 24 * 30 == past.rows == len(validated)
    assert as_of - HOUR == validated["time"].max()


def test_a_bad_row_of_the_future_is_in_no_quarantine_of_the_past(bench: Bench) -> None:
    """What fails after the date has not been seen yet."""
    rows = waves()
    rows.loc[rows["time"] >= FIRST + 50 * DAY, "value"] = 9999.0
    checked(bench, rows)

    past = checked(bench, rows, run_id="run-2", as_of=(FIRST + 40 * DAY).isoformat())

    assert (0, False) == (past.quarantined, past.stopped)


def test_the_first_run_still_reads_its_own_quarantine(bench: Bench) -> None:
    """A later run writes a new version; the record of the earlier one names the old."""
    checked(bench, spoilt())
    before = bench.run("drift").validated()

    checked(bench, waves(), run_id="run-2")

    pd.testing.assert_frame_equal(before, bench.run("drift").validated())


def test_tables_tell_each_expectation_and_each_reason(bench: Bench) -> None:
    """What passed, what did not and why; and which series the rows in quarantine are of."""
    bench.case = wave_case(spoilt())
    view = bench.do("ingest", "validate")

    outcomes = {
        row["expectation"]: row["outcome"]
        for row in csv.DictReader(io.StringIO(view.table("expectations").text))
    }
    aside = list(csv.DictReader(io.StringIO(view.table("quarantined").text)))

    assert {
        "enough-rows": "passed",
        "fresh": "passed",
        "time-given": "rows quarantined",
        "value-given": "rows quarantined",
        "value-within-range": "rows quarantined",
        "key-unique": "rows quarantined",
    } == outcomes
    assert 6 == sum(int(row["rows"]) for row in aside)
    assert {"north"} == {row["series"] for row in aside}


def test_the_figure_shows_the_share_of_failing_rows(bench: Bench) -> None:
    """One bar an expectation that judges rows; the worst is named in words."""
    bench.case = wave_case(spoilt())
    view = bench.do("ingest", "validate")

    assert 4 == view.record.file("failing_rows").rows
    assert "4 expectations judge single rows" in view.record.file("failing_rows").alt


def test_without_an_ingest_there_is_nothing_to_judge(bench: Bench) -> None:
    """In a run of the runner, a missing step is an error that names it."""
    with pytest.raises(StateError, match="no record of step 'ingest'"):
        bench.do("validate")
