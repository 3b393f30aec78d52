"""What a file is like: encoding, separator, decimal sign, and the kind of each column."""

from __future__ import annotations

import csv
import io
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.schema import Kind
from pipeline.sources import content
from pipeline.sources.delimited import SEPARATORS
from pipeline.sources.files import readable

RESERVED = frozenset({"row", "copy", "prediction", "low", "high", *keyword.kwlist})
"""Names that Vigie gives to columns of its own."""
FEWEST_ROWS = 40
MOST_CATEGORIES = 60
TITLE = "a table of your own"
TIME_FORMS = (
    "%Y",
    "%Y-%m",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
)
_WHOLE = re.compile(r"[+-]?\d+")
_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?")
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}:?\d{2})?)?"
)


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A file's layout and its values as texts, empty where they are missing."""

    path: Path
    encoding: str
    delimiter: str
    decimal: str
    grounds: tuple[str, ...]
    """What was guessed and why, a sentence each."""
    columns: dict[str, tuple[str, ...]]
    headers: dict[str, str]
    """Header as it stands in the file -> name of the column here."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def kind(self, name: str) -> Kind:
        """What all of a column's values are."""
        values = [value for value in self.columns[name] if value]
        if values and all(_WHOLE.fullmatch(value) for value in values):
            return "integer"
        number = _COMMA if self.decimal == "," else _POINT
        if values and all(number.fullmatch(value) for value in values):
            return "number"
        if values and self.time_form(name) is not None:
            return "time"
        different = len(set(values))
        repeated = different <= max(MOST_CATEGORIES, 2) and different < len(values)
        return "category" if repeated else "text"

    def time_form(self, name: str) -> str | None:
        """How a column's times are written: empty for ISO 8601, `None` where they are none.

        Raises `SourceError` where day and month can't be told apart.
        """
        values = [value for value in self.columns[name] if value]
        if all(_ISO.fullmatch(value) for value in values):
            return ""
        fitting = [form for form in TIME_FORMS if all(_fits(value, form) for value in values)]
        if len(fitting) > 1:
            raise SourceError.for_file(
                self.path,
                TITLE,
                [
                    f"column {name!r}: {values[0]!r} may be day first or month first, and no value "
                    "settles it: write dates such as 2021-06-01"
                ],
            )
        return fitting[0] if fitting else None

    def missing(self, name: str) -> bool:
        return "" in self.columns[name]


def read_file(path: Path) -> Guess:
    """Reads the file; raises `SourceError` for one that is no table or that can't be learned."""
    with readable(path):
        start = path.read_bytes()
    foreign = content.foreign_content(start[: content.SAMPLE_BYTES])
    if foreign and content.encoding_mark(start) is None:
        raise SourceError.for_foreign_content(path, f"{TITLE} as CSV", foreign)
    encoding, why = _encoding(start)
    text = start.decode(encoding)
    delimiter, told = _delimiter(text, path)
    records = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    raw = [unicodedata.normalize("NFC", name.removeprefix("\ufeff")) for name in records[0]]
    rows = records[1:]
    _require_table(path, [name.strip() for name in raw], rows)
    headers = _named(raw)
    columns = {
        name: tuple(row[place].strip() for row in rows)
        for place, name in enumerate(headers.values())
    }
    decimal, sign = _decimal(columns)
    return Guess(
        path=path,
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        grounds=(why, told, sign),
        columns=columns,
        headers=headers,
    )


def _named(raw: list[str]) -> dict[str, str]:
    """Names that programs can use: small letters, digits and underscores, each once."""
    found: dict[str, str] = {}
    for header in raw:
        plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode()
        name = re.sub(r"\W+", "_", plain).strip("_").lower() or "column"
        name = f"c_{name}" if name[0].isdigit() or name in RESERVED else name
        number, free = 1, name
        while free in found.values():
            number += 1
            free = f"{name}_{number}"
        found[header] = free
    return found


def _encoding(start: bytes) -> tuple[str, str]:
    if start.startswith(b"\xef\xbb\xbf"):
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


def _delimiter(text: str, path: Path) -> tuple[str, str]:
    """The separator that divides the first lines into most columns, as many in each."""
    lines = text.splitlines()[:50]
    found: dict[str, int] = {}
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        width, times = widths.most_common(1)[0] if widths else (0, 0)
        if width > 1 and times >= 0.9 * sum(widths.values()):
            found[separator] = width
    if not found:
        problem = "no separator divides its lines into columns: it needs a target and a column more"
        raise SourceError.for_file(path, TITLE, [problem])
    best = max(found, key=lambda separator: found[separator])
    return best, f"Separator: {best!r}; it makes {found[best]} columns of the lines."


def _decimal(columns: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    for name, values in columns.items():
        given = [value for value in values if value]
        if any("," in value for value in given) and all(_COMMA.fullmatch(v) for v in given):
            shown = next(value for value in given if "," in value)
            return ",", f"Decimal sign: a comma, as in {shown!r} of column {name!r}."
    return ".", "Decimal sign: a point; no column has numbers with a comma."


def _require_table(path: Path, header: Sequence[str], rows: list[list[str]]) -> None:
    problems = [
        f"column {name!r} is there {times} times: give each a name of its own"
        for name, times in Counter(header).items()
        if times > 1
    ]
    problems += ["a column has no name: give it one"] if "" in header else []
    uneven = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if uneven:
        problems.append(
            f"record {uneven[0]} has another number of values than the header's {len(header)}, and "
            f"{len(uneven) - 1} others have: mend or quote them"
        )
    if len(rows) < FEWEST_ROWS:
        problems.append(
            f"it has {len(rows)} rows: nothing can be learned from less than {FEWEST_ROWS}"
        )
    if problems:
        raise SourceError.for_file(path, TITLE, problems)


def _fits(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - the shape alone is asked
    except ValueError:
        return False
    return len(value) == 4 if form == "%Y" else True
