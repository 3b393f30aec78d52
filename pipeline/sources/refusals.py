"""Which values of a refused column are to blame, and what to do about them.

The slow side of `ValueKind.convert`: used only for a column that was refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.values import (
    CLOCK,
    DATE,
    INTEGER,
    NUMBER,
    OFFSET,
    ZONED_TIME,
    ValueKind,
    is_text,
    trimmed,
)

SEARCHED = 100
"""How many values of the right shape are looked for that are refused all the same."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Rows, from 0 and increasing, whose values a kind refuses; there are more if not complete."""

    rows: tuple[int, ...]
    complete: bool


def refusal(values: pa.ChunkedArray, kind: ValueKind) -> Refusal:
    """What `kind` refuses of a column that `kind.convert` has failed on.

    All values whose text is misshapen; of the others, such as a 30th of February, the first
    `SEARCHED` only, since each is looked for by halving.
    """
    fits = _shaped(values, kind)
    misshapen = [row for row, good in enumerate(fits.to_pylist()) if not good]
    rows = pc.indices_nonzero(fits)
    found: list[int] = []
    _search(values.take(rows), 0, kind, found)
    others = [rows[position].as_py() for position in found]
    return Refusal(rows=tuple(sorted(misshapen + others)), complete=len(found) < SEARCHED)


def _shaped(values: pa.ChunkedArray, kind: ValueKind) -> pa.ChunkedArray:
    if not is_text(values.type):
        return pa.chunked_array([pa.repeat(True, len(values))])
    fits = pc.match_substring_regex(trimmed(values), rf"\A(?:{kind.shape})\z")
    return pc.fill_null(fits, True)


def _search(values: pa.ChunkedArray, start: int, kind: ValueKind, found: list[int]) -> None:
    """Halves the rows until what is refused stands alone, the first ones first."""
    if len(found) >= SEARCHED:
        return
    try:
        kind.convert(values)
    except pa.ArrowException:
        if len(values) == 1:
            found.append(start)
            return
        half = len(values) // 2
        _search(values.slice(0, half), start, kind, found)
        _search(values.slice(half), start + half, kind, found)


def remedy_for(value: object, kind: ValueKind) -> str:
    """What to do about one refused value: the usual causes of texts have a remedy of their own."""
    if not isinstance(value, str):
        return kind.remedy
    text = value.strip()
    if re.fullmatch(r"[+-]?\d+,\d+", text) and kind in (NUMBER, INTEGER):
        return "it has a decimal comma: export the file with decimal points"
    if re.fullmatch(r"[+-]?\d{1,3}([ \u00a0\u202f',.]\d{3})+([.,]\d+)?", text):
        return "its digits are grouped: export the file without thousands separators"
    if has_no_offset(text) and kind.shape == ZONED_TIME.shape:
        return "it has no time zone: export the file with the offset from UTC"
    return kind.remedy


def has_no_offset(text: str) -> bool:
    return re.fullmatch(rf"{DATE}({CLOCK})?", text) is not None


def has_offset(text: str) -> bool:
    return re.fullmatch(rf"{DATE}{CLOCK}{OFFSET}", text) is not None
