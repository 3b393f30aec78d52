"""What the bytes of a file look like, so that an error can say what was found there.

Only the first bytes are judged; a file that passes can still turn out damaged further on.
"""

from __future__ import annotations

import html
import re

SAMPLE_BYTES = 65_536

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"version https://git-lfs", "a Git LFS pointer in place of the file itself"),
)
_ENCODING_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
UTF8_MARK = b"\xef\xbb\xbf"
_WINDOWS_1252_ONLY = re.compile(rb"[\x80-\x9f]")


def foreign_content(start: bytes) -> str | None:
    """What a file that should be text is instead, from its first bytes; `None` for text."""
    for signature, what in _SIGNATURES:
        if start.startswith(signature):
            return what
    markup = _markup(start)
    if markup is None and b"\x00" in start and encoding_mark(start) is None:
        return "a binary file"
    return markup


def encoding_mark(start: bytes) -> str | None:
    """UTF-16 or UTF-32, from the mark at the start or from every second byte being zero."""
    for mark, name in _ENCODING_MARKS:
        if start.startswith(mark):
            return name
    zeros = max(start[0::2].count(0), start[1::2].count(0))
    return "UTF-16" if len(start) >= 4 and zeros > 0.4 * len(start) else None


def single_byte_encoding(line: bytes) -> str:
    """The likely encoding of a line that isn't UTF-8: both differ in 0x80 to 0x9f only."""
    return "Windows-1252" if _WINDOWS_1252_ONLY.search(line) else "Latin-1 or Windows-1252"


def without_mark(start: bytes) -> bytes:
    return start.removeprefix(UTF8_MARK)


def _markup(start: bytes) -> str | None:
    text = without_mark(start).lstrip()[:4_096].decode("utf-8", "replace")
    if re.match(r"<(!doctype\s+html|html|head|body)", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        named = f" titled {html.unescape(title.group(1))!r}" if title else ""
        return f"an HTML page{named}"
    if text.startswith("<"):
        return "an XML document"
    return "a JSON document" if re.match(r'[\[{]\s*(["\[{\]}]|$)', text) else None
