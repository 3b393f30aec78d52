from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import DAYS, FIRST, NEWEST_KNOWN, Bench, wave_case, waves

from pipeline.errors import StepError
from pipeline.records import DriftRecord, PromoteRecord
from pipeline.schema import Column
from pipeline.steps.decide import worst_expected
from pipeline.steps.drift import effects
from pipeline.steps.shifts import compare_windows, table_of
from pipeline.steps.stretches import by_time

DAY = timedelta(days=1)
ALL = ("ingest", "validate", "drift", "decide", "train", "evaluate", "promote")
CASE = wave_case()
JUDGED = ("ingest", "validate")
Begun = Callable[..., Bench]


def compared(rows: pd.DataFrame, alpha: float = 0.05) -> dict[str, Any]:
    """The last ten days against those before, by column."""
    windows = by_time(CASE, rows, None, as_of=FIRST + DAYS * DAY, days=10)
    found = compare_windows(CASE, windows.reference, windows.current, alpha=alpha)
    return {column.column: column for column in found.columns}


def late(rows: pd.DataFrame) -> pd.Series:
    return rows["time"] >= FIRST + (DAYS - 10) * DAY


def recorded(bench: Bench) -> DriftRecord:
    found = bench.store.record("waves", "run-1", DriftRecord)
    assert found is not None
    return found


def drifted(bench: Bench, rows: pd.DataFrame | None = None, **parameters: Any) -> DriftRecord:
    if rows is not None:
        bench.case = wave_case(rows)
    record = bench.do("ingest", "validate", "drift", **parameters).record
    assert isinstance(record, DriftRecord)
    return record


@pytest.mark.parametrize("seed", range(5))
def test_a_stable_series_raises_no_alarm(seed: int) -> None:
    """The daily wave is not a change, nor is noise, at one false alarm in a thousand windows."""
    assert not any(column.alarm for column in compared(waves(seed=seed), alpha=0.001).values())


def test_a_shift_of_a_column_raises_an_alarm_that_says_so() -> None:
    """The wind doubles: its column alarms, in words with both means, and no other does."""
    rows = waves()
    rows["wind"] = rows["wind"].where(~late(rows), 2 * rows["wind"])

    found = compared(rows)

    assert ["wind"] == [name for name, column in found.items() if column.alarm]
    before, now = found["wind"].reference_mean, found["wind"].current_mean
    assert now == pytest.approx(2 * before, rel=0.1)
    assert "wind" in found["wind"].sentence
    assert f"{now:.3g}"[:3] in found["wind"].sentence


def test_a_shift_of_the_target_raises_an_alarm() -> None:
    """Two thirds of the waves of before are a change of what is forecast."""
    rows = waves()
    rows["value"] = rows["value"].where(~late(rows), 0.65 * rows["value"])

    assert ["value"] == [name for name, column in compared(rows).items() if column.alarm]


def test_values_that_go_missing_raise_an_alarm() -> None:
    """A column that is lost in half of the rows has changed, whatever the rest say."""
    rows = waves()
    lost = late(rows) & (np.arange(len(rows)) % 2 == 0)
    rows["wind"] = rows["wind"].where(~lost)

    found = compared(rows)["wind"]

    assert found.alarm
    assert pytest.approx(0.5) == found.missing_current


def test_a_series_that_appears_is_seen() -> None:
    """A new station changes the mixture of stations."""
    rows = pd.concat([waves(), waves(series=("west",)).loc[late]])

    found = compared(rows)["series"]

    assert found.alarm
    assert ("west",) == found.new_categories


def test_series_are_named_by_the_whole_key() -> None:
    """A key of several columns is joined in words; numbers of a key are told as they are."""
    schema = replace(
        CASE.schema,
        columns=(*CASE.schema.columns, Column(name="lane", kind="integer", description="lane")),
        key=("series", "lane", "time"),
    )
    rows = waves(days=2).assign(lane=np.arange(96) % 3)
    table = table_of(replace(CASE, schema=schema), rows, {"value": rows["value"].to_numpy()})

    expected = rows["series"].astype(str) + ", " + rows["lane"].astype(str)
    assert expected.tolist() == np.asarray(table.entities).tolist()


def test_place_and_time_are_not_watched() -> None:
    """What can't change within a series, and what always does, raise no alarm."""
    assert {"series", "value", "wind"} == set(compared(waves()))


def test_the_same_windows_give_the_same_numbers() -> None:
    """Chance is drawn from a seed that is part of the code."""
    assert compared(waves()) == compared(waves())


def test_an_alarm_is_in_the_sentence_of_the_step(bench: Bench) -> None:
    """The record's sentence counts the columns and says what became of each that changed."""
    rows = waves()
    rows["wind"] = rows["wind"].where(~late(rows), 3 * rows["wind"])

    found = drifted(bench, rows)
    wind = next(column for column in found.columns if column.column == "wind")

    assert found.sentence.startswith("1 of 3 columns have changed. ")
    assert wind.sentence in found.sentence


