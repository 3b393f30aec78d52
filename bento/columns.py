"""From the records of a call to arrays, a column each, in the types of the schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bento.problems import field_problem
from bento.requests import invalid

if TYPE_CHECKING:
    import pyarrow as pa

FIRST: Final = np.datetime64("0001-01-01", "us")
LAST: Final = np.datetime64("9999-12-31T23:59:59.999999", "us")


def column(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """One field of all records; raises `RequestError` for a value beyond the type's range."""
    import pyarrow as pa

    try:
        return _in_range(pa.array(values, field.type))
    except (pa.ArrowException, OverflowError) as error:
        problems = [
            field_problem(
                ("records", place, field.name), f"out of the range of {field.type}; found {value!s}"
            )
            for place, value in enumerate(values)
            if not _fits(value, field)
        ]
        raise invalid(problems, len(problems)) from error


def plain(array: pa.Array, field: pa.Field) -> NDArray[Any]:
    """As a lookup takes it: text as objects, times in UTC, every number as float64."""
    import pyarrow as pa

    if pa.types.is_timestamp(field.type):
        return np.asarray(array.to_numpy(zero_copy_only=False), dtype="datetime64[us]")
    if pa.types.is_string(field.type):
        return np.array(array.to_pylist(), dtype=object)
    return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _in_range(array: pa.Array) -> pa.Array:
    """Arrow holds years that Python can't write: a time must be a date in UTC as well. Raises
    `OverflowError`.
    """
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        found = array.drop_null().to_numpy(zero_copy_only=False)
        if found.size and (found.min() < FIRST or found.max() > LAST):
            raise OverflowError
    return array


def _fits(value: Any, field: pa.Field) -> bool:
    import pyarrow as pa

    try:
        pa.scalar(_in_utc(value), field.type)
    except (pa.ArrowException, OverflowError):
        return False
    return True


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
