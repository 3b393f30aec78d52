"""Where snapshots are kept: a folder, any file system that fsspec reaches, or a GitHub release.

A place needs one strong promise: `create` makes a file whole, and only if there is none of that
name. Everything else follows from it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import SnapshotError

RELEASE = "github-release:"
EXCLUSIVE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""File systems of fsspec that make a file only where there is none, in one step."""
PRECONDITION_FAILED = "412"


class Place(Protocol):
    """Files by plain name, without folders."""

    @property
    def address(self) -> str:
        """As the user named it, without secrets."""

    def names(self) -> list[str]:
        """Of all files, sorted; empty when nothing was pushed yet."""

    def size(self, name: str) -> int:
        """Bytes; raises `FileNotFoundError`."""

    def fetch(self, name: str, to: Path) -> None:
        """Copies the file to a local path; raises `FileNotFoundError`."""

    def create(self, name: str, content: Path) -> None:
        """Makes the file from a local one, whole; raises `FileExistsError` when it is there."""

    def remove(self, name: str) -> None:
        """Removes the file; nothing happens when there is none."""


def open_place(address: str) -> Place:
    """The place of an address: a folder, `s3://…`, `gs://…`, `az://…`, `github-release:…`.

    Raises `SnapshotError` for an address whose library is not installed or not known.
    """
    from pipeline.snapshots.release import Release

    if address.startswith(RELEASE):
        return Release.at(address)
    if "://" not in address:
        return Folder(path=Path(address).expanduser().resolve())
    if address.startswith("file://"):
        return Folder(path=Path(address.removeprefix("file://")))
    return _remote(address)


def _remote(address: str) -> Place:
    import fsspec

    if address.partition("://")[0] not in EXCLUSIVE:
        raise SnapshotError.for_unsafe_place(address, EXCLUSIVE)
    try:
        files, root = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise SnapshotError.for_unknown_place(address, error) from error
    return Remote(address=address, files=files, root=root.rstrip("/"))


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of this machine, or one that it has mounted."""

    path: Path

    @property
    def address(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        if not self.path.is_dir():
            return []
        return sorted(entry.name for entry in self.path.iterdir() if entry.name[0] != ".")

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def fetch(self, name: str, to: Path) -> None:
        shutil.copyfile(self.path / name, to)

    def create(self, name: str, content: Path) -> None:
        # A second name for a whole file: unlike a rename, it never takes another's place.
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor, copy = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
        try:
            with os.fdopen(descriptor, "wb") as target, content.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            Path(copy).chmod(0o644)
            (self.path / name).hardlink_to(copy)
        finally:
            Path(copy).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A bucket or container of an object store, which makes a file only where there is none."""

    address: str
    files: Any
    root: str

    def names(self) -> list[str]:
        self.files.invalidate_cache()
        try:
            found = self.files.ls(self.root, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rsplit("/", 1)[-1] for path in found)

    def size(self, name: str) -> int:
        self.files.invalidate_cache()
        return int(self.files.size(self._path(name)))

    def fetch(self, name: str, to: Path) -> None:
        self.files.get_file(self._path(name), str(to))

    def create(self, name: str, content: Path) -> None:
        try:
            self.files.put_file(str(content), self._path(name), mode="create")
        except OSError as error:
            if str(getattr(error, "code", "")) == PRECONDITION_FAILED:
                raise FileExistsError(name) from error
            raise

    def remove(self, name: str) -> None:
        if self.files.exists(self._path(name)):
            self.files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"