def test_without_a_champion_only_columns_are_compared(begun: Begun) -> None:
    """The first run has no errors to look at, and says so."""
    found = recorded(begun(*JUDGED, "drift"))

    assert (None, None, None) == (
        found.champion_error,
        found.expected_error,
        found.worst_expected_error,
    )
    assert "There is no champion yet." in found.sentence


def test_windows_end_where_they_say(begun: Begun) -> None:
    """The current window is the last ten days, the reference all before it."""
    found = recorded(begun(*JUDGED, "drift"))

    assert (NEWEST_KNOWN - 10 * DAY, NEWEST_KNOWN) == (found.current.start, found.current.end)
    assert (FIRST, NEWEST_KNOWN - 10 * DAY) == (found.reference.start, found.reference.end)
    assert 2 * 24 * DAYS == found.reference.rows + found.current.rows


def test_the_current_window_can_be_chosen(begun: Begun) -> None:
    """The parameter takes the place of the case's own days."""
    assert 2 * 24 * 3 == drifted(begun(*JUDGED), current_days=3).current.rows


def test_a_window_without_rows_is_refused(begun: Begun) -> None:
    """A current window that leaves no reference is told with the remedy."""
    bench = begun(*JUDGED)

    with pytest.raises(StepError, match=r"reference window of case 'waves' has no rows.*current_d"):
        drifted(bench, current_days=60)


def test_the_champions_errors_on_the_newest_window_are_told(begun: Begun) -> None:
    """A second run has a champion: its error there, and what its backtest expects."""
    bench = begun(*ALL, as_of=str(FIRST + 50 * DAY))
    found = drifted(bench, run_id="run-2")

    promoted = bench.store.record("waves", "run-1", PromoteRecord)
    assert promoted is not None
    champion = promoted.champion
    assert champion.backtest["rmse"] == found.expected_error
    assert worst_expected(champion, CASE, alpha=0.05) == found.worst_expected_error
    assert found.champion_error == pytest.approx(found.expected_error, rel=0.3)
    assert f"{found.champion_error:.3g} waves/h" in found.sentence
    assert f"lets expect up to {found.worst_expected_error:.3g}." in found.sentence


def test_the_reference_is_what_the_champion_learned_from_or_was_examined_on(begun: Begun) -> None:
    """It learned 35 days and was promoted on ten more: these are no news. Rows since then are in
    neither window until they are the newest.
    """
    bench = begun(*ALL, as_of=str(FIRST + 45 * DAY))

    found = drifted(bench, run_id="run-2")

    assert FIRST + 45 * DAY == found.reference.end
    assert FIRST + 50 * DAY == found.current.start


def test_a_champion_is_judged_on_rows_it_has_not_learned_from(begun: Begun) -> None:
    """With a current window of 30 days, the first ten were learned from: the rest is scored."""
    bench = begun(*ALL, as_of=str(FIRST + 50 * DAY))

    expected = drifted(bench, run_id="run-2", current_days=20)
    found = drifted(bench, run_id="run-3", current_days=30)

    assert expected.champion_error == found.champion_error


def test_the_champion_of_a_later_date_is_not_used(begun: Begun) -> None:
    """A run as of the past knows no model that was promoted for a later date."""
    bench = begun(*ALL)

    found = drifted(bench, run_id="run-2", as_of=str(FIRST + 30 * DAY))

    assert found.champion_error is None


def test_newer_rows_of_the_table_are_in_no_window(begun: Begun) -> None:
    """What another run brought in later does not move the numbers of a past date."""
    as_of = FIRST + 40 * DAY
    bench = begun(*JUDGED, "drift", as_of=str(as_of))
    alone = recorded(bench)
    wild = waves()
    wild["value"] = wild["value"].where(wild["time"] < as_of, 180.0)
    drifted(bench, wild, run_id="run-2")

    found = drifted(bench, wild, run_id="run-3", as_of=str(as_of))

    assert alone.columns == found.columns
    assert (alone.reference, alone.current) == (found.reference, found.current)


def test_the_figure_says_alarms_in_words() -> None:
    """A reader who sees no colours reads which columns alarm."""
    rows = waves()
    quiet = effects(tuple(compared(rows, alpha=0.001).values()))
    rows["wind"] = rows["wind"].where(~late(rows), 3 * rows["wind"])
    loud = effects(tuple(compared(rows).values()))

    assert quiet.alt.endswith("alarms: none.")
    assert loud.alt.endswith("alarms: wind.")
    assert "  alarm" in loud.svg.replace("\u00a0", " ") or " alarm" in loud.svg
    assert 3 == loud.rows


def test_the_table_has_the_most_changed_column_first(bench: Bench) -> None:
    """Columns are sorted by how far they moved."""
    rows = waves()
    rows["wind"] = rows["wind"].where(~late(rows), 3 * rows["wind"])
    bench.case = wave_case(rows)

    text = bench.do("ingest", "validate", "drift").table("columns").text

    found = list(csv.DictReader(io.StringIO(text)))
    assert ("wind", "alarm") in [(row["column"], row["verdict"]) for row in found[:2]]
    distances = [float(row["distance"]) for row in found]
    assert sorted(distances, reverse=True) == distances
