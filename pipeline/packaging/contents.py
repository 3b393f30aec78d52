"""The example of a model card where records hold files: a small copy in place of the path."""

from __future__ import annotations

import base64
from pathlib import Path

from pydantic import JsonValue

from pipeline.case import Case
from pipeline.pictures import StoredPicture
from pipeline.pictures.sheets import thumbnail
from pipeline.schema import ENCODED


def with_contents(
    record: dict[str, JsonValue] | None, case: Case, files: Path
) -> dict[str, JsonValue] | None:
    """The record as a call would send it; raises `StateError` for a file that is gone."""
    if record is None:
        return None
    fields = case.task.request_model(case.schema, "Example").model_fields
    found = dict(record)
    for name, value in record.items():
        extra = fields[name].json_schema_extra
        if isinstance(extra, dict) and extra.items() >= ENCODED.items():
            picture = StoredPicture(path=files / str(value), sha256="", cache=files)
            found[name] = base64.b64encode(thumbnail(picture)).decode("ascii")
    return found
