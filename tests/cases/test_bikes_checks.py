"""Derived columns of the bikes case, each against a short loop or a worked example."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cases.bikes.checks import HIGHEST_COUNT, check_columns

MIDNIGHT = datetime(2021, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DERIVED = [
    "zero_run_hours",
    "stuck_hours",
    "copied_hours",
    "moved_degrees",
    "stretch_hours",
    "silent_hours",
    "minutes_past_hour",
    "week_ratio",
    "quietest_hour",
    "morning_rise",
]

Row = tuple[str | None, datetime | None, float | None]


def table_of(rows: list[Row]) -> pd.DataFrame:
    counters, times, counts = zip(*rows, strict=True) if rows else ((), (), ())
    return pd.DataFrame(
        {
            "counter": pd.Series(counters, dtype="str"),
            "time": pd.Series(times, dtype="datetime64[us, UTC]"),
            "count": pd.Series(counts, dtype="float64"),
            "latitude": 48.85,
            "longitude": 2.35,
        }
    )


def series_of(counts: list[float | None], counter: str = "A") -> list[Row]:
    """One row an hour, the first at midnight."""
    return [(counter, MIDNIGHT + hour * HOUR, count) for hour, count in enumerate(counts)]


def zero_runs(rows: list[Row]) -> list[int]:
    return check_columns(table_of(rows), MIDNIGHT)["zero_run_hours"].tolist()


def week_ratio(rows: list[Row], as_of: datetime = MIDNIGHT) -> float:
    return float(check_columns(table_of(rows), as_of)["week_ratio"].iloc[0])


def looped_zero_runs(rows: list[Row]) -> list[int]:
    hours = [0] * len(rows)
    for counter in {row[0] for row in rows} - {None}:
        known = [i for i, row in enumerate(rows) if row[0] == counter and None not in row]
        run: list[int] = []
        for i in [*sorted(known, key=lambda i: (rows[i][1], rows[i][2])), None]:
            if i is not None and rows[i][2] == 0:
                run.append(i)
                continue
            clock_hours = {rows[j][1].replace(minute=0) for j in run}
            for j in run:
                hours[j] = len(clock_hours)
            run = []
    return hours


def looped_week_ratio(rows: list[Row], as_of: datetime) -> float:
    weeks: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for counter, time, count in rows:
        if counter and time and count is not None and 0 <= count <= HIGHEST_COUNT:
            for number, week in enumerate(weeks):
                end = as_of - timedelta(weeks=number)
                if end - timedelta(weeks=1) < time <= end:
                    week[counter] = week.get(counter, 0) + count
    last, before = weeks
    both = last.keys() & before.keys()
    earlier = sum(before[counter] for counter in both)
    return sum(last[counter] for counter in both) / earlier if earlier else float("nan")


row_lists = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", None]),
        st.none() | st.integers(0, 24 * 16 * 2).map(lambda halves: MIDNIGHT - halves * HOUR / 2),
        st.sampled_from([0.0, 0.0, 0.0, 1.0, 7.0, -1.0, 99_999.0, None]),
    ),
    max_size=40,
)


@given(row_lists)
def test_runs_of_zeros_are_those_of_a_loop(rows: list[Row]) -> None:
    """Any rows in any order get the runs that a walk through each counter's hours finds."""
    assert looped_zero_runs(rows) == zero_runs(rows)


@settings(max_examples=50)
@given(row_lists, st.integers(-30, 30 * 24))
def test_week_ratio_is_that_of_a_loop(rows: list[Row], hours: int) -> None:
    """At any time of the run, all rows hold the ratio that adding up week by week gives."""
    as_of = MIDNIGHT - hours * HOUR

    ratios = check_columns(table_of(rows), as_of)["week_ratio"].to_numpy()

    expected = np.full(len(rows), looped_week_ratio(rows, as_of))
    np.testing.assert_allclose(ratios, expected, rtol=1e-12)


@given(row_lists.filter(bool))
def test_silence_is_that_of_a_loop(rows: list[Row]) -> None:
    """Silence is the time since the newest row of the same counter, null where there is none."""
    newest: dict[str | None, datetime] = {}
    for counter, time, _ in rows:
        if counter and time:
            newest[counter] = max(time, newest.get(counter, time))

    silent = check_columns(table_of(rows), MIDNIGHT)["silent_hours"].to_numpy()

    hours = [(MIDNIGHT - newest[r[0]]) / HOUR if r[0] in newest else np.nan for r in rows]
    np.testing.assert_array_equal(hours, silent)


