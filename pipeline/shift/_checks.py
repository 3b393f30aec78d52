"""What two windows must have before they can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.shift._columns import READERS

Columns = Mapping[str, NDArray[np.generic]]


def check_windows(
    windows: Mapping[str, tuple[Columns, int]], *, kinds: Mapping[str, str], alpha: float
) -> None:
    """Raises `StepError` with all problems of the windows, given by name with their rows."""
    problems = [
        f"{name!r} is of kind {kind!r}; leave it out, or give one of {', '.join(READERS)}"
        for name, kind in kinds.items()
        if kind not in READERS
    ]
    for window, (columns, rows) in windows.items():
        problems += _window_problems(window, columns, kinds, rows)
    if not 0 < alpha < 1:
        problems.append(f"alpha is {alpha!r}; give a share above 0 and below 1")
    if problems:
        raise StepError.for_problems("The windows can't be compared:", problems)


def _window_problems(
    window: str, columns: Columns, kinds: Mapping[str, str], rows: int
) -> Iterator[str]:
    if not rows:
        yield f"the {window} window is empty; choose another, or wait for more rows"
    for name in kinds:
        if name not in columns:
            yield f"the {window} window has no column {name!r}; add it, or leave its kind out"
        elif len(columns[name]) != rows:
            found = f"{len(columns[name])} values of {name!r} and blocks of {rows} rows"
            yield f"the {window} window has {found}; give one of each per row"
