"""From the bytes of a request to typed records; what does not fit is refused by field."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.requests import Request

from bento.problems import MOST_SHOWN, FieldProblem, RequestError, field_problem

MOST_BYTES: Final = 1024 * 1024
MOST_RECORDS: Final = 1000
MOST_SHOWN_OF_A_VALUE: Final = 60


def body_model(record: type[BaseModel], name: str) -> type[BaseModel]:
    """The whole body of a call: `{"records": [...]}`, 1 to 1,000 of them and nothing else."""
    config = ConfigDict(frozen=True, extra="forbid")
    records = Field(min_length=1, max_length=MOST_RECORDS, description="what is to be predicted")
    return create_model(name, __config__=config, records=(list[record], records))  # type: ignore[valid-type]


async def read_body(request: Request) -> bytes:
    """The body of a JSON request; raises `RequestError` for another type and for over 1 MiB."""
    _check_headers(request)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise _too_large(f"The body is larger than {MOST_BYTES} bytes.")
    return bytes(content)


def parse(body: type[BaseModel], content: bytes) -> list[BaseModel]:
    """The records of a body; raises `RequestError` with every field that is wrong."""
    try:
        records: list[BaseModel] = body.model_validate_json(content, strict=True).records  # type: ignore[attr-defined]
    except ValidationError as error:
        raise _refusal(error) from error
    return records


def _check_headers(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"The body is declared as {media_type!r}. Send JSON with the header "
            "Content-Type: application/json.",
        )
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"The body is encoded as {encoding!r}. Send it as it is, without compression.",
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise _too_large(f"The body has {length} bytes.")


def _too_large(found: str) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"{found} A call takes at most {MOST_BYTES} bytes and {MOST_RECORDS} records: "
        "send several calls.",
    )


def _refusal(error: ValidationError) -> RequestError:
    found = error.errors(include_url=False, include_input=True, include_context=False)
    kinds = {(problem["type"], problem["loc"]) for problem in found}
    if ("too_long", ("records",)) in kinds:
        return _too_large(f"The body has more than {MOST_RECORDS} records.")
    if found[0]["type"] == "json_invalid":
        return RequestError(
            HTTPStatus.BAD_REQUEST,
            "malformed-json",
            f'{found[0]["msg"]}. Send a body of the form {{"records": [{{…}}]}}.',
            [field_problem((), found[0]["msg"])],
        )
    return invalid(list(_described(found[:MOST_SHOWN])), len(found))


def invalid(errors: list[FieldProblem], count: int) -> RequestError:
    """The refusal of records that can be read but not predicted."""
    noun = "field does" if count == 1 else "fields do"
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-record",
        f"{count} {noun} not fit; nothing was predicted. See errors.",
        errors,
    )


def _described(found: Any) -> Iterator[FieldProblem]:
    for problem in found:
        value = repr(problem["input"])
        shown = (
            value if len(value) <= MOST_SHOWN_OF_A_VALUE else f"{value[:MOST_SHOWN_OF_A_VALUE]}…"
        )
        given = "" if problem["type"] in ("missing", "extra_forbidden") else f"; found {shown}"
        yield field_problem(problem["loc"], f"{problem['msg']}{given}")
