"""What to tell a user of an answer that is none: which address, which status, and what to do."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from pipeline.errors import SourceError, SourceUnavailableError
from pipeline.sources.address import Address

if TYPE_CHECKING:
    import httpx

PASSING = frozenset({408, 416, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
SHOWN = 200


def refused(address: Address, response: httpx.Response, retry_after: float | None) -> SourceError:
    """The error of a status other than success; reads the beginning of the answer."""
    status = response.status_code
    passing = status in PASSING
    said = address.without_secrets(_beginning(response))
    found = f"answered {status} {_phrase(status)}"
    if retry_after is not None and passing:
        found += f" and asks to wait {retry_after:,.0f} s"
    kind = SourceUnavailableError if passing else SourceError
    error = kind.for_address(
        address.shown, f"{found}: {said!r}" if said else found, _remedy(status)
    )
    if isinstance(error, SourceUnavailableError):
        error.retry_after = retry_after
    return error


def undelivered(address: Address, error: httpx.HTTPError | httpx.InvalidURL) -> SourceError:
    """The error of a request that got no whole answer."""
    import httpx

    lasting = isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL)
    kind = SourceError if lasting else SourceUnavailableError
    return kind.for_address(
        address.shown,
        f"could not be fetched: {_trouble(error)} ({address.without_secrets(str(error))})",
        "Mend the address." if lasting else "See that this machine is online, and run again.",
    )


def _trouble(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    import httpx

    known: tuple[tuple[type[Exception], str], ...] = (
        (httpx.InvalidURL, "it is no address"),
        (httpx.ConnectTimeout, "no connection in time"),
        (httpx.TimeoutException, "it fell silent"),
        (httpx.ConnectError, "no connection"),
        (httpx.ProxyError, "the proxy refused"),
        (httpx.DecodingError, "its compression is damaged"),
        (httpx.RemoteProtocolError, "the answer was cut"),
        (httpx.ReadError, "the line was cut"),
    )
    return next((words for kind, words in known if isinstance(error, kind)), "it failed")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(a status of its own)"


def _beginning(response: httpx.Response) -> str:
    """First words of a textual answer, on one line."""
    import httpx

    kind = response.headers.get("content-type", "")
    if not re.match(r"text/|application/(problem\+)?json", kind):
        return ""
    try:
        chunk = next(response.iter_bytes(16_384), b"")
    except httpx.HTTPError:
        return ""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", chunk.decode("utf-8", "replace"))
    words = " ".join(text.split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}…"


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "It refuses access: see that the key it asks for is set and valid."
    if status in (404, 410):
        return "Nothing is there: look where the publisher has moved it to."
    if status in PASSING:
        return "The publisher is busy or has trouble: run again later."
    return "The publisher doesn't take this request: its interface may have changed."
