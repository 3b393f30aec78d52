"""Predictions of folds that were made before, kept by the digest of all that they follow from.

A schedule that trains every few weeks meets most of its folds again: the same rows to learn from,
the same rows to predict. The key holds the bytes of both, the candidate with its settings, the
package's source and the installed libraries, so nothing stale is ever recalled.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.splits import Fold
from pipeline.store import project
from pipeline.store.atomic import write_bytes
from pipeline.tasks import Floats

if TYPE_CHECKING:
    import pandas as pd

MOST = 2_000
"""Predictions that are kept for a case, those made last."""


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What models predicted for the folds of one frame."""

    folder: Path
    settings: str
    """What else predictions follow from, such as the task and the seed."""
    folds: Mapping[str, str]
    """Digest of each fold's rows, by its name; none where rows can't be told by their bytes."""

    @classmethod
    def of(
        cls, folder: Path, frame: pd.DataFrame, folds: Sequence[Fold], *, settings: object
    ) -> Self:
        """For these folds of the frame; makes the folder smaller where it holds too many."""
        digests = {fold.name: _digest_of(frame, fold) for fold in folds}
        for path in _kept(folder)[MOST:]:
            path.unlink(missing_ok=True)
        known = {name: digest for name, digest in digests.items() if digest}
        return cls(folder=folder, settings=repr(settings), folds=known)

    def recall(self, name: str, model: str, fold: Fold) -> Floats | None:
        """What this model predicted for the fold; `None` when it never has. `model` tells its
        settings, as its `repr` does before it is fitted.
        """
        path = self._path(name, model, fold)
        if path is None:
            return None
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return np.asarray(found)

    def keep(self, name: str, model: str, fold: Fold, predicted: Floats) -> None:
        """Keeps what the model, fitted, has predicted."""
        path = self._path(name, model, fold)
        if path is not None:
            buffer = io.BytesIO()
            np.save(buffer, predicted, allow_pickle=False)
            write_bytes(path, buffer.getvalue())

    def _path(self, name: str, model: str, fold: Fold) -> Path | None:
        rows = self.folds.get(fold.name)
        if rows is None:
            return None
        told = (rows, name, model, self.settings, project.code_version(), *_libraries())
        return self.folder / f"{hashlib.sha256(repr(told).encode()).hexdigest()}.npy"


def _digest_of(frame: pd.DataFrame, fold: Fold) -> str:
    """Of the rows to learn from and those to predict; empty where a column has no bytes of its own,
    such as pictures.
    """
    import pyarrow as pa

    total = hashlib.sha256()
    for rows in (frame.iloc[fold.train], frame.iloc[fold.test]):
        try:
            arrays = [_array(rows[name]) for name in rows.columns]
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            return ""
        batch = pa.RecordBatch.from_arrays(arrays, list(map(str, rows.columns)))
        total.update(f"{rows.dtypes.to_dict()} {batch.schema}".encode())
        total.update(batch.serialize())
    return total.hexdigest()


def _array(column: pd.Series) -> Any:
    import pandas as pd
    import pyarrow as pa

    timed = isinstance(column.dtype, pd.DatetimeTZDtype)
    array = pa.array(column.astype("int64") if timed else column)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


@cache
def _libraries() -> tuple[str, ...]:
    """Python, the machine's kind, and every installed distribution with its version."""
    names = {
        entry.name
        for folder in sys.path
        if folder and Path(folder).is_dir()
        for entry in os.scandir(folder)
        if entry.name.endswith((".dist-info", ".egg-info"))
    }
    return (sys.version, platform.machine(), *sorted(names))


def _kept(folder: Path) -> list[Path]:
    """Those made last first; a file that goes meanwhile counts as the oldest."""
    return sorted(folder.glob("*.npy"), key=_made, reverse=True)


def _made(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
