"""Columns that let the expectations of the plants case ask about copies, sides and balance.

Everything here is pure and keeps the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.plants.columns import SCHEMA
from pipeline.cases.plants.division import DIVISION, KEY
from pipeline.pictures.store import ALIKE, distances

if TYPE_CHECKING:
    import pandas as pd


def check_columns(table: pd.DataFrame, _as_of: datetime) -> pd.DataFrame:
    """The table with more columns, rows in the order they came in.

    - `shorter_side`: pixels.
    - `copies_before`: rows with the same bytes and label whose address comes before; null where
      there are no bytes.
    - `labels_of_group`: different labels of pictures that look alike; null for a picture that
      couldn't be decoded.
    - `near_across`: in a held-out row, address of a picture of the other side that looks alike;
      else null. Groups keep such pairs together; what is left are links between two groups.
    - `smallest_class_share`: rows of the rarest class over all rows, the same in every row.
    """
    return table.assign(
        shorter_side=table[["width", "height"]].min(axis=1),
        copies_before=_copies_before(table),
        labels_of_group=_labels_of_group(table),
        near_across=_near_across(table),
        smallest_class_share=_smallest_share(table),
    )


def _copies_before(table: pd.DataFrame) -> pd.Series[Any]:
    ordered = table.sort_values(KEY, kind="stable")
    before = ordered.groupby(["sha256", "label"], dropna=False).cumcount()
    return before.reindex(table.index).astype("float64").where(table["sha256"].notna())


def _labels_of_group(table: pd.DataFrame) -> pd.Series[Any]:
    labels = table.groupby("group")["label"].transform("nunique")
    return labels.astype("float64").where(table["perceptual_hash"].notna())


def _near_across(table: pd.DataFrame) -> pd.Series[Any]:
    import pandas as pd

    found = pd.Series([None] * len(table), index=table.index, dtype="object")
    known = np.flatnonzero(table["perceptual_hash"].notna())
    held = DIVISION.side(table, SCHEMA)[known]
    names = table["perceptual_hash"].to_numpy(dtype=object)[known]
    addresses = table[KEY].to_numpy(dtype=object)[known]
    for place, other in _pairs(names[held].tolist(), names[~held].tolist()):
        found.iloc[int(known[held][place])] = addresses[~held][other]
    return found


def _pairs(one: list[str], other: list[str]) -> Iterator[tuple[int, int]]:
    """Of each picture of one side that looks like some of the other, the nearest."""
    if not one or not other:
        return
    for place, name in enumerate(one):
        far: NDArray[np.uint8] = distances([name], other)[0]
        nearest = int(np.argmin(far))
        if far[nearest] <= ALIKE:
            yield place, nearest


def _smallest_share(table: pd.DataFrame) -> float:
    counts = table["label"].value_counts()
    return float(counts.min() / len(table)) if len(counts) else float("nan")
