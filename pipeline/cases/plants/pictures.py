"""Puts pictures beside their rows, and says where each lies among all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Folders
from pipeline.pictures import StoredPicture
from pipeline.tasks.pictures import EMBEDDING, PIXELS

if TYPE_CHECKING:
    import pandas as pd

AXES = 3
"""Principal components that are watched."""


def with_pictures(rows: pd.DataFrame, folders: Folders) -> pd.DataFrame:
    """The rows with their pictures (`None` where there is none) and principal components of their
    looks.

    The components are those of all rows together: whichever of them are called reference and
    current, they are the same, and a test that shuffles rows stays valid. Of a large feed only some
    columns are in memory; without those that tell of pictures the rows are as they were.
    """
    if not {"picture", "sha256", "trouble"} <= set(rows.columns):
        return rows
    pictures = np.empty(len(rows), dtype=object)
    pictures[:] = [
        _picture(path, sha256, folders)
        for path, sha256 in zip(rows["picture"], rows["sha256"], strict=True)
    ]
    drawn = rows.assign(**{PIXELS: pictures})
    places = _embedded(drawn)
    return drawn.assign(**{f"{EMBEDDING}{number + 1}": places[:, number] for number in range(AXES)})


def _picture(path: Any, sha256: Any, folders: Folders) -> StoredPicture | None:
    if not isinstance(path, str):
        return None
    where = folders.files / Path(path)
    return StoredPicture(path=where, sha256=str(sha256), cache=folders.cache / "features")


def _embedded(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Shape (rows, AXES), each axis with variance 1; NaN where there is no picture."""
    from pipeline.cases.plants.models import EqualBlocks, looks_of

    places = np.full((len(rows), AXES), np.nan)
    readable = np.flatnonzero(rows["trouble"].isna() & rows["picture"].notna())
    if len(readable) <= AXES:
        return places
    found = EqualBlocks().fit_transform(
        looks_of(rows[PIXELS].iloc[readable])[:, 0].astype(np.float64)
    )
    left, _, right = np.linalg.svd(found, full_matrices=False)
    signs = np.sign(right[np.arange(AXES), np.abs(right[:AXES]).argmax(axis=1)])
    places[readable] = left[:, :AXES] * signs * np.sqrt(len(readable))
    return places
