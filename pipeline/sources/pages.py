"""Rows of a JSON page, as its publisher sends them, to typed columns or a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources.columns import column_problems, convert_columns
from pipeline.sources.http import Fetched
from pipeline.sources.values import Field

Row = Mapping[str, Any]


def read_json(fetched: Fetched, what: str) -> dict[str, Any]:
    """The object of an answer; raises `SourceError` for text that isn't whole JSON."""
    try:
        found = json.loads(fetched.path.read_bytes())
    except ValueError as error:
        raise SourceError.for_page(
            fetched.address, what, [f"it isn't whole JSON ({error}): it may be truncated"]
        ) from error
    if not isinstance(found, dict):
        raise SourceError.for_page(
            fetched.address, what, [f"it is {type(found).__name__}, an object is expected"]
        )
    return found


def row_problems(rows: Sequence[Any], fields: Sequence[Field]) -> list[str]:
    """Rows that are no objects, and fields that are missing from all or some of them."""
    if not all(isinstance(row, Mapping) for row in rows):
        return ["its rows are no objects"]
    if not rows:
        return []
    found = list(dict.fromkeys(name for row in rows for name in row))
    some = [
        f"field {field.header!r} is missing from {lacking} of {len(rows)} rows"
        for field in fields
        if not field.optional
        and 0 < (lacking := sum(field.header not in row for row in rows)) < len(rows)
    ]
    return [*column_problems(found, fields), *some]


def columns_of(rows: Sequence[Row], fields: Sequence[Field]) -> tuple[pa.Table, list[str]]:
    """Columns of the declared names and kinds, and the problems of those that are refused."""
    raw = pa.table(
        {
            field.header: pa.array([_text(row.get(field.header)) for row in rows], pa.string())
            for field in fields
        }
    )
    return convert_columns(raw, fields, lambda row: f"row {row + 1}")


def _text(value: Any) -> str | None:
    """A number as it was written, or nearly so; a missing value stays missing."""
    if value is None or isinstance(value, str):
        return value or None
    return repr(value)
