"""How many rows models learn from and are compared on, and which ones where there are more.

A row gets a number, its mark, from what it holds and a seed alone. Those with the lowest marks take
part: every step of a run finds the same ones, and so does a later run, less those that newer rows
have displaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CaseError
from pipeline.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa

Marks = NDArray[np.uint64]
_GOLDEN = 0x9E3779B97F4A7C15
_LAST = 2**64 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bound(Protocol):
    """Which rows take part where there are more than `most`."""

    @property
    def most(self) -> int: ...

    @property
    def words(self) -> str:
        """Which ones, as the end of a sentence: 'drawn evenly with seed 7'."""

    def columns(self, schema: Schema) -> tuple[str, ...]:
        """What a mark is made from."""

    def marks(self, rows: pa.Table, schema: Schema) -> Marks:
        """One a row; rows of one mark stay together."""

    def oldest(self, limit: int) -> datetime | None:
        """The time of the oldest row with a mark up to `limit`; `None` where marks say nothing."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Rows drawn evenly, whatever their time, so that every stretch of time keeps its share."""

    most: int = 200_000
    """Of generated cars, boosting erred by 7.12 g/km with 10,000 rows, 6.99 with 200,000 and 6.98
    with 400,000 (benchmarks/bounds.py)."""
    seed: int = 7
    whole: tuple[str, ...] = ()
    """Columns; rows that agree in them are kept or left out together: for series, whose past must
    have no gaps. Else it costs much, since as many rows are of fewer groups: with 200,000 cars of
    236 whole type approvals the error was 7.19, with 10,000 of all 659 it was 7.12."""

    def __post_init__(self) -> None:
        _require_room(self.most)

    @property
    def words(self) -> str:
        of_what = " and ".join(self.whole)
        return f"{f'all of one {of_what} or none, ' if of_what else ''}drawn with seed {self.seed}"

    def columns(self, schema: Schema) -> tuple[str, ...]:
        return self.whole or schema.key

    def marks(self, rows: pa.Table, schema: Schema) -> Marks:
        found = np.full(rows.num_rows, self.seed * _GOLDEN & _LAST, dtype=np.uint64)
        for name in self.columns(schema):
            found = _mixed(found ^ _hashed(rows[name]))
        return found

    def oldest(self, limit: int) -> None:
        """Rows of all times are drawn."""


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest rows of all series, without gaps: what a forecast looks back on is there."""

    most: int = 1_000_000

    def __post_init__(self) -> None:
        _require_room(self.most)

    @property
    def words(self) -> str:
        return "the newest"

    def columns(self, schema: Schema) -> tuple[str, ...]:
        return (str(schema.time),)

    def marks(self, rows: pa.Table, schema: Schema) -> Marks:
        """Microseconds, counted down; a row without a time comes last."""
        import pyarrow as pa
        import pyarrow.compute as pc

        lowest = np.iinfo(np.int64).min
        times = pc.fill_null(rows[str(schema.time)].cast(pa.int64()), pa.scalar(lowest, pa.int64()))
        # All bits turned: later times have lower numbers, also from before 1970.
        shifted = times.to_numpy().astype(np.uint64) ^ np.uint64(1 << 63)
        return np.asarray(~shifted, dtype=np.uint64)

    def oldest(self, limit: int) -> datetime:
        return _EPOCH + timedelta(microseconds=(_LAST - limit) - (1 << 63))


def limit_of(marks: Marks, most: int) -> int | None:
    """The highest mark that takes part, so that at most so many rows do; `None` where all do.

    Raises `CaseError` where those of the lowest mark are more.
    """
    if len(marks) <= most:
        return None
    found, counts = np.unique(marks, return_counts=True)
    kept = int(np.searchsorted(np.cumsum(counts), most, side="right"))
    if not kept:
        raise CaseError(
            f"At most {most:,} rows are to take part, and the first {counts[0]:,} of them belong "
            "together. Give the case a larger bound, or keep fewer columns whole."
        )
    return int(found[kept - 1])


def _require_room(most: int) -> None:
    if most < 1:
        raise CaseError(f"A bound of {most!r} rows leaves nothing to learn from; give 1 or more.")


def _hashed(column: pa.ChunkedArray) -> Marks:
    """A number for each value, the same in every table and whatever stands beside it."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        values = pc.fill_null(column, "").to_numpy()
        return np.asarray(pd.util.hash_array(values.astype(object)), dtype=np.uint64)
    number = pa.float64() if pa.types.is_floating(column.type) else pa.int64()
    return _mixed(pc.fill_null(column.cast(number), 0).to_numpy().view(np.uint64))


def _mixed(values: Marks) -> Marks:
    """Every bit of a number spread over all others (the finaliser of SplitMix64: Steele, Lea and
    Flood 2014, "Fast splittable pseudorandom number generators").
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
