"""What goes back to a caller: bytes, made once, with the headers that browsers expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import to_json
from starlette.types import Send

JSON: Final = b"application/json"
HTML: Final = b"text/html; charset=utf-8"

MANY: Final = 16
"""Rows from which an answer is written by columns."""
SAFETY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""An answer is data for who asked: no browser may guess its type, frame it, or keep it."""


@dataclass(slots=True)
class Reply:
    """One answer."""

    body: bytes
    status: int = HTTPStatus.OK
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Those of the same name in `SAFETY` are replaced."""

    @classmethod
    def of(cls, content: Any, status: int = HTTPStatus.OK, **more: Any) -> Reply:
        """The content as JSON."""
        return cls(as_json(content), status, **more)

    async def send(self, send: Send, call: str, *, body: bool = True) -> None:
        own = {name for name, _ in self.headers}
        headers = [
            (b"content-type", self.media_type),
            (b"content-length", str(len(self.body)).encode()),
            (b"x-request-id", call.encode()),
            *(header for header in SAFETY if header[0] not in own),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if body else b""})


def as_json(content: Any) -> bytes:
    """NaN and infinity, which JSON lacks, are written as their names: they show that something is
    wrong, where null would hide it.
    """
    return to_json(content, inf_nan_mode="constants")


def rows_as_json(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A list of objects of these members; for many rows, without making them."""
    names, rows = tuple(columns), len(next(iter(columns.values())))
    if rows < MANY or not all(map(_is_plain, columns.values())):
        found = zip(*columns.values(), strict=True)
        return as_json([dict(zip(names, row, strict=True)) for row in found])
    pieces = [b""] * (2 * len(names) * rows)
    for place, (name, values) in enumerate(columns.items()):
        before = b"%b%b:" % (b"," if place else b"},{", as_json(name))
        pieces[2 * place :: 2 * len(names)] = [before] * rows
        pieces[2 * place + 1 :: 2 * len(names)] = as_json(values)[1:-1].split(b",")
    return b"[%b}]" % b"".join(pieces).removeprefix(b"},")


def _is_plain(values: Sequence[Any]) -> bool:
    """Whether a comma in their JSON always parts two of them."""
    return set(map(type, values)) <= {float, int, bool, type(None)}
