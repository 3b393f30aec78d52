from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, HISTORY, SCHEMA, TASK, waves
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import RecordError
from pipeline.schema import Column
from pipeline.tasks.lookup import RecordLookup, frame_of

HOUR = timedelta(hours=1)
PAST = waves(days=6)
NEXT = FIRST + timedelta(days=6)
MODEL = TASK.request_model(SCHEMA, "WavesRecord")


def records(*rows: dict[str, Any]) -> dict[str, Any]:
    """As the service makes them: validated, then an array a column."""
    read = [MODEL(**row) for row in rows]
    times = [record.time.astimezone(UTC).replace(tzinfo=None) for record in read]
    winds = [math.nan if record.wind is None else record.wind for record in read]
    return {
        "series": np.array([record.series for record in read], dtype=object),
        "time": np.array(times, dtype="datetime64[us]"),
        "wind": np.array(winds),
    }


def answers(*rows: dict[str, Any], history: pd.DataFrame = PAST) -> pd.DataFrame:
    return frame_of(TASK.lookup(history, SCHEMA)(records(*rows)))


def one(series: str = "north", time: datetime = NEXT, **others: Any) -> dict[str, Any]:
    return {"series": series, "time": time, **others}


def problems(*rows: dict[str, Any]) -> tuple[tuple[int, str, str], ...]:
    with pytest.raises(RecordError) as caught:
        answers(*rows)
    return caught.value.problems


@pytest.mark.parametrize("hours", [0, 5, 23])
def test_a_record_after_the_history_gets_the_columns_of_the_past(hours: int) -> None:
    """A forecast of the coming horizon has the columns that training had for such a row."""
    time = NEXT + hours * HOUR
    longer = TASK.frame(waves(days=8), SCHEMA)
    whole = pd.concat([PAST, longer[longer["time"] >= NEXT][list(SCHEMA.names)].assign(value=0.0)])
    expected = TASK.frame(whole, SCHEMA)
    expected = expected[(expected["series"] == "south") & (expected["time"] == time)]

    found = answers(one("south", time))

    np.testing.assert_allclose(found[HISTORY], expected[HISTORY], rtol=1e-12)


def test_a_record_takes_its_fixed_columns_from_its_series() -> None:
    """A caller need not say where a station stands."""
    assert [1.0, 0.0] == answers(one("south"), one("north"))["east"].tolist()


def test_the_order_of_the_history_does_not_matter() -> None:
    """Observations in any order give the same answer."""
    mixed = PAST.sample(frac=1.0, random_state=3)

    expected, found = (answers(one("south"), history=past) for past in (PAST, mixed))

    pd.testing.assert_frame_equal(expected, found)


@given(st.permutations([(s, h) for s in ("north", "south") for h in (0, 7, 23)]))
@settings(max_examples=20)
def test_answers_come_in_the_order_of_the_records(asked: list[tuple[str, int]]) -> None:
    """Each answer stands where its record stood, whatever the order of the call."""
    found = answers(*(one(series, NEXT + hours * HOUR) for series, hours in asked))

    assert asked == [
        (series, round((time - NEXT) / HOUR))
        for series, time in zip(found["series"], found["time"], strict=True)
    ]


def test_a_record_may_come_twice_in_a_call() -> None:
    """Equal records get equal answers, one each."""
    found = answers(*[one(time=NEXT + 3 * HOUR)] * 3, one("south"))

    assert 4 == len(found)
    assert 1 == len(found[HISTORY].head(3).drop_duplicates())
    assert found[HISTORY].notna().all().all()


def test_a_time_with_an_offset_is_the_same_instant() -> None:
    """Two ways to write one hour get one answer."""
    local = datetime.fromisoformat((NEXT + 2 * HOUR).isoformat().replace("+00:00", "+02:00"))

    found = answers(one(time=NEXT)), answers(one(time=local))

    pd.testing.assert_frame_equal(found[0], found[1])


def test_times_with_different_offsets_may_be_mixed_in_a_call() -> None:
    """A call over a clock change has two offsets."""
    winter = datetime.fromisoformat(NEXT.isoformat().replace("+00:00", "+01:00")) + HOUR
    summer = datetime.fromisoformat(NEXT.isoformat().replace("+00:00", "+02:00")) + 3 * HOUR

    found = answers(one(time=winter), one(time=summer))

    assert [NEXT, NEXT + HOUR] == list(found["time"])


def test_columns_known_ahead_may_be_given_or_left_out() -> None:
    """The wind is used where it is given and unknown where not, in one call."""
    found = answers(one(wind=7.5), one(), one(wind=None))

    assert [7.5] == found["wind"].head(1).tolist()
    assert found["wind"].tail(2).isna().all()


def test_an_unknown_series_is_refused_by_its_field() -> None:
    """The place of the record, the field and the value are named."""
    ((place, field, words),) = problems(one(), one("west"))

    assert (1, "series") == (place, field)
    assert "'west' is not a series that this model knows" == words


