"""What was answered, as the log keeps it: a row a record, so that a truth finds its prediction.

A call of many records is first kept in one piece, since writing and indexing a thousand rows costs
more than predicting them. `spread` makes rows of such pieces when truths are there to be joined.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.calls.database import connect, transaction
from pipeline.calls.scores import SEPARATOR, Changes

if TYPE_CHECKING:
    import pyarrow as pa

FEW: Final = 16
"""Records of a call up to which each is a row at once."""
CALLS_AT_ONCE: Final = 5
"""Calls that are spread in one transaction: those who log wait for no longer than that."""
ANSWERS: Final = ("prediction", "low", "high")
ROW: Final = f"INSERT INTO predictions VALUES ({', '.join('?' * 7)})"
PIECE: Final = "INSERT INTO pieces VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What was answered, one value a record."""

    key_columns: Sequence[Any] | None
    """Arrow arrays of the key's columns, by which the truth is joined later; `None` where a
    record doesn't hold the whole key."""
    values: Sequence[Any]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def record_keys(columns: Sequence[Any]) -> list[str | None]:
    """The keys of records as text, from the Arrow arrays of their parts; times are in UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [pc.cast(column, pa.string()) for column in columns]
    keys: list[str | None] = pc.binary_join_element_wise(*texts, SEPARATOR).to_pylist()
    return keys


def keep(connection: sqlite3.Connection, number: int, case: str, found: Predictions) -> bool:
    """Within a transaction: what the call of this number was answered; says whether in rows."""
    if len(found.values) > FEW:
        connection.execute(PIECE, (number, _packed(found)))
        return False
    connection.executemany(ROW, _rows(number, case, found))
    return True


def spread(path: Path) -> None:
    """Makes rows of all that is kept in pieces, if any truth has come; else nobody asks."""
    if not path.is_file():
        return
    connection = connect(path)
    try:
        while spread_some(connection):
            pass
    finally:
        connection.close()


def spread_some(connection: sqlite3.Connection) -> bool:
    """Makes rows of the oldest pieces, if any truth has come, and says whether there were any."""
    if not _awaited(connection):
        return False
    with transaction(connection):
        numbers = [
            number
            for (number,) in connection.execute(
                "SELECT call FROM pieces ORDER BY call LIMIT ?", (CALLS_AT_ONCE,)
            )
        ]
        changes = Changes(connection)
        spread_calls(connection, changes, numbers)
        changes.keep()
    return bool(numbers)


def _awaited(connection: sqlite3.Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM pieces) AND EXISTS (SELECT 1 FROM actuals)"
    return bool(connection.execute(query).fetchone()[0])


def spread_calls(connection: sqlite3.Connection, changes: Changes, numbers: Sequence[int]) -> None:
    """Within a transaction: makes rows of what these calls were answered."""
    for number in numbers:
        case, content = connection.execute(
            'SELECT c."case", p.content FROM pieces AS p JOIN calls AS c ON c.number = p.call '
            "WHERE p.call = ?",
            (number,),
        ).fetchone()
        connection.executemany(ROW, _rows(number, case, _unpacked(content)))
        connection.execute("DELETE FROM pieces WHERE call = ?", (number,))
    changes.new_predictions(numbers)


def _rows(number: int, case: str, found: Predictions) -> Iterator[tuple[Any, ...]]:
    count = len(found.values)
    nothing = [None] * count
    keys = record_keys(found.key_columns) if found.key_columns is not None else nothing
    columns = (keys, found.values, found.low or nothing, found.high or nothing)
    for place, row in enumerate(zip(*columns, strict=True)):
        yield (number, place, case, *row)


def _packed(found: Predictions) -> bytes:
    """Arrow's own format: the parts of the key by place, then the answers by name."""
    import pyarrow as pa

    parts = {str(place): column for place, column in enumerate(found.key_columns or ())}
    answers = zip(ANSWERS, (found.values, found.low, found.high), strict=True)
    arrays = parts | {name: pa.array(values) for name, values in answers if values is not None}
    batch = pa.record_batch(list(arrays.values()), names=list(arrays))
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _unpacked(content: bytes) -> Predictions:
    import pyarrow as pa

    table: pa.Table = pa.ipc.open_stream(content).read_all().combine_chunks()
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    parts = [column for name, column in columns.items() if name not in ANSWERS]
    values, low, high = (columns[name].to_pylist() if name in columns else None for name in ANSWERS)
    return Predictions(parts or None, values or [], low, high)
