"""Kinds of value that a publisher's file holds, and how each becomes an Arrow column.

A kind converts a whole column or refuses it: nothing is guessed, and no value becomes null
because it could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

MOMENT = pa.timestamp("us")
INSTANT = pa.timestamp("us", tz="UTC")

DATE = r"\d{4}-\d{2}-\d{2}"
CLOCK = r"[T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
OFFSET = r"(Z|[+-]\d{2}(:?\d{2})?)"
EXACT = 2**53
"""Below it a double holds every whole number; from here on, it stands for several."""
_DECIMAL = r"[+-]?(?:\d+\.?\d*|\.\d+)"


@dataclass(frozen=True, kw_only=True)
class ValueKind:
    """What a column's values are; the constants of this module are all the kinds there are."""

    wanted: str
    """What a value should be, to go on from "isn't"."""
    remedy: str
    shape: str
    """Pattern (RE2) of a value's text; values of this shape can still be refused."""
    convert: Callable[[pa.ChunkedArray], pa.ChunkedArray]
    """Whole column to its Arrow type; raises `pa.ArrowException` when a value is refused."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column that is wanted of a file: its header there, and its name here."""

    header: str
    name: str
    kind: ValueKind
    optional: bool = False
    """The file may lack the column, or hold nothing in it: then it is null."""


def is_text(of: pa.DataType) -> bool:
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of))


def trimmed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(values)


def plain_capitals(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Upper case, single blanks, none outside; an empty text is missing."""
    tidy = pc.utf8_upper(trimmed(values))
    joined = pc.replace_substring_regex(tidy, r"\s+", " ")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string())


def _numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Finite doubles; NaN of a binary file is a missing value, "nan" in a text file is refused."""
    if is_text(values.type):
        numbers = pc.cast(trimmed(values), pa.float64())
    elif pa.types.is_boolean(values.type):
        raise pa.ArrowInvalid("a truth value is no number")
    else:
        plain = pc.cast(values, pa.float64())
        numbers = pc.if_else(pc.is_nan(plain), pa.scalar(None, pa.float64()), plain)
    if pc.all(pc.is_finite(numbers), min_count=0).as_py() is False:
        raise pa.ArrowInvalid("a number is not finite")
    return numbers


def _integers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers, written with or without a fraction of zeros (`3` or `3.0`)."""
    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.int64())
    whole = pc.cast(_numbers(values), pa.int64())
    ends = pc.min_max(whole).as_py()
    inexact = ends["max"] is not None and max(-ends["min"], ends["max"]) >= EXACT
    return pc.cast(trimmed(values), pa.int64()) if inexact and is_text(values.type) else whole


def _instants_with_offset(values: pa.ChunkedArray) -> pa.ChunkedArray:
    _require_time(values.type)
    if is_text(values.type):
        return pc.cast(trimmed(values), INSTANT)
    if not (pa.types.is_null(values.type) or getattr(values.type, "tz", None)):
        raise pa.ArrowInvalid("the times have no zone")
    return pc.cast(values, INSTANT)


def _instants_in_utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times all with an offset, or all without one; never some of each."""
    _require_time(values.type)
    if getattr(values.type, "tz", None) is not None:
        return _instants_with_offset(values)
    naive = _naive(values)
    return _instants_with_offset(values) if naive is None else pc.cast(naive, INSTANT)


def _naive(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Times without a zone; `None` where they aren't all that."""
    try:
        return pc.cast(values, MOMENT)
    except pa.ArrowInvalid:
        if not is_text(values.type):
            return None
    try:
        return pc.cast(trimmed(values), MOMENT)
    except pa.ArrowInvalid:
        return None


def _require_time(of: pa.DataType) -> None:
    """An integer would be taken as microseconds since 1970 without a word."""
    known = is_text(of) or pa.types.is_timestamp(of) or pa.types.is_date(of)
    if not (known or pa.types.is_null(of)):
        raise pa.ArrowInvalid(f"{of} holds no times")


def _points(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Structs of latitude and longitude in degrees, from text such as "48.83504,2.33314"."""
    texts = _texts(values)
    shape = rf"\A\s*(?P<latitude>{_DECIMAL})\s*,\s*(?P<longitude>{_DECIMAL})\s*\z"
    parts = pc.extract_regex(texts, shape)
    if parts.null_count > texts.null_count:
        raise pa.ArrowInvalid("a value is no latitude and longitude")
    degrees = [_degrees(pc.struct_field(parts, name), texts) for name in ("latitude", "longitude")]
    return pc.make_struct(*degrees, field_names=("latitude", "longitude"))


def _degrees(part: pa.ChunkedArray, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    given = pc.if_else(pc.is_valid(texts), part, pa.scalar(None, pa.string()))
    return pc.cast(given, pa.float64())


TEXT = ValueKind(
    wanted="a text", remedy="export the column as text", shape=r"(?s:.*)", convert=_texts
)
NUMBER = ValueKind(
    wanted="a finite number",
    remedy="write numbers such as 12.5, and leave a missing value empty",
    shape=rf"{_DECIMAL}([eE][+-]?\d+)?",
    convert=_numbers,
)
INTEGER = ValueKind(
    wanted="a whole number",
    remedy="write whole numbers such as 12, and leave a missing value empty",
    shape=r"[+-]?(\d+\.?0*|\.0+)([eE]\+?\d+)?",
    convert=_integers,
)
ZONED_TIME = ValueKind(
    wanted="a time with its offset from UTC",
    remedy="write times such as 2021-09-01T03:00:00+02:00",
    shape=rf"{DATE}{CLOCK}{OFFSET}",
    convert=_instants_with_offset,
)
UTC_TIME = ValueKind(
    wanted="a time",
    remedy="write times such as 2021-09-01 01:00:00, in UTC",
    shape=rf"{DATE}({CLOCK}{OFFSET}?)?",
    convert=_instants_in_utc,
)
POINT = ValueKind(
    wanted="a latitude and a longitude",
    remedy='write them in degrees such as "48.83504,2.33314"',
    shape=rf"{_DECIMAL}\s*,\s*{_DECIMAL}",
    convert=_points,
)
