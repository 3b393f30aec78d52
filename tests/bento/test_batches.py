"""Many records at once are read as the types of the call read them, and answered alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import from_json
from toy_service import toy_case

from bento.batches import Batch, BatchReader, batch_reader
from bento.bodies import predict_body
from bento.columns import column
from bento.problems import RequestError
from bento.replies import MANY, as_json, rows_as_json
from bento.requests import parse
from pipeline.case import Case, find_cases
from pipeline.packaging.settings import Settings

SETTINGS = Settings(most_records=40)
CASES = {
    "toy": toy_case(),
    **{name: case for name, case in find_cases().items() if name != "plants"},
}
TEXTS = ["north", "", " ", "é\u2028", "\x00", "a" * 200, "a" * 201, "\ud800", "NaN", "1.0", "true"]
TIMES = [
    "2021-03-08T07:00:00Z",
    "2021-03-08T07:00:00+02:00",
    "2021-03-08T07:00:00.123456789Z",
    "2021-03-08 07:00:00-00:30",
    "2021-03-08T07:00:00",
    "2021-03-08",
    "1615186800",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2021-03-08T24:00:00Z",
    "2016-12-31T23:59:60Z",
]
ODD = st.sampled_from(
    [
        *("null", "true", "false", "0", "-0.0", "3", "3.0", "3.5", "1e3", "1e12", "1000000000001"),
        *("1e999", "-1e999", "NaN", "Infinity", "1e-400", str(2**63), str(2**64), "1" * 400),
        *("[]", "{}", "[1]", '{"a": 1}', '"\\ud800"', "01", "1.", "'a'", ""),
        *map(json.dumps, (*TEXTS, *TIMES)),
    ]
)


class Setup:
    """The types of one case's calls."""

    def __init__(self, case: Case) -> None:
        self.record = case.task.request_model(case.schema, "Record")
        self.fields = {f.name: f for f in case.schema.arrow() if f.name in self.record.model_fields}
        self.body = predict_body(self.record, "Request", SETTINGS, (0.9,), None)
        found = batch_reader(self.record, self.fields, most=SETTINGS.most_records)
        assert isinstance(found, BatchReader)
        self.reader = found

    def usual(self) -> st.SearchStrategy[dict[str, str]]:
        """A record that fits, as texts of JSON."""
        members = {name: _usual(field.type) for name, field in self.fields.items()}
        needed = {name for name, info in self.record.model_fields.items() if info.is_required()}
        return st.fixed_dictionaries(
            {name: each for name, each in members.items() if name in needed},
            optional={
                name: each | st.just("null") for name, each in members.items() if name not in needed
            },
        )


SETUPS = {name: Setup(case) for name, case in CASES.items()}


def _usual(kind: pa.DataType) -> st.SearchStrategy[str]:
    if pa.types.is_timestamp(kind):
        return st.datetimes().map(lambda moment: json.dumps(f"{moment.isoformat()}Z"))
    if pa.types.is_string(kind):
        return st.text(min_size=1, max_size=20).map(json.dumps)
    if pa.types.is_boolean(kind):
        return st.sampled_from(["true", "false"])
    if pa.types.is_integer(kind):
        return st.integers(-(10**12), 10**12).map(str)
    return st.floats(-1e12, 1e12).map(json.dumps) | st.integers(-(10**12), 10**12).map(str)


def body_of(records: list[list[tuple[str, str]]], more: str = "") -> bytes:
    """Members may come more than once, in any order."""
    written = (
        "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in record) + "}"
        for record in records
    )
    return f'{{"records": [{", ".join(written)}]{more}}}'.encode(errors="surrogatepass")


def by_types(setup: Setup, content: bytes) -> Batch | None:
    """What the types of the call make of a body: the way of short calls."""
    try:
        body = parse(setup.body, content)
        arrays = {
            name: column([getattr(record, name) for record in body.records], field)
            for name, field in setup.fields.items()
        }
    except RequestError:
        return None
    return Batch(count=len(body.records), arrays=arrays, interval=body.interval)


@pytest.mark.parametrize("name", sorted(SETUPS))
@settings(max_examples=25)
@given(data=st.data())
def test_well_formed_calls_are_read_as_their_types_read_them(name: str, data: Any) -> None:
    """Every value is the same, whatever fits."""
    setup = SETUPS[name]
    records = data.draw(st.lists(setup.usual(), min_size=1, max_size=SETTINGS.most_records))
    more = data.draw(st.sampled_from(["", ', "interval": null', ', "interval": 0.9']))
    content = body_of([list(record.items()) for record in records], more)

    found = setup.reader.read(content)

    assert found is not None
    assert by_types(setup, content) == found


