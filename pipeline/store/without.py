"""The rows of a table without some of them, by key and in its order.

What a validation put in quarantine is little beside what it kept: it is looked for among the few
rows that could be it. A database, which takes longer to start than this does, has the other tables.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.store import changes

MOST_BYTES = 1 << 29
"""Larger tables are left to the database, which needs less beside them."""
MOST_CANDIDATES = 10_000


def rows_without(rows: pa.Table, others: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The rows whose key is not among the others', sorted by key; a null equals a null, and comes
    last.
    """
    kinds = [rows.schema.field(name).type for name in key]
    if rows.nbytes > MOST_BYTES or not all(map(_is_exact, kinds)):
        return changes.rows_without(rows, others, key)
    if rows.num_rows and others.num_rows:
        others = others.select(list(key)).cast(rows.select(list(key)).schema)
        alike = _candidates(rows, others)
        if len(alike) > MOST_CANDIDATES:
            return changes.rows_without(rows, others, key)
        rows = _left(rows, alike, {*_keys(others, key)}, key)
    return rows.sort_by([(name, "ascending") for name in key])


def _is_exact(kind: pa.DataType) -> bool:
    """Whether equal values are one, in every order: not so for numbers with a fraction."""
    return any(
        holds(kind)
        for holds in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_integer,
            pa.types.is_boolean,
            pa.types.is_timestamp,
            pa.types.is_date,
        )
    )


def _candidates(rows: pa.Table, others: pa.Table) -> pa.Array:
    """Places of the rows each of whose values is one that some of the others have there."""
    there = pa.array(np.ones(rows.num_rows, dtype=np.bool_))
    for name in others.column_names:
        there = pc.and_(there, pc.is_in(rows[name], value_set=others[name].combine_chunks()))
    return pc.indices_nonzero(there)


def _left(
    rows: pa.Table, places: pa.Array, gone: set[tuple[object, ...]], key: tuple[str, ...]
) -> pa.Table:
    kept = np.ones(rows.num_rows, dtype=np.bool_)
    found = [values in gone for values in _keys(rows.take(places), key)]
    kept[places.to_numpy()[np.array(found, dtype=np.bool_)]] = False
    return rows.filter(pa.array(kept))


def _keys(rows: pa.Table, key: tuple[str, ...]) -> list[tuple[object, ...]]:
    """The keys, times as numbers: they may be finer than Python's, or beyond them."""
    columns = [
        rows[name].cast(pa.int64()) if pa.types.is_timestamp(rows[name].type) else rows[name]
        for name in key
    ]
    return [*zip(*(column.to_pylist() for column in columns), strict=True)]
