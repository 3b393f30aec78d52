"""Files of a call, such as pictures: sent as a form or as base64, and judged before they are read.

Which field of a record is a file is said by its type, so that no case or task is named here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bento.problems import FieldProblem, RequestError, field_problem
from bento.requests import invalid, refuse_encoding
from pipeline.errors import PictureError
from pipeline.packaging.settings import Settings
from pipeline.pictures import Limits
from pipeline.pictures.decoding import opened

FORM: Final = b"multipart/form-data"
LEVEL: Final = "interval"


def roomier(settings: Settings) -> Settings:
    """The settings for a body that holds files."""
    return settings.model_copy(update={"most_bytes": settings.most_upload_bytes})


def is_form(headers: Mapping[bytes, bytes]) -> bool:
    declared = headers.get(b"content-type", b"")
    return declared.partition(b";")[0].strip().lower() == FORM


async def form_as_json(
    headers: Mapping[bytes, bytes], content: bytes, field: str, settings: Settings
) -> bytes:
    """The JSON body that says the same as the form: a record for each file, in their order.

    Raises `RequestError` for a form that can't be read, and for fields that are unknown.
    """
    refuse_encoding(headers)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content
        yield b""

    declared = Headers({"content-type": headers[b"content-type"].decode("latin-1")})
    parser = MultiPartParser(
        declared, stream(), max_files=settings.most_records, max_fields=1, max_part_size=100
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, AssertionError) as error:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "malformed-form",
            f"The form can't be read: {error}. Send each file as a part named {field!r}.",
        ) from error
    try:
        return json.dumps(await _record_body(form.multi_items(), field)).encode()
    finally:
        await form.close()


async def _record_body(items: list[tuple[str, UploadFile | str]], field: str) -> dict[str, Any]:
    problems = [
        _unknown(name, field)
        for name, value in items
        if name != (field if isinstance(value, UploadFile) else LEVEL)
    ]
    if problems:
        raise invalid(problems, len(problems))
    files = [value for _, value in items if isinstance(value, UploadFile)]
    levels = [value for _, value in items if isinstance(value, str)]
    records = [{field: base64.b64encode(await file.read()).decode("ascii")} for file in files]
    return {"records": records, **({LEVEL: _number(levels[0])} if levels else {})}


def _unknown(name: str, field: str) -> FieldProblem:
    return FieldProblem(
        field=name[:60],
        pointer="",
        detail=f"unknown part; files are sent as {field!r}, and {LEVEL!r} is a number",
    )


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def check_files(records: list[Any], field: str, settings: Settings) -> None:
    """Raises `RequestError` for every file that is no picture or too large, before any of them is
    decoded.
    """
    limits = Limits(most_bytes=settings.most_upload_bytes, most_pixels=settings.most_pixels)
    problems = []
    for place, record in enumerate(records):
        try:
            opened(base64.b64decode(getattr(record, field), validate=True), limits)
        except (binascii.Error, ValueError) as error:
            problems.append(field_problem(("records", place, field), f"it is no base64: {error}"))
        except PictureError as error:
            problems.append(field_problem(("records", place, field), str(error)))
    if problems:
        raise invalid(problems, len(problems))


def summary(records: list[Any], field: str) -> bytes:
    """What the log keeps in place of the files: their digests and sizes."""
    sent = [base64.b64decode(getattr(record, field)) for record in records]
    told = [{"sha256": hashlib.sha256(one).hexdigest(), "bytes": len(one)} for one in sent]
    return json.dumps({"records": [{field: one} for one in told]}).encode()


def form_schema(field: str, levels: Sequence[float]) -> dict[str, Any]:
    """The form, for the documentation."""
    return {
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "required": [field],
            "properties": {
                field: {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string", "format": "binary"},
                    "description": "one or several files, each a part of this name",
                },
                LEVEL: {"type": "number", "enum": [*levels]},
            },
        },
        "encoding": {field: {"contentType": "image/jpeg, image/png, image/gif, image/webp"}},
    }