@given(row_lists.filter(bool), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: list[Row], random: object) -> None:
    """Shuffled rows get the same values, in the order and under the index they came with."""
    table = table_of(rows)
    positions = list(range(len(rows)))
    random.shuffle(positions)  # type: ignore[attr-defined]

    shuffled = check_columns(table.iloc[positions], MIDNIGHT)

    pd.testing.assert_frame_equal(check_columns(table, MIDNIGHT).iloc[positions], shuffled)


def test_hours_that_stand_alone_are_those_of_a_short_stretch() -> None:
    """A gap of two days is one within a stretch, a longer one parts two; a time has its row."""
    gaps = [0, 1, 49, 98, 99]
    rows: list[Row] = [("A", MIDNIGHT + hours * HOUR, 1.0) for hours in gaps]
    others: list[Row] = [("B", MIDNIGHT + 50 * HOUR, 1.0), ("B", None, 1.0), (None, MIDNIGHT, 1.0)]

    found = check_columns(table_of([*reversed(rows), *others]), MIDNIGHT)["stretch_hours"]

    assert [2, 2, 50, 50, 50, 1] == found.tolist()[:-2]
    assert found.isna().tolist()[-2:] == [True, True]


def test_counts_of_the_day_before_are_told_once_more() -> None:
    """Zeros are part of a run and not counted, and a row that is missing parts the days."""
    day: list[float | None] = [float(hour) for hour in range(24)]
    copied = series_of([*day, *day, 1.0, *day[1:]])

    found = check_columns(table_of(copied), MIDNIGHT)["copied_hours"].tolist()

    assert [0] * 24 + [23] * 24 == found[:48]
    assert [0] + [23] * 23 == found[48:]
    assert {0} == set(
        check_columns(table_of(copied[:30] + copied[31:]), MIDNIGHT)["copied_hours"][30:53]
    )


def test_a_counter_is_where_most_of_its_rows_place_it() -> None:
    table = table_of(series_of([1.0] * 5) + series_of([1.0] * 5, "B"))
    table["latitude"] = [48.85, 48.85, 48.87, 48.85, 48.85] + [48.80] * 5

    found = check_columns(table, MIDNIGHT)["moved_degrees"]

    np.testing.assert_allclose([0, 0, 0.02, 0, 0] + [0] * 5, found, atol=1e-9)


def test_missing_hour_neither_breaks_nor_lengthens_a_run() -> None:
    """Zeros on both sides of a missing and of a null hour are one run of the zeros seen."""
    rows = series_of([5, 0, 0, 0, None, 0, 5])
    del rows[2]

    assert [0, 3, 3, 0, 3, 0] == zero_runs(rows)


def test_runs_stay_within_their_counter() -> None:
    """The zeros at the end of one counter and at the start of the next are two runs."""
    assert [0, 2, 2, 1, 0] == zero_runs(series_of([3, 0, 0]) + series_of([0, 3], counter="B"))


def test_repeated_hour_counts_once() -> None:
    """Two zero rows of the same hour make a run of one hour."""
    assert [1, 1] == zero_runs(series_of([0]) * 2)


def test_time_off_the_grid_shows_its_minutes() -> None:
    """Minutes past the hour keep the seconds; a null time has none."""
    rows: list[Row] = [
        ("A", MIDNIGHT, 1),
        ("A", MIDNIGHT + timedelta(minutes=7, seconds=30), 1),
        ("A", None, 1),
    ]

    minutes = check_columns(table_of(rows), MIDNIGHT)["minutes_past_hour"]

    np.testing.assert_array_equal([0, 7.5, np.nan], minutes)


def test_counter_of_one_week_only_is_left_out_of_the_volume() -> None:
    """A counter that appears this week doesn't raise the ratio of the others."""
    week = timedelta(weeks=1)
    rows: list[Row] = [("A", MIDNIGHT - week, 10), ("A", MIDNIGHT, 20), ("new", MIDNIGHT, 500)]

    assert 2 == week_ratio(rows)


def test_absurd_count_is_left_out_of_the_volume() -> None:
    """A count that goes to quarantine doesn't stop the case by way of the volume."""
    week = timedelta(weeks=1)
    rows: list[Row] = [("A", MIDNIGHT - week, 10), ("A", MIDNIGHT, 10), ("A", MIDNIGHT, 99_999)]

    assert 1 == week_ratio(rows)


