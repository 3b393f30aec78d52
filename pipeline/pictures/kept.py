"""A picture on its way to a model: where its bytes are, and where its features are kept.

Models see pictures as objects of a column of their table: those of a run lie in the home, and
their features are computed once and kept by digest; those of a call are bytes and leave no trace.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StateError
from pipeline.pictures.decoding import Header, decoded
from pipeline.store.atomic import write_bytes

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3)."""
Compute = Callable[[Pixels], NDArray[Any]]


class Picture(Protocol):
    """What a model may ask of a picture."""

    def pixels(self) -> Pixels:
        """The upright working copy; raises `PictureError`."""

    def features(self, name: str, compute: Compute) -> NDArray[Any]:
        """`compute(pixels)`, or what was kept of it under `name`, which changes with the code."""


@dataclass(frozen=True, kw_only=True)
class UploadedPicture:
    """Came with a call."""

    content: bytes = field(repr=False)

    def pixels(self) -> Pixels:
        return self.decoded[0]

    @cached_property
    def decoded(self) -> tuple[Pixels, Header]:
        """Once for all who ask: the upright working copy, and what the file says of itself."""
        image, header, _ = decoded(self.content)
        return np.asarray(image), header

    def features(self, name: str, compute: Compute) -> NDArray[Any]:
        return compute(self.pixels())


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """Lies in a home."""

    path: Path
    sha256: str
    cache: Path
    """Folder of features: `<name>/<sha256>.npy`; may be removed at any time."""

    def pixels(self) -> Pixels:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise StateError.for_damaged_file(self.path, str(error)) from error
        return np.asarray(decoded(content)[0])

    def features(self, name: str, compute: Compute) -> NDArray[Any]:
        path = self.cache / name / self.sha256[:2] / f"{self.sha256}.npy"
        kept = _read(path)
        if kept is not None:
            return kept
        found = compute(self.pixels())
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        write_bytes(path, buffer.getvalue())
        return found


def _read(path: Path) -> NDArray[Any] | None:
    """Features that were kept; one that is missing or damaged is as if it were not there."""
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found
