"""How a file is laid out: its encoding, and what separates its columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.newcase.naming import TITLE
from pipeline.sources import content
from pipeline.sources.delimited import SEPARATORS

LOOKED_AT = 50
"""Records from which the separator is told."""
USUAL_SHARE = 0.9
"""Of records that a separator divides into as many columns."""


def guess_encoding(start: bytes) -> tuple[str, str]:
    """The encoding of a file's bytes, and on what grounds."""
    if start.startswith(content.UTF8_MARK):
        return "utf-8-sig", "Encoding: UTF-8, by the mark at the file's beginning."
    mark = content.encoding_mark(start[: content.SAMPLE_BYTES])
    if mark == "UTF-16":
        order = "utf-16"
        if not start.startswith((b"\xff\xfe", b"\xfe\xff")):
            order = "utf-16-le" if start[1:2] == b"\x00" else "utf-16-be"
        return order, "Encoding: UTF-16, by its mark or by every second byte being zero."
    if mark:
        return "utf-32", "Encoding: UTF-32, by its mark."
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = start[error.start : error.start + 1]
        return "cp1252", (
            f"Encoding: Windows-1252; byte 0x{shown.hex()} at {error.start:,} is no UTF-8, and "
            f"would be {shown.decode('cp1252', 'replace')!r} here."
        )
    return "utf-8", "Encoding: UTF-8; all bytes are."


def guess_delimiter(text: str, path: Path) -> tuple[str, str]:
    """The separator that divides the first records into most columns, the header as the others;
    raises `SourceError` where none does.
    """
    lines = text.splitlines()[:LOOKED_AT]
    if not any(line.strip() for line in lines):
        raise SourceError.for_file(path, TITLE, ["it is empty"])
    found: dict[str, int] = {}
    for separator in SEPARATORS:
        read = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=separator)
        widths = [len(row) for row in read if row]
        width, times = Counter(widths).most_common(1)[0]
        if width > 1 and times >= USUAL_SHARE * len(widths):
            # A comma within numbers divides records as well, and leaves the header whole.
            found[separator] = width if widths[0] == width else 0
    if not found:
        problem = "no separator divides its lines into columns: it needs a target and a column more"
        raise SourceError.for_file(path, TITLE, [problem])
    best = max(found, key=lambda separator: found[separator])
    return best, f"Separator: {best!r}; it makes {found[best]} columns of the lines."
