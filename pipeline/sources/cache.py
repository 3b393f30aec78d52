"""Bodies of answers on disk, by address: whole ones with their validators, and cut ones to resume.

A body counts only once its entry is written, which is done last and in one step.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import StateError
from pipeline.sources import Request
from pipeline.sources.files import digest
from pipeline.store.atomic import write_bytes


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What a server gives to ask later whether its answer is still the same."""

    etag: str = ""
    last_modified: str = ""

    @property
    def any(self) -> bool:
        return bool(self.etag or self.last_modified)

    @property
    def for_range(self) -> str:
        """For If-Range, which takes no weak ETag (RFC 9110, section 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that ask for the body only if it has changed."""
        both = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in both.items() if value}


@dataclass(frozen=True, kw_only=True)
class Held:
    """A whole body as it was received."""

    path: Path
    sha256: str
    validators: Validators


@dataclass(frozen=True, kw_only=True)
class Partial:
    """The beginning of a body, whose rest can be asked for."""

    size: int
    validator: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is kept of one address, in a folder of its own."""

    folder: Path

    @property
    def part(self) -> Path:
        """Where a body grows while it arrives."""
        return self.folder / "part"

    def held(self) -> Held | None:
        """The body kept last; `None` when there is none, or it isn't what was written any more."""
        kept = _read(self.folder / "entry.json")
        if kept is None:
            return None
        path = self.folder / str(kept.get("sha256"))
        if not path.is_file() or digest(path) != kept["sha256"]:
            return None
        validators = Validators(
            etag=str(kept.get("etag", "")), last_modified=str(kept.get("last_modified", ""))
        )
        return Held(path=path, sha256=str(kept["sha256"]), validators=validators)

    def partial(self) -> Partial | None:
        """What arrived before the line was cut, if the server said how to go on from there."""
        kept = _read(self.folder / "part.json")
        if kept is None or not self.part.is_file() or not self.part.stat().st_size:
            return None
        return Partial(size=self.part.stat().st_size, validator=str(kept.get("validator", "")))

    def begin(self, validators: Validators, *, resumable: bool) -> None:
        """Forgets an earlier part, and keeps what it takes to go on with the one to come."""
        self.forget_part()
        if resumable and validators.for_range:
            content = json.dumps({"validator": validators.for_range}).encode()
            write_bytes(self.folder / "part.json", content)

    def forget_part(self) -> None:
        for name in ("part", "part.json"):
            (self.folder / name).unlink(missing_ok=True)

    def keep(self, validators: Validators) -> Held:
        """Makes the part the body of this address; the one before it is removed."""
        sha256 = digest(self.part)
        path = self.folder / sha256
        self.part.replace(path)
        entry = {"sha256": sha256, **asdict(validators)}
        write_bytes(self.folder / "entry.json", json.dumps(entry).encode())
        self.forget_part()
        for other in self.folder.iterdir():
            if other.name not in (sha256, "entry.json"):
                other.unlink(missing_ok=True)
        return Held(path=path, sha256=sha256, validators=validators)


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Entries of all addresses that were asked for, one folder each."""

    folder: Path

    def entry(self, key: str) -> Entry:
        """Makes the entry's folder; raises `StateError` when it can't be written."""
        folder = self.folder / key
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError.for_failed_write(folder, error) from error
        return Entry(folder=folder)

    def forget_unverifiable(self) -> None:
        """Removes bodies that no server can confirm later, such as answers to a query."""
        if not self.folder.is_dir():
            return
        for entry in os.scandir(self.folder):
            kept = _read(Path(entry.path) / "entry.json")
            resumable = (Path(entry.path) / "part.json").is_file()
            if not resumable and not (kept and (kept.get("etag") or kept.get("last_modified"))):
                with contextlib.suppress(OSError):  # what can't be removed does no harm
                    shutil.rmtree(entry.path)


@contextmanager
def cache_of(request: Request) -> Iterator[Cache]:
    """The cache that a request names, else one that is gone afterwards."""
    if request.cache is not None:
        yield Cache(folder=request.cache)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Cache(folder=Path(folder))


def _read(path: Path) -> dict[str, object] | None:
    """A small file of this module; one that is missing or damaged is as if it were not there."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
