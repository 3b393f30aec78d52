"""What a publisher has changed, in words and as a table."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from hand_made import SCHEMA

from pipeline.steps import revised

LARGEST = (
    ("north 2019-01-01 00:00:00+00", 115.381729, 114.669208),
    ("south 2019-01-01 06:00:00+00", 1.0, 1.5),
)


def test_the_sentence_names_the_value_that_changed_most() -> None:
    """A key's midnight is left out, another hour stays."""
    unit = SCHEMA.column(SCHEMA.target).unit
    told = revised.words(1_234, LARGEST, SCHEMA)

    assert f"1,234 revised, largest north 2019-01-01 from 115.382 to 114.669 {unit}" == told


def test_nothing_largest_is_told_when_no_value_was_revised() -> None:
    """A row may be revised in another column than the target, or not at all."""
    assert "0 revised" == revised.words(0, (), SCHEMA)
    assert "3 revised" == revised.words(3, (), SCHEMA)


def test_the_table_holds_both_values_and_their_difference() -> None:
    table = revised.table(LARGEST, SCHEMA)

    assert ["north 2019-01-01", "south 2019-01-01 06:00:00"] == table.iloc[:, 0].tolist()
    assert ["115.382 to 114.669", "1 to 1.5"] == table.iloc[:, 1].tolist()
    assert [-0.712521, 0.5] == table.iloc[:, 2].tolist()
    assert revised.table((), SCHEMA).empty


def test_windows_are_counted_back_from_when_the_newest_row_was_known() -> None:
    """A publisher's delay doesn't empty them, and nothing later than the run is assumed."""
    from pipeline.steps.stretches import known_until

    rows = pd.DataFrame({str(SCHEMA.time): pd.to_datetime(["2024-01-01", "2024-01-05"], utc=True)})
    newest = rows[str(SCHEMA.time)].max().to_pydatetime()

    known = newest + SCHEMA.known_after
    assert known == known_until(rows, SCHEMA, newest + timedelta(days=400))
    assert newest == known_until(rows, SCHEMA, newest)
    assert newest == known_until(rows.iloc[:0], SCHEMA, newest)
