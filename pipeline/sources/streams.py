"""Delimited text files of any size, in pieces: memory does not grow with the file.

The quick way converts pieces side by side and judges nothing. What it refuses goes through
`read_csv`, which reads the whole file and says where and why, or finds that all is well. The
file's digest is taken of the very bytes that are read.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipeline.sources import content, lines
from pipeline.sources.columns import column_of, column_problems, holds_times, wanted_headers
from pipeline.sources.delimited import CsvFormat, header_of, read_csv
from pipeline.sources.files import digest, readable
from pipeline.sources.refusals import has_offset
from pipeline.sources.values import EXACT, INTEGER, MOMENT, NUMBER, UTC_TIME, Field

PIECE = 2**21
"""Bytes that are converted at once; larger pieces don't stay in a processor's cache."""
LONGEST_RECORD = 64 * 2**20
QUOTE = ord('"')
WORKERS = 2
AHEAD = 2 * WORKERS
"""Pieces in memory: those that are converted, and as many to go on with."""


@dataclass(kw_only=True)
class Reading:
    """What is known of a file when all of its rows have been given."""

    sha256: str = ""
    rows: int = 0


class Hash(Protocol):
    """What `hashlib` makes."""

    def update(self, data: bytes | memoryview, /) -> None: ...


@dataclass(kw_only=True)
class Plan:
    """How the pieces of a file are read; all threads share it."""

    form: CsvFormat
    header: list[str]
    times_as_texts: bool = False
    """Set by the first piece whose times have a zone, or blanks around them."""
    spare: list[bytearray] = field(default_factory=list)
    """Room of pieces that have been converted, for others: new room is made page by page."""

    def ways(self) -> Iterator[dict[str, pa.DataType]]:
        """Types to read the columns as, the quickest first; the last refuses nothing as such."""
        included = wanted_headers(self.header, self.form.fields)
        kinds = {each.header: each.kind for each in self.form.fields}
        texts = dict.fromkeys(included, pa.string())
        numbers = {name: pa.float64() for name in included if kinds[name] in (NUMBER, INTEGER)}
        times = {name: MOMENT for name in included if kinds[name] is UTC_TIME}
        if times and not self.times_as_texts:
            yield {**texts, **numbers, **times}
        yield {**texts, **numbers}
        yield texts


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


def stream_csv(
    path: Path, form: CsvFormat, reading: Reading | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of `read_csv` in batches, columns in the order of the fields, lines in theirs.

    `reading` is filled in at the end. Raises `SourceError`, also after batches were given: what
    came of them is to be thrown away.
    """
    with readable(path):
        header = header_of(path, form)
    told, seen, sha = reading or Reading(), Seen(), hashlib.sha256()
    told.rows = 0
    try:
        _require_usual(path, form, header)
        plan = Plan(form=form, header=header)
        for table, shown in _in_order(_pieces(path, plan, sha), plan):
            seen.add(shown)
            told.rows += table.num_rows
            yield from table.combine_chunks().to_batches()
        _require_filled(form, seen)
        told.sha256 = sha.hexdigest()
    except pa.ArrowException:
        names = [field.name for field in form.fields]
        whole = read_csv(path, form).select(names)
        yield from whole.slice(told.rows).to_batches()
        told.rows, told.sha256 = whole.num_rows, digest(path)


def _require_usual(path: Path, form: CsvFormat, header: list[str]) -> None:
    unended = not form.may_lack_end and lines.ending_problem(path)
    if column_problems(header, form.fields) or unended:
        raise pa.ArrowInvalid("the header or the last line")


def _require_filled(form: CsvFormat, seen: Seen) -> None:
    if any(each.header not in seen.filled for each in form.fields if not each.optional):
        raise pa.ArrowInvalid("a column without any value")


