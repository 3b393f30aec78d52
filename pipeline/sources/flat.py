"""One delimited file of one's own: any separator, decimal sign, encoding and way to write times.

All of it is declared by the case, which `vigie new` has written from a file: nothing is guessed
when data are read, and what doesn't fit is refused as in any other file.
"""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import SourceError
from pipeline.schema import Kind, Schema
from pipeline.sources import Feed, Part, Request, periods
from pipeline.sources.delimited import CsvFormat
from pipeline.sources.files import digest, list_files, readable
from pipeline.sources.streams import Reading, stream_csv
from pipeline.sources.values import (
    INTEGER,
    NUMBER,
    TEXT,
    UTC_TIME,
    Field,
    ValueKind,
    trimmed,
)

ROW = "row"
"""Column that numbers the rows of a file from 1, for tables without a key of their own."""
BLOCK = 2**20


def written_time(form: str) -> ValueKind:
    """Times in one way of writing them, as `strptime` has it or `sources.periods`, taken as UTC."""

    def convert(values: pa.ChunkedArray) -> pa.ChunkedArray:
        texts = trimmed(pc.cast(values, pa.string()))
        if form in periods.PERIODS:
            return periods.begins(texts, form)
        return pc.assume_timezone(pc.strptime(texts, form, "us"), "UTC")

    plain = re.sub(r"%[a-zA-Z]", r"\\d+", form.replace(".", r"\."))
    shape = periods.shape(form) if form in periods.PERIODS else plain
    return ValueKind(
        wanted=f"a time written {form}",
        remedy="write all times alike",
        shape=shape,
        convert=convert,
    )


def number_shape(decimal: str, group: str) -> str:
    """Pattern (RE2) of numbers with these signs before a fraction and between thousands."""
    point, comma = re.escape(decimal), re.escape(group)
    plain = rf"\d+({point}\d*)?|{point}\d+"
    grouped = rf"|[1-9]\d{{0,2}}({comma}\d{{3}})+({point}\d*)?" if group else ""
    return rf"[+-]?({plain}{grouped})([eE][+-]?\d+)?"


def written_number(decimal: str, group: str, *, whole: bool = False) -> ValueKind:
    """Numbers with a sign of their own before a fraction, and perhaps one between thousands."""
    kind = INTEGER if whole else NUMBER
    shape = number_shape(decimal, group)

    def convert(values: pa.ChunkedArray) -> pa.ChunkedArray:
        texts = trimmed(pc.cast(values, pa.string()))
        if not pc.all(pc.match_substring_regex(texts, rf"\A(?:{shape})\z"), min_count=0).as_py():
            raise pa.ArrowInvalid("a number that is written otherwise")
        plain = pc.replace_substring(texts, group, "") if group else texts
        return kind.convert(pc.replace_substring(plain, decimal, "."))

    example = f"1{group}234{decimal}5"
    return ValueKind(
        wanted=f"a number written like {example}",
        remedy=f"write numbers such as {example}, and leave a missing value empty",
        shape=shape,
        convert=convert,
    )


def or_missing(kind: ValueKind, words: tuple[str, ...]) -> ValueKind:
    """The same, where certain words stand for no value."""

    def convert(values: pa.ChunkedArray) -> pa.ChunkedArray:
        texts = trimmed(pc.cast(values, pa.string()))
        said = pc.is_in(texts, pa.array(words))
        return kind.convert(pc.if_else(said, pa.scalar(None, pa.string()), texts))

    shape = "|".join((kind.shape, *map(re.escape, words)))
    return replace(kind, shape=shape, convert=convert)


@dataclass(frozen=True, kw_only=True)
class FlatFile:
    """A folder's files of one layout, each with all columns."""

    title: str
    pattern: str
    """Names of the files, such as `sales*.csv`."""
    delimiter: str
    headers: dict[str, str]
    """Header in the file -> name of the column here."""
    encoding: str = "utf-8"
    decimal: str = "."
    group: str = ""
    """Sign between thousands; empty: none."""
    missing: tuple[str, ...] = ()
    """Words that stand for no value in columns of numbers; an empty one always does."""
    time_form: str = ""
    """How times are written, as `written_time` takes it; empty: ISO 8601."""
    publisher: str = "the owner of the file"
    licence: str = "licence not stated"
    address: str = ""
    simulated: bool = False
    note: str = field(default="Read from a file of your own.")

    def fetch(self, request: Request) -> Feed:
        """All rows of all files; raises `SourceError`, also while batches are taken."""
        if request.folder is None:
            raise SourceError.for_unnamed_folder(self.title)
        paths = list_files(request.folder, self.pattern)
        if not paths:
            found = [path.name for path in list_files(request.folder, "*")]
            raise SourceError.for_no_files(request.folder, [self.pattern], found)
        parts: list[Part] = []
        return Feed(parts=parts, batches=self._batches(paths, parts, request.schema))

    def _batches(
        self, paths: tuple[Path, ...], parts: list[Part], schema: Schema
    ) -> Iterator[pa.RecordBatch]:
        typed = schema.arrow()
        row = 0
        parts.clear()
        for path in paths:
            reading = Reading()
            with tempfile.TemporaryDirectory() as folder:
                plain = self._utf8(path, Path(folder))
                for batch in stream_csv(plain, self._form(schema), reading):
                    columns = {name: batch.column(name) for name in batch.schema.names}
                    if ROW in schema.names and ROW not in columns:
                        columns[ROW] = pa.array(
                            range(row + 1, row + 1 + batch.num_rows), pa.int64()
                        )
                    row += batch.num_rows
                    yield from pa.table(columns).select(typed.names).cast(typed).to_batches()
            sha256 = reading.sha256 if plain == path else digest(path)
            parts.append(Part(name=path.name, sha256=sha256, rows=reading.rows))

    def _form(self, schema: Schema) -> CsvFormat:
        fields = (
            Field(
                header=header,
                name=name,
                kind=self._kind(schema.column(name).kind),
                optional=schema.column(name).nullable,
            )
            for header, name in self.headers.items()
        )
        return CsvFormat(title=self.title, delimiter=self.delimiter, fields=tuple(fields))

    def _kind(self, kind: Kind) -> ValueKind:
        if kind == "time":
            return written_time(self.time_form) if self.time_form else UTC_TIME
        if kind not in ("number", "integer"):
            return TEXT
        whole = kind == "integer"
        usual = (self.decimal, self.group) == (".", "")
        plain = INTEGER if whole else NUMBER
        number = plain if usual else written_number(self.decimal, self.group, whole=whole)
        return or_missing(number, ("", *self.missing))

    def _utf8(self, path: Path, folder: Path) -> Path:
        """The file in UTF-8; raises `SourceError` where its bytes are of another encoding."""
        if codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig"):
            return path
        target = folder / path.name
        try:
            with (
                readable(path),
                path.open(encoding=self.encoding, newline="") as source,
                target.open("w", encoding="utf-8", newline="") as copy,
            ):
                while block := source.read(BLOCK):
                    copy.write(block)
        except UnicodeError as error:
            problem = f"it isn't {self.encoding}, as the case declares ({error})"
            raise SourceError.for_file(path, self.title, [problem]) from error
        return target
