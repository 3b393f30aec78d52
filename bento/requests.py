"""From the bytes of a request to typed records; what does not fit is refused by field."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope

from bento.problems import (
    MOST_SHOWN,
    FieldProblem,
    RequestError,
    field_problem,
    incomplete_body,
    query_problem,
)
from pipeline.packaging.settings import Settings

MOST_SHOWN_OF_A_VALUE: Final = 60
MOST_HEADERS: Final = 100
MOST_PARAMETERS: Final = 50
READ_HEADERS: Final = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"accept",
    }
)


class Request:
    """One request, as far as it has been read."""

    __slots__ = ("address", "headers", "id", "method", "path", "query", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.id = secrets.token_hex(8)
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self.address: str = (scope.get("client") or ("",))[0]
        self.headers = _headers(scope["headers"])

    def parameters(self) -> list[tuple[str, str]]:
        """The query, decoded; raises `RequestError` for one that can't be."""
        try:
            return parse_qsl(
                self.query.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(self.query),
                errors="strict",
                max_num_fields=MOST_PARAMETERS,
            )
        except ValueError as error:
            raise invalid_query([query_problem("", f"The query can't be read: {error}")]) from error

    def refuse_query(self) -> None:
        """For addresses that take no parameters."""
        if self.query:
            names = sorted({name for name, _ in self.parameters()})
            raise invalid_query([query_problem(name, "unknown parameter") for name in names])

    async def body(self, settings: Settings) -> bytes:
        """All of it; raises `RequestError` for one that is too large, too slow or cut off."""
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > settings.most_bytes:
            raise too_large(f"The body has {int(length)} bytes.", settings)
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            content: bytes = message.get("body", b"")
            return _checked(content, settings)
        try:
            async with asyncio.timeout(settings.most_seconds):
                return await self._rest(message, settings)
        except TimeoutError as error:
            raise RequestError(
                HTTPStatus.REQUEST_TIMEOUT,
                "too-slow",
                f"The body had not arrived after {settings.most_seconds:g} s.",
                headers={"connection": "close"},
            ) from error

    async def _rest(self, message: Any, settings: Settings) -> bytes:
        content = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise incomplete_body()
            content += message.get("body", b"")
            _checked(content, settings)
            if not message.get("more_body"):
                return bytes(content)
            message = await self.receive()


def _headers(found: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Those that are read. One that comes twice is refused: which of the two would count?"""
    if len(found) > MOST_HEADERS:
        raise RequestError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too-many-headers",
            f"The request has {len(found)} headers; at most {MOST_HEADERS} are read.",
        )
    headers: dict[bytes, bytes] = {}
    for name, value in found:
        if name in READ_HEADERS:
            if name in headers and name != b"accept":
                raise RequestError(
                    HTTPStatus.BAD_REQUEST,
                    "repeated-header",
                    f"The header {name.decode('ascii')!r} comes more than once.",
                )
            headers[name] = value
    return headers


def check_json(headers: Mapping[bytes, bytes]) -> None:
    """Raises `RequestError` for a body that isn't declared as plain JSON."""
    declared = headers.get(b"content-type", b"")
    media_type = declared.partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"The body is declared as {_shown(declared)}. Send JSON with the header "
            "Content-Type: application/json.",
        )
    refuse_encoding(headers)


def refuse_encoding(headers: Mapping[bytes, bytes]) -> None:
    """A small compressed body could unfold to a huge one."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"The body is encoded as {_shown(encoding)}. Send it as it is, without compression.",
        )


def _shown(header: bytes) -> str:
    return repr(header[:MOST_SHOWN_OF_A_VALUE].decode("latin-1"))


def parse(body: type[BaseModel], content: bytes) -> Any:
    """The typed body; raises `RequestError` with every field that is wrong."""
    try:
        return body.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise _refusal(error) from error


def _checked(content: bytes | bytearray, settings: Settings) -> bytes:
    if len(content) > settings.most_bytes:
        raise too_large(f"The body is larger than {settings.most_bytes} bytes.", settings)
    return content  # type: ignore[return-value]


def too_large(found: str, settings: Settings) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"{found} A call takes at most {settings.most_bytes} bytes and {settings.most_records} "
        "records: send several calls.",
        headers={"connection": "close"},
    )


def _refusal(error: ValidationError) -> RequestError:
    found = error.errors(include_url=False, include_input=True, include_context=False)
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
        f"{count} {noun} not fit; nothing was done. See errors.",
        errors,
    )


def invalid_query(errors: list[FieldProblem]) -> RequestError:
    """The refusal of parameters in the address."""
    noun = "parameter does" if len(errors) == 1 else "parameters do"
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-query",
        f"{len(errors)} {noun} not fit. See errors.",
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
