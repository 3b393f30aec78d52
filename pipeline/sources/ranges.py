"""The rest of a cut download: only what surely belongs to the bytes that are there, to its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import SourceUnavailableError
from pipeline.sources.cache import Entry

if TYPE_CHECKING:
    import httpx

RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def continued_from(shown: str, entry: Entry, response: httpx.Response) -> int:
    """Bytes that are there already and that a 206 goes on from, up to the end of the file.

    Raises `SourceUnavailableError`, and forgets those bytes, for any other range, for the rest of
    another version of the file (a server may overlook If-Range), and for a packed one.
    """
    partial = entry.partial()
    size = partial.size if partial else 0
    said = response.headers.get("content-range", "")
    found = RANGE.fullmatch(said.strip())
    whole = found and found[3] in ("*", str(int(found[2]) + 1))
    tag = response.headers.get("etag", "")
    other = partial and partial.validator.startswith('"') and tag not in ("", partial.validator)
    packed = response.headers.get("content-encoding", "identity") != "identity"
    if size and found and whole and int(found[1]) == size and not (other or packed):
        return size
    entry.forget_part()
    of_another = f" of {tag}, another version" if other else " packed" if packed else ""
    raise SourceUnavailableError.for_address(
        shown,
        f"sent the range {said!r}{of_another} where all bytes from {size} on were asked for",
        "It is asked for anew from its start.",
    )
