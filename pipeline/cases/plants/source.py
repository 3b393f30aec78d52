"""Pictures of plants from a folder per class, or from a list of addresses."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cases.plants.addresses import LIST, Listed, downloads, read_list, unavailable
from pipeline.cases.plants.rows import Found, table_of
from pipeline.errors import SourceError
from pipeline.pictures import LIMITS, PictureStore
from pipeline.sources import Feed, Part, Request
from pipeline.sources.files import readable
from pipeline.sources.http import Patience

PUBLISHER = "whoever took the pictures"
LICENCE = "that of each picture; of the flower_photos set CC BY 2.0, photographers in LICENSE.txt"
ADDRESS = "https://www.tensorflow.org/datasets/catalog/tf_flowers"
NOTE = (
    "A folder per class, or a list of addresses. Labels are those of the folders or the list; "
    "some pictures show people, seed heads, or the plant only small."
)


@dataclass(frozen=True, kw_only=True)
class PlantFiles:
    """`<class>/<name>` below the folder, and what `addresses.csv` there lists."""

    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False
    note: str = NOTE
    patience: Patience = field(default_factory=Patience)

    def fetch(self, request: Request) -> Feed:
        """One row for every file and every address, also for what is no picture.

        Raises `SourceError` for a folder without any.
        """
        if request.folder is None:
            raise SourceError.for_unnamed_folder("a folder of pictures for each class of plant")
        store = PictureStore(folder=request.files)
        paths = _pictures(request.folder)
        listed = read_list(request.folder / LIST)
        if not paths and not listed:
            there = [path.name for path in sorted(request.folder.iterdir())]
            wanted = ["<class>/<picture>", f"{LIST} with columns address and label"]
            raise SourceError.for_no_files(request.folder, wanted, there)
        table = table_of(
            [*_of_files(paths, request.folder, store), *self._of_list(listed, request)],
            store,
            request.schema,
        )
        digests = "".join(filter(None, table["sha256"].to_pylist()))
        sha256 = hashlib.sha256(digests.encode()).hexdigest()
        part = Part(name=request.folder.name, sha256=sha256, rows=table.num_rows)
        return Feed(parts=(part,), batches=tuple(table.to_batches()))

    def awaits(self, request: Request) -> bool:
        """Whether pictures of the list that didn't come may come now."""
        return request.folder is not None and unavailable(
            read_list(request.folder / LIST), request.cache
        )

    def _of_list(self, listed: tuple[Listed, ...], request: Request) -> list[Found]:
        return list(downloads(listed, request.cache, self.patience)) if listed else []


def _pictures(folder: Path) -> list[tuple[str, Path]]:
    """Label and path of all files of the folder's subfolders, by name; hidden ones are no one's."""
    if not folder.is_dir():
        raise SourceError.for_missing_folder(folder)
    with readable(folder):
        classes = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
        return [
            (each.name, Path(entry.path))
            for each in sorted(classes)
            for entry in sorted(os.scandir(each), key=lambda entry: entry.name)
            if entry.is_file() and not entry.name.startswith(".")
        ]


def _of_files(paths: list[tuple[str, Path]], folder: Path, store: PictureStore) -> Iterator[Found]:
    for label, path in paths:
        address = path.relative_to(folder).as_posix()
        with readable(path):
            if path.stat().st_size > LIMITS.most_bytes:
                size = path.stat().st_size
                yield Found(
                    address=address,
                    label=label,
                    trouble=f"it has {size:,} bytes, at most {LIMITS.most_bytes:,} are taken",
                )
                continue
            content = path.read_bytes()
        known = store.known(hashlib.sha256(content).hexdigest())
        yield Found(
            address=address,
            label=label,
            content=None if known else content,
            described=known,
        )