@pytest.mark.parametrize("name", sorted(SETUPS))
@settings(max_examples=50)
@given(data=st.data())
def test_nothing_is_let_in_that_the_types_refuse(name: str, data: Any) -> None:
    """A value of another type, an unknown, missing or repeated member, a wrong level: what is read
    as a batch is what the types of the call read, and else they word what is wrong.
    """
    setup = SETUPS[name]
    records = [
        list(record.items())
        for record in data.draw(st.lists(setup.usual(), min_size=1, max_size=4))
    ]
    spoiled = data.draw(st.sampled_from(records))
    names = st.sampled_from([*setup.fields, "unheard of", "", "\ud800"])
    for _ in range(data.draw(st.integers(0, 2))):
        member = (data.draw(names), data.draw(ODD))
        place = data.draw(st.integers(0, len(spoiled)))
        spoiled[place : place + data.draw(st.integers(0, 1))] = [member]
    if data.draw(st.booleans()) and spoiled:
        del spoiled[data.draw(st.integers(0, len(spoiled) - 1))]
    more = data.draw(st.just("") | ODD.map(lambda value: f', "interval": {value}'))
    content = body_of(records, more)

    found = setup.reader.read(content)

    if found is not None:
        assert by_types(setup, content) == found


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[]", b"{}", b'{"records": []}', b'{"records": {}}', b'{"records": [1]}'),
        b'{"records": [[]]}',
        b'{"records": [null]}',
        body_of([[("counter", '"a"'), ("hour", '"2021-03-08T07:00:00Z"')]] * 41),
        body_of([[("counter", '"a"'), ("hour", '"2021-03-08T07:00:00Z"')]], ', "level": 1'),
        body_of([[("counter", '"a"'), ("hour", '"2021-03-08T07:00:00Z"')]]) + b"{}",
        b"\xff" + body_of([[("counter", '"a"'), ("hour", '"2021-03-08T07:00:00Z"')]]),
        body_of([[("counter", '"a"'), ("hour", '"2021-03-08T07:00:00Z"')]])[:-2],
    ],
)
def test_a_body_of_another_form_is_left_to_the_types(content: bytes) -> None:
    """They refuse it, with the member named."""
    assert SETUPS["toy"].reader.read(content) is None
    assert by_types(SETUPS["toy"], content) is None


def test_records_that_check_themselves_are_not_read_by_columns() -> None:
    """A type with rules of its own, or that takes other fields too, is left to itself."""

    class Checked(BaseModel):
        model_config = ConfigDict(extra="forbid")
        counter: str

        @field_validator("counter")
        @classmethod
        def check(cls, value: str) -> str:
            raise ValueError(value)

    class Loose(BaseModel):
        counter: str

    fields = SETUPS["toy"].fields

    assert [None, None] == [batch_reader(each, fields, most=9) for each in (Checked, Loose)]


CELL = st.sampled_from(
    [
        st.floats(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.lists(st.integers()),
        st.dictionaries(st.text(), st.floats()),
        st.none() | st.floats(),
    ]
)


@settings(max_examples=25)
@given(data=st.data())
def test_rows_are_written_as_objects(data: Any) -> None:
    """By columns or one by one, the JSON is the same to the byte."""
    rows = data.draw(st.sampled_from([1, MANY - 1, MANY, 40]))
    names = data.draw(st.lists(st.text(), min_size=1, max_size=4, unique=True))
    columns: Mapping[str, list[Any]] = {
        name: data.draw(st.lists(data.draw(CELL), min_size=rows, max_size=rows)) for name in names
    }
    objects = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    assert as_json(objects) == rows_as_json(columns)


def test_a_batch_is_answered_as_its_records_are(client: Any) -> None:
    """A long call and short ones of the same records get the same predictions."""
    hours = [f"2021-03-08T{hour:02}:00:00Z" for hour in range(24)]
    records = [{"counter": c, "hour": hour} for hour in hours for c in ("north", "south")] * 3

    def predictions(some: list[Any]) -> list[Any]:
        answer = client.post("/v1/toy/predict", json={"records": some})
        assert 200 == answer.status_code, answer.text
        found: list[Any] = from_json(answer.content)["predictions"]
        return found

    apart = [found for record in records[:48] for found in predictions([record])]

    for one, other in zip(predictions(records), apart * 3, strict=True):
        assert pytest.approx(other, rel=1e-9) == one


def test_a_fault_in_a_long_call_is_named(client: Any) -> None:
    """The record and the field, in the one form of refusals."""
    records = [{"counter": "north", "hour": "2021-03-08T07:00:00Z"}] * 200
    records[123] = {**records[0], "rain": "wet"}

    answer = client.post("/v1/toy/predict", json={"records": records})

    assert 422 == answer.status_code
    assert ["#/records/123/rain"] == [each["pointer"] for each in answer.json()["errors"]]