@pytest.mark.parametrize("minutes", [1, 30])
def test_a_time_off_the_grid_is_refused_by_its_field(minutes: int) -> None:
    """Forecasts are for whole hours."""
    ((place, field, words),) = problems(one(time=NEXT + timedelta(minutes=minutes)))

    assert (0, "time") == (place, field)
    assert "is not the start of an hour" in words


@pytest.mark.parametrize(
    ("hours", "why"),
    [
        (24, "is too far ahead"),
        (24 * 365 * 50, "is too far ahead"),
        (-1, "lies in the past"),
        (-24 * 6, "lies in the past"),
    ],
)
def test_a_time_out_of_range_is_refused_by_its_field(hours: int, why: str) -> None:
    """What lies beyond the horizon, or has been observed already, can't be forecast."""
    ((_, field, words),) = problems(one(time=NEXT + hours * HOUR))

    assert "time" == field
    assert f"{why}; choose from 2024-01-07T00:00:00+00:00 to 2024-01-07T23:00:00+00:00" in words


@pytest.mark.parametrize("hours", [23, 0])
def test_the_ends_of_the_range_can_be_forecast(hours: int) -> None:
    """The error's advice holds: the first and the last time that it names have an answer."""
    assert answers(one(time=NEXT + hours * HOUR))[HISTORY].notna().all().all()


def test_all_problems_of_a_call_are_told_at_once() -> None:
    """Two fields of one record and one of another, in order."""
    found = problems(
        one("west", NEXT + timedelta(days=9, minutes=1)), one(), one(time=NEXT + timedelta(days=9))
    )

    assert [(0, "series"), (0, "time"), (0, "time"), (2, "time")] == [
        (place, field) for place, field, _ in found
    ]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (one(wind=math.nan), "wind"),
        (one(wind=math.inf), "wind"),
        (one(wind="strong"), "wind"),
        (one(value=3.0), "value"),
        (one(east=2.0), "east"),
        (one(colour="red"), "colour"),
        (one(""), "series"),
        (one("x" * 201), "series"),
        (one(time=datetime(2024, 1, 7)), "time"),
        ({"series": "north"}, "time"),
        ({"time": NEXT}, "series"),
    ],
    ids=[
        "nan",
        "inf",
        "text",
        "target",
        "fixed",
        "unknown",
        "empty",
        "long",
        "zoneless",
        "no time",
        "no series",
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_field(row: dict[str, Any], field: str) -> None:
    """NaN, unknown fields, the target itself and times without a zone are no part of a record."""
    with pytest.raises(ValidationError) as caught:
        MODEL(**row)

    assert [(field,)] == [problem["loc"] for problem in caught.value.errors()]


def test_a_record_is_read_from_json_as_strictly_as_the_service_reads_it() -> None:
    """A number written as text is refused there; a time is written as text."""
    good = {"series": "north", "time": "2024-01-07T00:00:00Z", "wind": 2}
    read = MODEL.model_validate_json(json.dumps(good), strict=True)

    assert datetime(2024, 1, 7, tzinfo=UTC) == read.time
    with pytest.raises(ValidationError):
        MODEL.model_validate_json(json.dumps(good | {"wind": "2"}), strict=True)


def test_every_field_is_described_with_its_unit() -> None:
    """What the service's documentation says of a field is what the schema says of its column."""
    wind = Column(name="wind", kind="number", unit="m/s", description="mean wind", known_ahead=True)
    schema = replace(SCHEMA, columns=(*SCHEMA.columns[:-1], wind))

    fields = TASK.request_model(schema, "Record").model_json_schema()

    assert ["series", "time"] == fields["required"]
    assert "mean wind (m/s); may be left out" == fields["properties"]["wind"]["description"]


def test_what_can_be_asked_is_told() -> None:
    """The series, and every time from the first after the history to the horizon."""
    found = TASK.lookup(PAST, SCHEMA).values()

    assert ["north", "south"] == found["series"]
    assert 24 == len(found["time"])
    for time in (found["time"][0], found["time"][-1]):
        assert 1 == len(answers(one(time=datetime.fromisoformat(time))))


def test_a_task_without_a_past_passes_the_records_on() -> None:
    """Columns that a record doesn't hold are missing."""
    lookup = RecordLookup(SCHEMA)

    found = lookup({"wind": np.array([1.0, 2.0])})

    assert [1.0, 2.0] == found["wind"].tolist()
    assert np.isnan(found["value"]).all()
    assert {} == lookup.values()


def test_integer_targets_have_answers_too() -> None:
    """A history of whole numbers takes a record without a value."""
    whole = PAST.assign(value=PAST["value"].round().astype("int64"))

    assert answers(one(), history=whole)[HISTORY].notna().all().all()
