"""Delimited text files of any size, in pieces: memory does not grow with the file.

The quick way converts pieces side by side and judges nothing. What it refuses goes through
`read_csv`, which reads the whole file and says where and why, or finds that all is well.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipeline.sources import content, lines
from pipeline.sources.columns import column_of, column_problems, holds_times, wanted_headers
from pipeline.sources.delimited import CsvFormat, header_of, read_csv
from pipeline.sources.files import readable
from pipeline.sources.refusals import has_offset
from pipeline.sources.values import NUMBER, Field

PIECE = 8 * 2**20
LONGEST_RECORD = 8 * PIECE
WORKERS = 2
AHEAD = WORKERS + 1
"""Pieces in memory: those that are converted, and one to go on with."""


@dataclass(kw_only=True)
class Seen:
    """What only all pieces together show: columns without any value, and zones of times."""

    filled: set[str] = field(default_factory=set)
    zoned: dict[str, bool] = field(default_factory=dict)

    def add(self, other: Seen) -> None:
        """Raises `pa.ArrowInvalid` where times have a zone in one piece and none in another."""
        self.filled |= other.filled
        for name, zoned in other.zoned.items():
            if self.zoned.setdefault(name, zoned) != zoned:
                raise pa.ArrowInvalid(f"{name} mixes times with and without a zone")


def stream_csv(path: Path, form: CsvFormat) -> Iterator[pa.RecordBatch]:
    """The rows of `read_csv` in batches, columns in the order of the fields, lines in theirs.

    Raises `SourceError`, also after batches were given: what came of them is to be thrown away.
    """
    with readable(path):
        header = header_of(path, form)
    given, seen = 0, Seen()
    try:
        _require_usual(path, form, header)
        for table, shown in _in_order(_pieces(path, form.header_lines), form, header):
            seen.add(shown)
            given += table.num_rows
            yield from table.combine_chunks().to_batches()
        _require_filled(form, seen)
    except pa.ArrowException:
        names = [field.name for field in form.fields]
        yield from read_csv(path, form).select(names).slice(given).to_batches()


def _require_usual(path: Path, form: CsvFormat, header: list[str]) -> None:
    unended = not form.may_lack_end and lines.ending_problem(path)
    if column_problems(header, form.fields) or unended:
        raise pa.ArrowInvalid("the header or the last line")


def _require_filled(form: CsvFormat, seen: Seen) -> None:
    if any(each.header not in seen.filled for each in form.fields if not each.optional):
        raise pa.ArrowInvalid("a column without any value")


def _in_order(
    pieces: Iterable[bytes], form: CsvFormat, header: list[str]
) -> Iterator[tuple[pa.Table, Seen]]:
    """Pieces converted by several threads, given in the order of the file."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[tuple[pa.Table, Seen]]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(_converted, piece, form, header))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _pieces(path: Path, header_lines: int) -> Iterator[bytes]:
    """The file behind its header, cut at line ends that lie outside quotes."""
    with readable(path), path.open("rb") as file:
        mark = file.read(len(content.UTF8_MARK))
        file.seek(len(mark) if mark == content.UTF8_MARK else 0)
        for _ in range(header_lines):
            file.readline()
        rest = b""
        while read := file.read(PIECE):
            rest += read
            end = _end_of_record(rest)
            if end:
                yield rest[:end]
                rest = rest[end:]
            elif len(rest) > LONGEST_RECORD:
                raise pa.ArrowInvalid("no end of a record")
        if rest:
            yield rest


def _end_of_record(text: bytes) -> int:
    """Behind the last line end that has an even number of quotes before it; 0 without any."""
    end = text.rfind(b"\n") + 1
    quotes = text.count(b'"', 0, end)
    while end and quotes % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        quotes -= text.count(b'"', before, end)
        end = before
    return end


def _converted(piece: bytes, form: CsvFormat, header: list[str]) -> tuple[pa.Table, Seen]:
    """Numbers are read as such; a piece that refuses it is read as text, and then converted."""
    included = wanted_headers(header, form.fields)
    numbers = {each.header for each in form.fields if each.kind is NUMBER}
    try:
        return _typed(piece, form, header, {name: _type(name, numbers) for name in included})
    except pa.ArrowException:
        return _typed(piece, form, header, dict.fromkeys(included, pa.string()))


def _type(name: str, numbers: set[str]) -> pa.DataType:
    return pa.float64() if name in numbers else pa.string()


def _typed(
    piece: bytes, form: CsvFormat, header: list[str], types: dict[str, pa.DataType]
) -> tuple[pa.Table, Seen]:
    raw = pa_csv.read_csv(
        io.BytesIO(piece),
        read_options=pa_csv.ReadOptions(
            column_names=header, use_threads=False, block_size=len(piece) + 1
        ),
        parse_options=pa_csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    for name, values in zip(raw.column_names, raw.columns, strict=True):
        if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
            raise pa.ArrowInvalid(f"{name} holds what is no number")
    columns = {each.name: each.kind.convert(column_of(raw, each.header)) for each in form.fields}
    return pa.table(columns), _seen(raw, form.fields)


def _seen(raw: pa.Table, fields: tuple[Field, ...]) -> Seen:
    found = Seen()
    for each in fields:
        values = column_of(raw, each.header)
        if values.null_count < len(values):
            found.filled.add(each.header)
            if holds_times(each.kind):
                first = values.drop_null()[0].as_py()
                found.zoned[each.header] = has_offset(first.strip())
    return found
