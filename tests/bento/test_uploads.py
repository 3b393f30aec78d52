"""Pictures of a call: as a form or as base64, refused before they are decoded."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import httpx
import pytest
from pictures import bomb_png, jpeg
from pydantic import create_model

from bento.bodies import predict_body
from bento.problems import RequestError
from bento.uploads import check_files, form_as_json, is_form, roomier, summary
from pipeline.case import find_case
from pipeline.packaging.contents import upload_field
from pipeline.packaging.settings import Settings

CASE = find_case("plants")
RECORD = CASE.task.request_model(CASE.schema, "Record")
SETTINGS = Settings()


def form(parts: list[tuple[str, Any]]) -> tuple[dict[bytes, bytes], bytes]:
    """Header and body of a form, as a client sends it."""
    request = httpx.Request("POST", "http://x/", files=parts)
    return {b"content-type": request.headers["content-type"].encode()}, request.read()


def read(parts: list[tuple[str, Any]]) -> dict[str, Any]:
    headers, content = form(parts)
    assert is_form(headers)
    found: dict[str, Any] = json.loads(
        asyncio.run(form_as_json(headers, content, "picture", SETTINGS))
    )
    return found


def test_the_field_of_the_picture_is_known_by_its_type() -> None:
    """A record of numbers has none."""
    bikes = find_case("bikes")

    assert "picture" == upload_field(RECORD)
    assert upload_field(bikes.task.request_model(bikes.schema, "Record")) is None


def test_a_form_says_the_same_as_json() -> None:
    """Each file is a record, in their order; the level is a number."""
    found = read(
        [
            ("picture", ("a.jpg", jpeg(1), "image/jpeg")),
            ("interval", (None, "0.8")),
            ("picture", ("b.jpg", jpeg(2), "text/plain")),
        ]
    )

    assert 0.8 == found["interval"]
    assert [jpeg(1), jpeg(2)] == [base64.b64decode(each["picture"]) for each in found["records"]]


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(RequestError) as caught:
        read([("photo", ("a.jpg", jpeg(1), "image/jpeg"))])

    assert 422 == caught.value.status
    assert ["photo"] == [error.field for error in caught.value.errors]


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        (b"multipart/form-data", b"x"),
        (b"multipart/form-data; boundary=x", b"no boundary"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(declared: bytes, content: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        asyncio.run(form_as_json({b"content-type": declared}, content, "picture", SETTINGS))

    assert (400, "malformed-form") == (caught.value.status, caught.value.kind)


def records(*contents: bytes) -> list[Any]:
    return [RECORD(picture=base64.b64encode(each).decode()) for each in contents]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"text", "no picture"), (bomb_png(), "pixels"), (bomb_png(6_000, 6_000), "25,000,000")],
    ids=["text", "bomb", "too large"],
)
def test_every_bad_picture_is_named_by_its_place(content: bytes, words: str) -> None:
    """Good ones beside it are not blamed."""
    with pytest.raises(RequestError) as caught:
        check_files(records(jpeg(1), content), "picture", SETTINGS)

    (problem,) = caught.value.errors
    assert "#/records/1/picture" == problem.pointer
    assert words in problem.detail


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        check_files([RECORD(picture="!")], "picture", SETTINGS)

    assert "it is no base64" in caught.value.errors[0].detail


def test_the_log_keeps_digests_and_no_pictures() -> None:
    found = json.loads(summary(records(jpeg(1)), "picture"))

    expected = {"sha256": hashlib.sha256(jpeg(1)).hexdigest(), "bytes": len(jpeg(1))}
    assert {"records": [{"picture": expected}]} == found


def test_bodies_with_pictures_have_more_room() -> None:
    assert SETTINGS.most_bytes < roomier(SETTINGS).most_bytes == SETTINGS.most_upload_bytes


def test_fewer_records_are_taken_where_they_hold_files() -> None:
    """Each of them takes a while: the limit is one of its own."""
    record = create_model("Record", picture=(str, ...))
    few = Settings(most_files=2)

    body = predict_body(record, "Body", few, [0.9], "picture")
    other = predict_body(record, "Body", few, [0.9], None)

    assert 2 == body.model_json_schema()["properties"]["records"]["maxItems"]
    assert 1000 == other.model_json_schema()["properties"]["records"]["maxItems"]
