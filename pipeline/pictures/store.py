"""Where pictures are kept: once each, named by their digest, with what was measured of them.

What is kept is never changed. A picture that looks like one that is there joins its group, and
no group is renamed when another picture comes: what one run holds out, no other learns from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StateError
from pipeline.pictures.description import Description, describe
from pipeline.store.atomic import write_bytes

INDEX: Final = "index.json"
MEASURES: Final = "1"
"""Changes when other things are measured, or otherwise: pictures are described anew."""
ALIKE: Final = 6
"""Bits of 64 in which the perceptual hashes of near duplicates differ at most."""
SUFFIXES: Final = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp"}


@dataclass(kw_only=True)
class PictureStore:
    """Pictures of a case; without a folder they are only described."""

    folder: Path | None
    _known: dict[str, dict[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._known = _read(self.folder / INDEX) if self.folder else {}

    def known(self, sha256: str) -> Description | None:
        """What was measured of a picture that was kept earlier."""
        held = self._known.get(sha256)
        if held is None or (self.folder and not (self.folder / str(held["path"])).is_file()):
            return None
        return Description(**held["described"])

    def add(self, content: bytes) -> Description:
        """Keeps the bytes, whatever they are, and describes them once."""
        return self.put(content, describe(content))

    def put(self, content: bytes, found: Description) -> Description:
        """Keeps bytes that were described already."""
        path = f"{found.sha256[:2]}/{found.sha256}{SUFFIXES.get(found.format or '', '.bin')}"
        if self.folder is not None:
            write_bytes(self.folder / path, content)
        held = self._known.get(found.sha256, {})
        group = held.get("group") or self._group(found)
        self._known[found.sha256] = {"path": path, "group": group, "described": asdict(found)}
        return found

    def path(self, sha256: str) -> str:
        """Of a picture that is kept, below the folder of the store."""
        return str(self._known[sha256]["path"])

    def group(self, sha256: str) -> str:
        """Name of the pictures that look alike."""
        return str(self._known[sha256]["group"])

    def keep(self) -> None:
        """Writes down what was added; without it, pictures are described again."""
        if self.folder is not None:
            held = {"measures": MEASURES, "pictures": self._known}
            write_bytes(self.folder / INDEX, json.dumps(held).encode())

    def _group(self, found: Description) -> str:
        """That of the picture which is nearest, the first of several; else a group of its own."""
        named = [
            (held["described"]["perceptual_hash"], held["group"])
            for held in self._known.values()
            if held["described"]["perceptual_hash"]
        ]
        if found.perceptual_hash and named:
            far = distances([found.perceptual_hash], [name for name, _ in named])[0]
            nearest = int(np.argmin(far))
            if far[nearest] <= ALIKE:
                return str(named[nearest][1])
        return found.sha256[:16]


def distances(one: list[str], other: list[str]) -> NDArray[np.uint8]:
    """Bits in which perceptual hashes differ, shape (one, other)."""
    rows, columns = (
        np.array([int(name, 16) for name in names], dtype=np.uint64) for names in (one, other)
    )
    return np.asarray(np.bitwise_count(rows[:, None] ^ columns[None, :]))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        held = json.loads(path.read_bytes())
        pictures: dict[str, dict[str, Any]] = held["pictures"]
        same = held["measures"] == MEASURES
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError.for_damaged_file(path, str(error)) from error
    # Groups outlast the way of measuring: by them rows are held out.
    return pictures if same else {}
