"""The example of a model card where records hold files: a small copy in place of the path."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from pydantic import BaseModel, JsonValue

from pipeline.case import Case
from pipeline.pictures import StoredPicture
from pipeline.pictures.sheets import thumbnail
from pipeline.schema import ENCODED

EXAMPLE_SIDE: Final = 64
"""Pixels of the picture in the example of a model card."""


def with_contents(
    record: dict[str, JsonValue] | None, case: Case, files: Path
) -> dict[str, JsonValue] | None:
    """The record as a call would send it; raises `StateError` for a file that is gone."""
    if record is None:
        return None
    field = upload_field(case.task.request_model(case.schema, "Example"))
    if field is None:
        return record
    picture = StoredPicture(path=files / str(record[field]), sha256="", cache=files)
    small = thumbnail(picture, EXAMPLE_SIDE)
    return {**record, field: base64.b64encode(small).decode("ascii")}


def upload_field(record: type[BaseModel]) -> str | None:
    """The field of a record that holds a file, as its JSON schema says (`contentEncoding`); `None`
    where there is none.
    """
    marked = [
        name
        for name, field in record.model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.items() >= ENCODED.items()
    ]
    return marked[0] if marked else None
