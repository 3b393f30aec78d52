"""What a source would read, as a digest that is cheap to take: the same digest, the same rows.

A simulation is known by its settings and files by their content. What a publisher holds now is not
known without asking, unless the source says itself how: with a method `fingerprint(request)`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipeline.sources import Request, Source
from pipeline.sources.files import digest, readable
from pipeline.store.atomic import write_bytes

SETTLED_NS = 2_000_000_000
"""A file changed less than this before it was read may change again within the same tick of the
file system's clock; its digest is not kept."""

Entry = tuple[int, int, int, str]
"""Size in bytes, time of the last change in ns, inode, SHA-256."""


@runtime_checkable
class SelfKnown(Protocol):
    """A source that says itself what it would read."""

    def fingerprint(self, request: Request) -> str | None:
        """A digest of what `fetch(request)` would give; `None` when only reading can tell."""


@runtime_checkable
class Awaiting(Protocol):
    """A source whose files name others that may have failed to come."""

    def awaits(self, request: Request) -> bool:
        """Whether the same files may give more the next time."""


def fingerprint(source: Source, request: Request, files: FileDigests) -> str | None:
    """A digest of what the source would give; `None` when only reading can tell.

    Code is not part of it, nor is the as-of time. Raises `SourceError` for files that can't be
    read.
    """
    if isinstance(source, SelfKnown):
        return source.fingerprint(request)
    if source.simulated:
        return _short(repr(source)) if dataclasses.is_dataclass(source) else None
    if isinstance(source, Awaiting) and source.awaits(request):
        return None
    if request.folder is not None:
        return files.of_folder(request.folder)
    return None


class FileDigests:
    """SHA-256 of files, remembered by size, time of change and inode in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._found: dict[str, Entry] = {}

    def of_folder(self, folder: Path) -> str:
        """One digest of the names and bytes of all files below; raises `SourceError`."""
        with readable(folder):
            named = [
                f"{path.relative_to(folder).as_posix()} {self._of(path)}" for path in _files(folder)
            ]
        return _short("\n".join(named))

    def keep(self) -> None:
        """Remembers what was read for the next time; raises `StateError`."""
        if not self._found.items() <= self._known.items():
            self._known = {**self._known, **self._found}
            write_bytes(self._path, json.dumps(self._known).encode())

    def _of(self, path: Path) -> str:
        found = path.stat()
        key = (found.st_size, found.st_mtime_ns, found.st_ino)
        known = self._known.get(str(path))
        if known is not None and known[:3] == key:
            return known[3]
        content = digest(path)
        if time.time_ns() - found.st_mtime_ns > SETTLED_NS:
            self._found[str(path)] = (*key, content)
        return content


def _files(folder: Path) -> Iterator[Path]:
    """All files below, by name; a folder that can't be listed is an error."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _files(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _read(path: Path) -> dict[str, Entry]:
    """What was remembered; nothing when the file is gone or damaged: it is only a memory."""
    try:
        held = json.loads(path.read_bytes())
        return {
            str(name): (int(size), int(changed), int(inode), str(content))
            for name, (size, changed, inode, content) in held.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
