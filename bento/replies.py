"""What goes back to a caller: bytes, made once, with the headers that browsers expect."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import to_json
from starlette.types import Send

JSON: Final = b"application/json"
HTML: Final = b"text/html; charset=utf-8"

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
        """The content as JSON; NaN and infinity, which JSON lacks, are refused."""
        return cls(to_json(content, inf_nan_mode="constants"), status, **more)

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