def test_volume_is_unknown_in_the_first_week() -> None:
    """Without a week before, or with no bicycle in it, the ratio is null."""
    assert np.isnan(week_ratio(series_of([5, 6])))


def test_limit_of_counts_is_the_one_of_the_suite() -> None:
    """The volume leaves out just what `count-within-range` sends to quarantine."""
    path = Path(__file__).parents[2] / "expectations" / "bikes.json"
    suite = json.loads(path.read_text(encoding="utf-8"))
    kwargs = {e["meta"]["name"]: e["kwargs"] for e in suite["expectations"]}

    assert (0, HIGHEST_COUNT) == tuple(
        kwargs["count-within-range"][end] for end in ("min_value", "max_value")
    )


def test_empty_table_gets_its_columns() -> None:
    """No rows in, no rows out, with the columns there."""
    columns = check_columns(table_of([]), MIDNIGHT)

    assert (0, DERIVED) == (len(columns), list(columns.columns[-len(DERIVED) :]))


def test_time_of_the_run_without_zone_is_refused() -> None:
    """A naive time of the run can't be compared with UTC and is a `TypeError`."""
    with pytest.raises(TypeError, match="tz"):
        check_columns(table_of(series_of([1])), datetime(2021, 6, 1))


def nightly(days: int, *, quiet: int, least: float = 1.0) -> list[Row]:
    """Fifty bicycles an hour, but for one hour of the day (UTC) and those beside it."""
    night = range(quiet - 1, quiet + 2)
    return series_of([least if hour % 24 in night else 50.0 for hour in range(24 * days)])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (nightly(14, quiet=2), 4.0),
        (nightly(14, quiet=4), 6.0),
        (nightly(13, quiet=2), None),
        (nightly(14, quiet=2, least=40.0), None),
        ([], None),
    ],
    ids=["at night", "two hours late", "too few days", "no quiet hour", "nothing"],
)
def test_the_quietest_hour_is_told_by_the_clock_in_paris(
    rows: list[Row], expected: float | None
) -> None:
    """Two in the morning UTC is four in Paris in June; without enough days nothing is said."""
    found = check_columns(table_of(rows), MIDNIGHT)["quietest_hour"]

    assert len(rows) == len(found)
    assert {expected} >= set(found.astype(object).where(found.notna(), None))


def test_a_single_hour_that_is_quieter_by_chance_does_not_move_the_night() -> None:
    """Of four hours that are all but equal the first is the least: the night is still around 2."""
    night = {23: 30.0, 0: 0.9, 1: 1.0, 2: 1.0, 3: 1.0}
    rows = series_of([night.get((hour + 2) % 24, 50.0) for hour in range(24 * 14)])

    assert {1.0, 2.0} >= set(check_columns(table_of(rows), MIDNIGHT)["quietest_hour"])


def mornings(days: int, *, late: int = 0, night: float = 10.0, newest: int = 0) -> list[Row]:
    """Until midnight: at 5, 6 and 7 UTC, which is 7, 8 and 9 in Paris, the morning rises from
    `night` to 90 and falls; all of it `late` by hours, on the `newest` days alone if they are told.
    """
    rows = []
    for hour in range(-24 * days, 0):
        moved = late if not newest or hour >= -24 * newest else 0
        bicycles = {5: 40.0, 6: 90.0, 7: 60.0}.get((hour - moved) % 24, night)
        rows.append(("A", MIDNIGHT + hour * HOUR, bicycles))
    return rows


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (mornings(14), 7.2),
        (mornings(60), 7.2),
        (mornings(60, late=1, newest=14), 8.2),
        (mornings(14, late=-1), 6.2),
        (mornings(4), None),
        (mornings(14, night=80.0), None),
        (mornings(14)[::-1], 7.2),
    ],
    ids=["a fortnight", "longer", "late of late", "early", "too few days", "flat", "any order"],
)
def test_the_morning_rises_by_the_clock_in_paris(rows: list[Row], expected: float | None) -> None:
    """Half of 80 above the night's 10 is 50: a fifth of the way from 40 at 7 to 90 at 8."""
    found = check_columns(table_of(rows), MIDNIGHT)["morning_rise"]

    assert {expected} == {None if np.isnan(hour) else round(hour, 6) for hour in found}