def _in_order(pieces: Iterable[memoryview], plan: Plan) -> Iterator[tuple[pa.Table, Seen]]:
    """Pieces converted by several threads, given in the order of the file."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[tuple[memoryview, Future[tuple[pa.Table, Seen]]]] = deque()
        try:
            for piece in pieces:
                waiting.append((piece, pool.submit(_converted, piece, plan)))
                if len(waiting) >= AHEAD:
                    yield _first(waiting, plan)
            while waiting:
                yield _first(waiting, plan)
        finally:
            for _, future in waiting:
                future.cancel()


def _first(
    waiting: deque[tuple[memoryview, Future[tuple[pa.Table, Seen]]]], plan: Plan
) -> tuple[pa.Table, Seen]:
    piece, future = waiting.popleft()
    converted = future.result()
    plan.spare.append(piece.obj)  # type: ignore[arg-type]
    return converted


def _pieces(path: Path, plan: Plan, sha: Hash) -> Iterator[memoryview]:
    """The file behind its header, cut at line ends that lie outside quotes; `sha` takes it all."""
    with readable(path), path.open("rb") as file:
        mark = file.read(len(content.UTF8_MARK))
        file.seek(len(mark) if mark == content.UTF8_MARK else 0)
        sha.update(mark if file.tell() else b"")
        for _ in range(plan.form.header_lines):
            sha.update(file.readline())
        held, text = 0, _room(plan, PIECE)
        while read := file.readinto(memoryview(text)[held : held + PIECE]):
            sha.update(memoryview(text)[held : held + read])
            held += read
            end = _end_of_record(text, held)
            rest = text[end:held]
            if end:
                yield memoryview(text)[:end]
            elif held > LONGEST_RECORD:
                raise pa.ArrowInvalid("no end of a record")
            held, text = len(rest), _room(plan, len(rest) + PIECE)
            text[:held] = rest
        if held:
            yield memoryview(text)[:held]


def _room(plan: Plan, least: int) -> bytearray:
    """Room for so many bytes; what it holds is to be written over."""
    while plan.spare:
        text = plan.spare.pop()
        if len(text) >= least:
            return text
    return bytearray(least + PIECE // 8)


def _end_of_record(text: bytearray, held: int) -> int:
    """Behind the last line end that has an even number of quotes before it; 0 without any."""
    end = text.rfind(b"\n", 0, held) + 1
    if not end:
        return 0
    quotes = int(np.count_nonzero(np.frombuffer(text, np.uint8, end) == QUOTE))
    while end and quotes % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        quotes -= text.count(b'"', before, end)
        end = before
    return end


def _converted(piece: memoryview, plan: Plan) -> tuple[pa.Table, Seen]:
    """Numbers and times are read as such; a piece that refuses it as text, and then converted."""
    *quick, texts = plan.ways()
    for types in quick:
        try:
            found = _typed(piece, plan, types)
        except pa.ArrowException:
            continue
        plan.times_as_texts |= MOMENT not in types.values()
        return found
    return _typed(piece, plan, texts)


def _typed(piece: memoryview, plan: Plan, types: dict[str, pa.DataType]) -> tuple[pa.Table, Seen]:
    raw = pa_csv.read_csv(
        pa.BufferReader(piece),
        read_options=pa_csv.ReadOptions(
            column_names=plan.header, use_threads=False, block_size=len(piece) + 1
        ),
        parse_options=pa_csv.ParseOptions(delimiter=plan.form.delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=not _is_utf8(piece),
        ),
    )
    found = {each: column_of(raw, each.header) for each in plan.form.fields}
    columns = {each.name: _column(each, values) for each, values in found.items()}
    return pa.table(columns), _seen(found)


def _is_utf8(piece: memoryview) -> bool:
    """Told of a piece at once, which is quicker than text by text: these are cut at ASCII."""
    ends = pa.py_buffer(np.array([0, len(piece)], np.int32))
    try:
        pa.StringArray.from_buffers(1, ends, pa.py_buffer(piece)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _column(wanted: Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """What `convert` makes of a text; raises `pa.ArrowInvalid` where a number may be another."""
    if not pa.types.is_floating(values.type):
        return wanted.kind.convert(values)
    # A sum is finite where all are, but for numbers so large that reading them as text decides.
    if not math.isfinite(pc.sum(values).as_py() or 0):
        raise pa.ArrowInvalid(f"{wanted.header} holds what is no number")
    if wanted.kind is NUMBER:
        return values
    whole = pc.cast(values, pa.int64())
    ends = pc.min_max(whole).as_py()
    if ends["max"] is not None and max(-ends["min"], ends["max"]) >= EXACT:
        raise pa.ArrowInvalid(f"{wanted.header} holds numbers that a double can't tell apart")
    return whole


def _seen(columns: dict[Field, pa.ChunkedArray]) -> Seen:
    found = Seen()
    for each, values in columns.items():
        if values.null_count < len(values):
            found.filled.add(each.header)
            if pa.types.is_timestamp(values.type):
                found.zoned[each.header] = False
            elif pa.types.is_string(values.type) and holds_times(each.kind):
                first = next(value for value in values if value.is_valid).as_py()
                found.zoned[each.header] = has_offset(first.strip())
    return found
