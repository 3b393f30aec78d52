"""Delimited text files: one is read whole and as declared, or refused.

A refusal is one `SourceError` that lists all that is wrong with the file. The quick way reads
with Arrow; only when it refuses is the file gone through slowly to say where and why.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from pipeline.errors import SourceError
from pipeline.sources import content, lines
from pipeline.sources.columns import column_problems, convert_columns, wanted_headers
from pipeline.sources.files import readable
from pipeline.sources.values import Field

SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """Text in UTF-8, with or without its mark: a header, and every line has an end."""

    title: str
    """What the file holds, to go on from "can't be read as"."""
    delimiter: str
    fields: tuple[Field, ...]
    header_lines: int = 1
    """Where a header has several lines, a name is what they say of a column, joined by blanks."""
    may_lack_end: bool = False
    """The publisher's last line has no end: that it has none says nothing then."""


def read_csv(path: Path, form: CsvFormat) -> pa.Table:
    """The declared columns under their names here, all rows; raises `SourceError`."""
    with readable(path):
        header = header_of(path, form)
        included = wanted_headers(header, form.fields)
        problems = column_problems(header, form.fields)
        if included:
            texts, structure = _texts(path, form, header, included)
            table, refused = convert_columns(
                texts,
                form.fields,
                lambda row: f"line {lines.line_of_row(path, form, row)}",
            )
            problems += structure + refused
    if problems:
        raise SourceError.for_file(path, form.title, problems)
    return table


def header_of(path: Path, form: CsvFormat) -> list[str]:
    """Names of the header, accents composed; refuses what isn't such a file at all."""
    with path.open("rb") as file:
        start = file.read(content.SAMPLE_BYTES)
    _require_text(path, form, start)
    found = re.split(rb"\r\n|\n|\r", content.without_mark(start), maxsplit=form.header_lines)
    head, rest = found[: form.header_lines], found[form.header_lines :]
    try:
        told = [line.decode("utf-8") for line in head]
    except UnicodeDecodeError as error:
        problem = lines.encoding_problem(path) or str(error)
        raise SourceError.for_file(path, form.title, [problem]) from error
    _require_delimiter(path, form, told)
    if len(start) < content.SAMPLE_BYTES and not b"".join(rest).strip():
        problem = "it has a header and no rows: fetch it again"
        raise SourceError.for_file(path, form.title, [problem])
    return _names(told, form.delimiter)


def _require_text(path: Path, form: CsvFormat, start: bytes) -> None:
    foreign = content.foreign_content(start)
    mark = content.encoding_mark(start)
    if not content.without_mark(start).strip():
        foreign = f"empty ({path.stat().st_size} bytes)"
    if foreign:
        raise SourceError.for_foreign_content(path, f"{form.title} as CSV", foreign)
    if mark:
        problem = f"its encoding looks like {mark}: save the file as UTF-8"
        raise SourceError.for_file(path, form.title, [problem])


def _require_delimiter(path: Path, form: CsvFormat, head: list[str]) -> None:
    wanted = {field.header for field in form.fields}
    hits = {separator: len(wanted & set(_names(head, separator))) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: hits[separator])
    if hits[best] > hits.get(form.delimiter, 0):
        problem = (
            f"its separator is {best!r} where {form.delimiter!r} is expected: export it with "
            f"{form.delimiter!r}"
        )
        raise SourceError.for_file(path, form.title, [problem])


def _names(head: list[str], delimiter: str) -> list[str]:
    """One name a column; of several lines what each says of it."""
    first, *others = [_split(line, delimiter) for line in head]
    if not others:
        return first
    columns = zip_longest(first, *others, fillvalue="")
    return [" ".join(filter(None, (part.strip() for part in parts))) for parts in columns]


def _split(line: str, delimiter: str) -> list[str]:
    names = next(csv.reader([line], delimiter=delimiter), [])
    return [unicodedata.normalize("NFC", name) for name in names]


def _texts(
    path: Path, form: CsvFormat, header: list[str], included: list[str]
) -> tuple[pa.Table, list[str]]:
    """The included columns as text, and what is wrong with the file's lines."""
    misfits: list[int] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        misfits.append(row.actual_columns)
        return "skip"

    try:
        texts = _parse(path, form, header, included, skip)
    except pa.ArrowException as error:
        encoding = lines.encoding_problem(path)
        found = [encoding] if encoding else lines.structure_problems(path, form.delimiter)
        return pa.table({}), found or [str(error)]
    structure = lines.structure_problems(path, form.delimiter) if misfits else []
    ending = None if structure or form.may_lack_end else lines.ending_problem(path)
    return texts, [*structure, *([ending] if ending else [])]


def _parse(
    path: Path,
    form: CsvFormat,
    header: list[str],
    included: list[str],
    skip: Callable[[pa_csv.InvalidRow], str],
) -> pa.Table:
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=header, skip_rows=form.header_lines),
        parse_options=pa_csv.ParseOptions(
            delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=included,
            column_types=dict.fromkeys(included, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
