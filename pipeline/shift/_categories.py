"""A column as shares of the rows by block: of each category, and of those never seen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._layout import Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

MOST_CATEGORIES = 63


@dataclass(frozen=True, kw_only=True)
class Shares:
    """A column as shares of the rows by block: of a category, or of missing values."""

    labels: tuple[Any, ...]
    counts: Floats
    """Blocks x categories."""
    rows: Floats
    missing_reference: float
    missing_current: float
    new: tuple[str, ...]
    """Categories that the reference does not have, sorted."""
    new_counts: Floats
    """Rows of such a category by block; in the reference, of one that had not been seen before."""


def read_categories(values: NDArray[Any], layout: Layout) -> Shares:
    """The most frequent categories one by one, the others together."""
    from pandas import factorize

    codes, labels = factorize(values)
    rows, before = layout.block_rows, codes[: layout.rows]
    counted = np.bincount(before + 1, minlength=len(labels) + 1)
    total = np.bincount(codes + 1, minlength=len(labels) + 1)[1:]
    by_size = np.argsort(-total, kind="stable")
    kept = min(len(labels), MOST_CATEGORIES)
    bins = kept + (len(labels) > kept)
    place = np.empty(len(labels) + 1, dtype=np.intp)
    place[0] = bins
    place[by_size + 1] = np.minimum(np.arange(len(labels)), max(0, bins - 1))
    cells = layout.block * (bins + 1) + place[codes + 1]
    counts = np.bincount(cells, minlength=layout.all_blocks * (bins + 1))
    table = counts.reshape(layout.all_blocks, bins + 1).astype(np.float64)
    unseen = (counted[1:] == 0) & (total > 0)
    names = (*labels[by_size[:kept]], *(["others"] if bins > kept else []))
    return Shares(
        labels=tuple(names),
        counts=table[:, :bins],
        rows=rows,
        missing_reference=float(counted[0] / max(1, layout.rows)),
        missing_current=float((codes[layout.rows :] < 0).mean()),
        new=tuple(sorted(map(str, labels[unseen]))),
        new_counts=_first_seen(codes, len(labels), layout),
    )


def _first_seen(codes: Places, labels: int, layout: Layout) -> Floats:
    """Rows whose category was not seen before their stretch, as long as the current window."""
    first = np.full(labels + 1, layout.all_blocks, dtype=np.intp)
    np.minimum.at(first, codes, layout.block)
    first[-1] = -layout.all_blocks  # missing is no category
    stretch = (layout.block - layout.blocks) // layout.current_blocks
    began = (first - layout.blocks) // layout.current_blocks
    return layout.sums((began[codes] == stretch).astype(np.float64))
