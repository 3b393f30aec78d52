"""Pictures from a list of addresses: fetched a few at a time, and what became of each is told."""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.cases.plants.rows import Found
from pipeline.errors import SourceError, SourceUnavailableError
from pipeline.pictures import LIMITS
from pipeline.saying import Say
from pipeline.sources.address import Address
from pipeline.sources.cache import Cache
from pipeline.sources.files import readable
from pipeline.sources.http import HttpClient, Patience, Wanted
from pipeline.sources.pauses import growing
from pipeline.store.atomic import write_bytes

LIST: Final = "addresses.csv"
NOTE: Final = "unavailable.json"
"""In the cache: what didn't come the last time, and may the next time."""
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
    listed: tuple[Listed, ...],
    cache: Path | None,
    patience: Patience,
    *,
    sleep: Callable[[float], None] = time.sleep,
    say: Say = print,
) -> Iterator[Found]:
    """Each picture or why it didn't come, in the order of the list.

    What may come later is asked for again after all others, with pauses that grow from round to
    round or are as long as a server asks: a server that is down costs one pause a round, and not
    one a picture. What still doesn't come is noted, for `unavailable` to say.
    """
    once = replace(patience, attempts=1)
    found: dict[str, Found] = {}
    left = listed
    with (
        _folder(cache) as folder,
        HttpClient(cache=Cache(folder=folder), patience=once) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        for attempt in range(1, patience.attempts + 1):
            came = list(threads.map(lambda line: _downloaded(client, line), left))
            found |= {each.found.address: each.found for each in came}
            later = [each for each in came if each.later]
            left = tuple(line for line, each in zip(left, came, strict=True) if each.later)
            if not left or attempt == patience.attempts:
                break
            pause = _pause(later, attempt, patience)
            say(
                f"{len(left)} of {len(listed)} pictures haven't come. Trying again in "
                f"{pause:.0f} s (attempt {attempt + 1} of {patience.attempts})."
            )
            sleep(pause)
        if cache is not None:
            _note(cache, [line.address for line in left])
        yield from (found[line.address] for line in listed)


def unavailable(listed: tuple[Listed, ...], cache: Path | None) -> bool:
    """Whether asking again may bring more; also when nothing is known of the last time."""
    if not listed:
        return False
    try:
        noted = json.loads((cache / NOTE).read_bytes()) if cache is not None else None
    except (OSError, ValueError):
        return True
    return noted is None or not {line.address for line in listed}.isdisjoint(noted)


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """One attempt, and whether another may help: then as soon as `retry_after` seconds allow."""

    found: Found
    later: bool = False
    retry_after: float = 0.0


def _downloaded(client: HttpClient, line: Listed) -> _Tried:
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
    except SourceUnavailableError as error:
        return _Tried(found=_troubled(found, error), later=True, retry_after=error.retry_after or 0)
    except SourceError as error:
        return _Tried(found=_troubled(found, error))
    return _Tried(found=replace(found, content=fetched.path.read_bytes()))


def _troubled(found: Found, error: SourceError) -> Found:
    return replace(found, trouble=" ".join(str(error).split()))


def _pause(later: list[_Tried], attempt: int, patience: Patience) -> float:
    asked = max(each.retry_after for each in later)
    own = growing(attempt, patience.first_pause, patience.longest_pause)
    return min(max(asked, own), patience.longest_pause)


def _note(cache: Path, addresses: list[str]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    write_bytes(cache / NOTE, json.dumps(addresses).encode())


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        yield cache / "downloads"
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
