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

HOUR = timedelta(hours=1)
PAST = waves(days=6)
NEXT = FIRST + timedelta(days=6)
MODEL = TASK.request_model(SCHEMA, "WavesRecord")


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    """As the service makes them: validated, then a frame."""
    return pd.DataFrame([MODEL(**row).model_dump() for row in rows])


def answers(*rows: dict[str, Any], history: pd.DataFrame = PAST) -> pd.DataFrame:
    return TASK.answer_frame(records(*rows), history, SCHEMA)


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


@given(st.floats(0, 1e6))
@settings(max_examples=20, deadline=None)
def test_a_record_within_the_history_does_not_use_its_own_value(value: float) -> None:
    """What was counted at the hour that is asked for has no part in the answer."""
    time = FIRST + timedelta(days=4)
    changed = PAST.assign(value=PAST["value"].where(PAST["time"] != time, value))

    expected, found = (answers(one(time=time), history=past) for past in (PAST, changed))

    pd.testing.assert_frame_equal(expected[HISTORY], found[HISTORY])


def test_other_records_of_the_call_do_not_hide_the_past() -> None:
    """The hour before, asked for too, still counts as the past of the hour a day later."""
    time = FIRST + timedelta(days=4)

    alone = answers(one(time=time))
    together = answers(one(time=time - 24 * HOUR), one(time=time))

    np.testing.assert_allclose(alone[HISTORY], together[HISTORY].tail(1), rtol=1e-12)


@given(st.permutations([(s, h) for s in ("north", "south") for h in (0, 7, -30)]))
@settings(max_examples=20, deadline=None)
def test_answers_come_in_the_order_of_the_records(asked: list[tuple[str, int]]) -> None:
    """Each answer stands where its record stood, whatever the order of the call."""
    found = answers(*(one(series, NEXT + hours * HOUR) for series, hours in asked))

    assert asked == [
        (series, round((time - NEXT) / HOUR))
        for series, time in zip(found["series"], found["time"], strict=True)
    ]


@pytest.mark.parametrize("hours", [3, -30], ids=["future", "past"])
def test_a_record_may_come_twice_in_a_call(hours: int) -> None:
    """Equal records get equal answers, one each."""
    found = answers(*[one(time=NEXT + hours * HOUR)] * 3, one("south"))

    assert 4 == len(found)
    assert 1 == len(found[HISTORY].head(3).drop_duplicates())
    assert found[HISTORY].notna().all().all()


def test_a_time_with_an_offset_is_the_same_instant() -> None:
    """Two ways to write one hour get one answer, within the history and after it."""
    for time in (NEXT, FIRST + timedelta(days=4)):
        local = datetime.fromisoformat((time + 2 * HOUR).isoformat().replace("+00:00", "+02:00"))

        found = answers(one(time=time)), answers(one(time=local))

        pd.testing.assert_frame_equal(found[0][HISTORY], found[1][HISTORY])


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
    assert "is not the start of a step (h)" in words


@pytest.mark.parametrize("hours", [24, -24 * 6, -24 * 4 - 1, 24 * 365 * 50])
def test_a_time_out_of_range_is_refused_by_its_field(hours: int) -> None:
    """What lies past the horizon, or too early for a whole past, can't be forecast."""
    ((_, field, words),) = problems(one(time=NEXT + hours * HOUR))

    assert "time" == field
    assert "choose from 2024-01-03T00:00:00+00:00 to 2024-01-07T23:00:00+00:00" in words


@pytest.mark.parametrize("hours", [23, -24 * 4])
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


def test_integer_targets_have_answers_too() -> None:
    """A history of whole numbers takes a record without a value."""
    whole = PAST.assign(value=PAST["value"].round().astype("int64"))

    assert answers(one(), history=whole)[HISTORY].notna().all().all()
