"""Rows that are alike are computed once: a call of a thousand records names few makes or hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled.transformers import Arrays

FEW: Final = 16
"""Rows that are computed one by one sooner than compared."""
TEXTS: Final = {str, type(None), float}
Compute = Callable[[Arrays], NDArray[Any]]
"""From one array a column to a row or a number a record, each from its own record alone."""


def each_once(compute: Compute, names: Sequence[str]) -> Compute:
    """The same, with a record a kind where all columns are texts or times."""

    def computed(arrays: Arrays) -> NDArray[Any]:
        columns = [arrays[name] for name in names]
        if len(columns[0]) < FEW or not all(map(_repeats, columns)):
            return compute(arrays)
        first, place = kinds(columns)
        found: NDArray[Any] = compute(
            {name: column[first] for name, column in zip(names, columns, strict=True)}
        )[place]
        return found

    return computed


def kinds(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A row of each kind, and the kind of each row."""
    import pandas as pd

    place = np.zeros(len(columns[0]), dtype=np.intp)
    for number, column in enumerate(columns):
        found, different = pd.factorize(column, use_na_sentinel=False)
        if number:
            found, _ = pd.factorize(place * len(different) + found)
        place = found
    first = np.empty(place.max(initial=-1) + 1, dtype=np.intp)
    first[place[::-1]] = np.arange(len(place))[::-1]
    return first, place


def _repeats(column: NDArray[Any]) -> bool:
    """Numbers are rarely alike, and pictures can't be compared."""
    if column.dtype.kind == "M":
        return True
    return column.dtype == object and set(map(type, column.tolist())) <= TEXTS
