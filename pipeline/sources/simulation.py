"""The feed of a simulator: its rows before the as-of time, as one part with a digest of its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.injections import Change, apply
from pipeline.sources import ROWS_PER_BATCH, Feed, Part, Request

if TYPE_CHECKING:
    import pandas as pd


def changed_feed(
    frame: pd.DataFrame,
    request: Request,
    *,
    time: str,
    changes: tuple[Change, ...],
    seed: int,
) -> Feed:
    """The feed of simulated rows, with the changes that are put in on purpose."""
    changed = apply(frame, changes, time=time, seed=seed) if changes else frame
    return feed_of(table_of(changed), request, time=time)


def feed_of(table: pa.Table, request: Request, *, time: str) -> Feed:
    """The columns of the schema, and the rows whose `time` is before `request.as_of`."""
    schema = request.schema.arrow()
    table = table.select(schema.names).cast(schema)
    if request.as_of is not None:
        moment = pa.scalar(request.as_of, schema.field(time).type)
        table = table.filter(pc.less(table[time], moment))
    part = Part(name="simulation", sha256=_digest(table), rows=table.num_rows)
    return Feed(parts=(part,), batches=tuple(table.to_batches(max_chunksize=ROWS_PER_BATCH)))


def table_of(frame: pd.DataFrame) -> pa.Table:
    """The frame's columns; moments in microseconds of UTC, and what is missing as null."""
    return pa.table({name: _column(frame[name]) for name in frame.columns})


def _column(values: pd.Series[Any]) -> pa.Array:
    import pandas as pd

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        moments = values.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        return pa.array(moments).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(values.to_numpy(), from_pandas=True)


def _digest(table: pa.Table) -> str:
    """SHA-256 of the rows as an Arrow stream, in hexadecimal."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=ROWS_PER_BATCH)
    return hashlib.sha256(sink.getvalue()).hexdigest()
