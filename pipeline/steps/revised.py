"""What a publisher has changed since the last look, in words and as a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

Revisions = tuple[tuple[str, float, float], ...]
"""Key, value before and value after of the largest changes of the target, the largest first."""


def words(rows: int, largest: Revisions, schema: Schema) -> str:
    """How many rows were revised, and the value that changed most: '3 revised, largest …'."""
    if not largest:
        return f"{rows:,} revised"
    key, before, after = largest[0]
    unit = schema.column(schema.target).unit
    told = f"{_plain(key)} from {before:,.6g} to {after:,.6g} {unit}".rstrip()
    return f"{rows:,} revised, largest {told}"


def table(largest: Revisions, schema: Schema) -> pd.DataFrame:
    """One row a revised value, the largest change first."""
    import pandas as pd

    target = schema.column(schema.target)
    rows = [
        (_plain(key), f"{before:.6g} to {after:.6g}", float(f"{after - before:.6g}"))
        for key, before, after in largest
    ]
    unit = f" ({target.unit})" if target.unit else ""
    columns = [", ".join(schema.key), f"{target.label}, before and now", f"change{unit}"]
    return pd.DataFrame(rows, columns=columns)


def _plain(key: str) -> str:
    """A key without the midnight and the zone that all its times have."""
    return re.sub(r"( 00:00:00)?\+00\b", "", key)
