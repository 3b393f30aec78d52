"""Excel workbooks: one sheet is read whole and as declared, or refused with all that is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources import content
from pipeline.sources.columns import column_problems, convert_columns, wanted_headers
from pipeline.sources.files import readable
from pipeline.sources.values import Field

ARCHIVE = b"PK\x03\x04"
FIRST_ROW = 2
"""Row of a sheet, as Excel counts, that the first record is in."""


@dataclass(frozen=True, kw_only=True)
class SheetFormat:
    """A sheet whose first row names the columns; line breaks in a name count as blanks."""

    title: str
    """What the sheet holds, to go on from "can't be read as"."""
    sheet: str
    fields: tuple[Field, ...]


def read_sheet(path: Path, form: SheetFormat) -> pa.Table:
    """The declared columns under their names here, all rows; raises `SourceError`."""
    with readable(path):
        _require_workbook(path, form)
        header, rows = _load(path, form)
    problems = column_problems(header, form.fields)
    included = wanted_headers(header, form.fields)
    if not rows:
        problems.append("the sheet has a header and no rows: fetch the file again")
    elif included:
        places = [header.index(name) for name in included]
        raw = pa.table(
            {
                name: _column([row[place] for row in rows])
                for name, place in zip(included, places, strict=True)
            }
        )
        table, refused = convert_columns(raw, form.fields, lambda row: f"row {row + FIRST_ROW}")
        problems += refused
    if problems:
        raise SourceError.for_file(path, form.title, problems)
    return table


def _require_workbook(path: Path, form: SheetFormat) -> None:
    with path.open("rb") as file:
        start = file.read(content.SAMPLE_BYTES)
    if not start.startswith(ARCHIVE):
        found = content.foreign_content(start) or ("a text file" if start else "empty (0 bytes)")
        raise SourceError.for_foreign_content(path, f"{form.title} as an Excel workbook", found)


def _load(path: Path, form: SheetFormat) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns, and the rows that are not wholly blank."""
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            if form.sheet not in book.sheet_names:
                found = ", ".join(map(repr, book.sheet_names)) or "none"
                problem = f"sheet {form.sheet!r} is missing; the sheets found are {found}"
                raise SourceError.for_file(path, form.title, [problem])
            rows = book.get_sheet_by_name(form.sheet).to_python(skip_empty_area=False)
    except (calamine.CalamineError, zipfile.BadZipFile) as error:
        problem = f"its data are damaged ({error}): fetch it again"
        raise SourceError.for_file(path, form.title, [problem]) from error
    if not rows:
        raise SourceError.for_file(path, form.title, ["the sheet is empty: fetch it again"])
    header = [" ".join(str(name).split()) for name in rows[0]]
    return header, [row for row in rows[1:] if any(value != "" for value in row)]


def _column(values: Sequence[Any]) -> pa.ChunkedArray:
    """Numbers where all are, else texts; an empty cell is missing."""
    known = [None if value == "" else value for value in values]
    if all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        for value in known
    ):
        return pa.chunked_array([pa.array(known, pa.float64())])
    return pa.chunked_array([pa.array([_text(value) for value in known], pa.string())])


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
