"""The list of a snapshot: every file of the home, its digest, and the pack that holds it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import SnapshotError

FORMAT: Literal[1] = 1
"""Of the list and of the home that it describes; raised when either can't be read as before."""
Sha256 = str


class Listed(BaseModel):
    """Base of all that a list holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Listed):
    """One file of the home."""

    path: str = Field(description="relative to the home, parts divided by /")
    sha256: Sha256
    size: int = Field(description="bytes")


class Pack(Listed):
    """One archive, and which contents it holds."""

    name: str
    sha256: Sha256
    size: int = Field(description="bytes, packed")
    holds: tuple[Sha256, ...] = Field(description="digests of the files in it")


class Manifest(Listed):
    """A whole snapshot."""

    format: Literal[1] = FORMAT
    number: int
    made: datetime
    by: str = Field(description="process and machine that pushed it")
    version: str = Field(description="of Vigie")
    files: tuple[File, ...]
    packs: tuple[Pack, ...]

    @property
    def name(self) -> str:
        return name_of(self.number)

    @property
    def size(self) -> int:
        """Bytes of the home, unpacked."""
        return sum(file.size for file in self.files)

    def pack_of(self) -> dict[Sha256, Pack]:
        """The pack that holds each content."""
        return {digest: pack for pack in self.packs for digest in pack.holds}

    def to_bytes(self) -> bytes:
        """As it is kept: the list, and its own digest in front."""
        body = self.model_dump_json(indent=1)
        return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n".encode()


def name_of(number: int) -> str:
    """The file that holds the list of a snapshot."""
    return f"snapshot-{number:08d}.json"


def number_of(name: str) -> int | None:
    """The number of a snapshot's list; `None` for another file."""
    digits = name.removeprefix("snapshot-").removesuffix(".json")
    return int(digits) if name == f"snapshot-{digits}.json" and digits.isdecimal() else None


def read_manifest(name: str, content: bytes) -> Manifest:
    """The list in `content`.

    Raises `SnapshotError` when it is damaged, or of a format that this version doesn't know.
    """
    digest, _, body = content.removesuffix(b"\n").partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise SnapshotError.for_damage(name, ["the list's digest is not the one written in it"])
    found = json.loads(body)
    if found.get("format") != FORMAT:
        raise SnapshotError.for_unknown_format(name, found.get("format"), found.get("version"))
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        raise SnapshotError.for_damage(name, [str(error).splitlines()[0]]) from error
    loose = sorted(
        {file.sha256 for file in manifest.files} - set(manifest.pack_of()),
    )
    if loose:
        raise SnapshotError.for_damage(name, [f"{len(loose)} of its files are in no pack"])
    return manifest
