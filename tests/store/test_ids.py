"""Names of runs, in the order of their starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.store.ids import RunIds

START = datetime(2024, 3, 1, 6, 0, 0, 999_999, tzinfo=UTC)


def test_run_ids_sort_by_their_start() -> None:
    """To the microsecond."""
    times = iter([START + step * timedelta(microseconds=1) for step in range(3)])
    ids = RunIds([], lambda: next(times))
    given = [ids.new() for _ in range(3)]

    assert ["20240301T060000999999Z", "20240301T060001000000Z", "20240301T060001000001Z"] == given
    assert given == sorted(given)


def test_no_id_comes_before_one_that_there_is() -> None:
    """Though the clock was set back since, and is asked several times within a microsecond; what
    is named otherwise is passed over.
    """
    known = [
        "20240302T060000000000Z-rollback",
        "20240301T060000000000Z",
        "by-hand",
        "9" * 8 + "T" + "9" * 12 + "Z",
    ]
    ids = RunIds(known, lambda: START)
    given = [ids.new() for _ in range(2)]

    assert ["20240302T060000000001Z", "20240302T060000000002Z"] == given
    assert known[0] < given[0]
