"""Few rows that tell as much of a column as all of them: its different values, or its mean."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-9
"""Share by which means that were summed in another order may differ; in truth it is far less."""


def released(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; what came of one is gone before the next is read.

    Great Expectations holds what it has judged in circles, which wait for the garbage collector.
    """
    for place, batch in enumerate(batches):
        if place:
            gc.collect()
        yield batch


def different(frames: Iterable[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Each combination of values of some columns once."""
    import pandas as pd

    held: pd.DataFrame | None = None
    for frame in frames:
        parts = [frame[list(names)]] if held is None else [held, frame[list(names)]]
        held = pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)
    return pd.DataFrame(columns=list(names)) if held is None else held


def means(frames: Iterable[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """One row: the means of columns over all frames, missing values left out; NaN of no numbers."""
    import pandas as pd

    sums: dict[str, list[float]] = {name: [] for name in names}
    counts = dict.fromkeys(names, 0)
    for frame in frames:
        for name in names:
            known = frame[name].dropna()
            numeric = pd.api.types.is_numeric_dtype(known)
            sums[name].append(float(known.sum()) if numeric or known.empty else math.nan)
            counts[name] += len(known)
    found = {n: math.fsum(sums[n]) / counts[n] if counts[n] else math.nan for n in names}
    return pd.DataFrame({name: [value] for name, value in found.items()})


def touches(entry: Mapping[str, Any], values: Mapping[str, object], mean: float) -> bool:
    """Whether a mean lies on an end of its range, as near as sums can be told; or isn't finite."""
    if not math.isfinite(mean):
        return True
    arguments = [entry["kwargs"].get(name) for name in ("min_value", "max_value")]
    named = [v.get("$PARAMETER") if isinstance(v, dict) else None for v in arguments]
    ends = [
        values.get(name, value) if isinstance(name, str) else value
        for name, value in zip(named, arguments, strict=True)
    ]
    return any(
        end is not None
        and (
            not isinstance(end, (int, float))
            or math.isclose(mean, end, rel_tol=ROUNDING, abs_tol=1e-300)
        )
        for end in ends
    )
