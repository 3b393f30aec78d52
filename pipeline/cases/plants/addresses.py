"""Pictures from a list of addresses: fetched a few at a time, and what became of each is told."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.cases.plants.rows import Found
from pipeline.errors import SourceError
from pipeline.pictures import LIMITS
from pipeline.sources.address import Address
from pipeline.sources.cache import Cache
from pipeline.sources.files import readable
from pipeline.sources.http import HttpClient, Patience, Wanted

LIST: Final = "addresses.csv"
AT_ONCE: Final = 4
"""Downloads at the same time: no more than a browser would open to one server."""
TYPES: Final = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/tiff",
    "application/octet-stream",
    "binary/octet-stream",
)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list."""

    address: str
    label: str
    sha256: str = ""
    """What the picture's digest has to be, where the list says so."""


def read_list(path: Path) -> tuple[Listed, ...]:
    """Lines of a CSV file with the columns address, label and, if wished, sha256; none where there
    is no such file. Raises `SourceError` with every line that can't be used.
    """
    if not path.exists():
        return ()
    with readable(path):
        try:
            lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError.for_file(path, "a list of addresses", [str(error)]) from error
    known = {"address", "label", "sha256"}
    problems = list(_problems(lines, known))
    if problems:
        raise SourceError.for_file(path, "a list of addresses", problems)
    return tuple(
        Listed(**{name: (value or "").strip() for name, value in line.items() if name in known})
        for line in lines
    )


def _problems(lines: list[dict[str, str]], known: set[str]) -> Iterator[str]:
    head = set(lines[0]) if lines else known
    if not {"address", "label"} <= head:
        yield "its first line should name the columns address and label"
        return
    seen: set[str] = set()
    for number, line in enumerate(lines, 2):
        address = (line["address"] or "").strip()
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield f"line {number}: {address!r} is no http address"
        if address in seen:
            yield f"line {number}: {address!r} comes twice"
        if not (line["label"] or "").strip():
            yield f"line {number}: it has no label"
        seen.add(address)


def downloads(
    listed: tuple[Listed, ...], cache: Path | None, patience: Patience
) -> Iterator[Found]:
    """Each picture or why it didn't come, in the order of the list."""
    with (
        _folder(cache) as folder,
        HttpClient(cache=Cache(folder=folder), patience=patience) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        yield from threads.map(lambda line: _downloaded(client, line), listed)


def _downloaded(client: HttpClient, line: Listed) -> Found:
    found = Found(address=line.address, label=line.label)
    try:
        fetched = client.fetch(
            Wanted(
                address=Address(url=line.address),
                what="a picture",
                types=TYPES,
                most_bytes=LIMITS.most_bytes,
                sha256=line.sha256,
            )
        )
    except SourceError as error:
        return replace(found, trouble=" ".join(str(error).split()))
    return replace(found, content=fetched.path.read_bytes())


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        yield cache / "downloads"
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
