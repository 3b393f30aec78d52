"""A file as it is guessed to be: its layout, and its values as texts."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.newcase.layout import guess_delimiter, guess_encoding
from pipeline.newcase.naming import TITLE, column_names
from pipeline.newcase.numerals import Numerals, guess_numerals
from pipeline.newcase.tables import require_table, without_ends
from pipeline.newcase.times import forms_of
from pipeline.schema import Kind
from pipeline.sources import content
from pipeline.sources.files import readable

MOST_CATEGORIES = 200
"""As many as models of trees tell apart; of a column with more, most would be pooled as rare."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A file's layout and its values as texts, empty where they are missing."""

    path: Path
    encoding: str
    delimiter: str
    numerals: Numerals = field(default_factory=Numerals)
    grounds: tuple[str, ...]
    """What was guessed and why, a sentence each."""
    columns: dict[str, tuple[str, ...]]
    headers: dict[str, str]
    """Header as it stands in the file -> name of the column here."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def values(self, name: str) -> tuple[str, ...]:
        """The different values of a column, sorted; none is missing."""
        return tuple(sorted({value for value in self.columns[name] if value}))

    def numbers(self, name: str) -> list[float]:
        """The different values of a column of numbers."""
        return [self.numerals.value(value) for value in self.values(name)]

    def kind(self, name: str) -> Kind:
        """What all of a column's values are; a text that comes back in other rows is a category."""
        values = self.values(name)
        if values and all(map(self.numerals.is_whole, values)):
            return "integer"
        if values and all(map(self.numerals.is_number, values)):
            return "number"
        if values and forms_of(values):
            return "time"
        given = sum(map(bool, self.columns[name]))
        return "category" if len(values) <= min(MOST_CATEGORIES, given / 2) else "text"

    def missing(self, name: str) -> bool:
        return "" in self.columns[name]


def read_file(path: Path) -> Guess:
    """Reads the file; raises `SourceError` for one that is no table or that can't be learned."""
    with readable(path):
        start = path.read_bytes()
    foreign = content.foreign_content(start[: content.SAMPLE_BYTES])
    if foreign and content.encoding_mark(start) is None:
        problem = f"it is {foreign}: save the table as CSV, with one header line, and name that"
        raise SourceError.for_file(path, TITLE, [problem])
    encoding, why = guess_encoding(start)
    text = start.decode(encoding)
    delimiter, told = guess_delimiter(text, path)
    records = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    raw = [unicodedata.normalize("NFC", name.removeprefix("\ufeff")) for name in records[0]]
    rows = records[1:]
    raw, rows, ends = without_ends(raw, rows)
    require_table(path, [name.strip() for name in raw], rows)
    headers = column_names(raw)
    texts = {
        name: tuple(row[place].strip() for row in rows)
        for place, name in enumerate(headers.values())
    }
    numerals, signs = guess_numerals(texts, path, delimiter)
    return Guess(
        path=path,
        encoding=encoding,
        delimiter=delimiter,
        numerals=numerals,
        grounds=(why, told, *ends, *signs),
        columns={name: numerals.without_words(values) for name, values in texts.items()},
        headers=headers,
    )
