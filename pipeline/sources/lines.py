"""The lines of a delimited text file, read slowly: only to say where a refused file is wrong.

Line numbers count from 1 as an editor shows them, also where a quoted value spans lines.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.sources.content import single_byte_encoding


class Layout(Protocol):
    """Of a file's format what tells its header from its rows."""

    @property
    def delimiter(self) -> str: ...
    @property
    def header_lines(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record: the line that it ends on, and its values."""

    line: int
    values: tuple[str, ...]


def records(path: Path, delimiter: str, *, strict: bool) -> Iterator[Record]:
    """All records, the header first; empty lines are left out. Raises `csv.Error` when strict."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=strict)
        for values in reader:
            if values:
                yield Record(line=reader.line_num, values=tuple(values))


def line_of_row(path: Path, form: Layout, row: int) -> int:
    """Line of the data row `row`, from 0, among the records as wide as the header."""
    found = records(path, form.delimiter, strict=False)
    width = max(len(next(found).values) for _ in range(form.header_lines))
    whole = (record for record in found if len(record.values) == width)
    return next(record.line for number, record in enumerate(whole) if number == row)


def structure_problems(path: Path, delimiter: str) -> list[str]:
    """Records that are wider or narrower than the header, and a quote that never closes."""
    end = 0
    width = 0
    misfits: list[Record] = []
    try:
        for record in records(path, delimiter, strict=True):
            width = width or len(record.values)
            if len(record.values) != width:
                misfits.append(record)
            end = record.line
    except csv.Error as error:
        return [f"the record after line {end} has quotes out of place ({error}): fetch it again"]
    return [_misfit_problem(misfits, width, end)] if misfits else []


def _misfit_problem(misfits: list[Record], width: int, end: int) -> str:
    first = misfits[0]
    if first.line == end and len(first.values) < width:
        return (
            f"the last line ({end}) has {len(first.values)} of {width} fields: "
            "the file is truncated, fetch it again"
        )
    others = f", and so do {len(misfits) - 1} other lines" if len(misfits) > 1 else ""
    return (
        f"line {first.line} has {len(first.values)} fields where the header has {width}{others}: "
        "export the file with quotes around values that hold the separator"
    )


def ending_problem(path: Path) -> str | None:
    """A file whose last line has no end may have been cut anywhere in that line."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in (b"\n", b"\r"):
            return None
    return (
        "the last line has no end: the file looks truncated, fetch it again (or end the last "
        "line, if it is whole)"
    )


def encoding_problem(path: Path) -> str | None:
    """The first line that isn't UTF-8, and what its encoding looks like."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return _encoding_message(number, line, error.start)
    return None


def _encoding_message(number: int, line: bytes, position: int) -> str:
    byte = line[position : position + 1]
    guess = single_byte_encoding(line)
    shown = byte.decode("cp1252", "replace")
    return (
        f"line {number} isn't UTF-8: byte 0x{byte.hex()}, {shown!r} in {guess}. "
        f"Save the file as UTF-8 (it looks like {guess})"
    )
