"""Where something is asked for, and how that may be told: secrets go into the request only."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus, urlencode, urljoin, urlsplit, urlunsplit

HIDDEN = "***"
SCHEMES = ("http", "https")


@dataclass(frozen=True, kw_only=True)
class Address:
    """A URL with its parameters; those that are secret are kept apart."""

    url: str
    parameters: tuple[tuple[str, str], ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Parameters, such as a key, that no error, log, record or file name ever holds."""

    @property
    def full(self) -> str:
        """What is sent; never shown."""
        return self._with(self.secrets)

    @property
    def shown(self) -> str:
        """What may be told: names of the secrets, not their values."""
        return self._with(dict.fromkeys(self.secrets, HIDDEN))

    @property
    def key(self) -> str:
        """Name of the address in a cache; another secret is the same address."""
        return hashlib.sha256(self._with({}).encode()).hexdigest()[:32]

    def without_secrets(self, text: str) -> str:
        """`text` with every secret blotted out, however a server has quoted it."""
        for value in filter(None, self.secrets.values()):
            for written in {value, quote(value), quote(value, safe="")}:
                text = text.replace(written, HIDDEN)
        return text

    def is_told_by(self, other: str) -> bool:
        """Whether a secret would be sent with another address, and not to this one's host."""
        own, asked = urlsplit(self.url), urlsplit(other)
        if (own.scheme, own.netloc) == (asked.scheme, asked.netloc):
            return False
        plain = unquote_plus(other)
        return any(value in plain for value in self.secrets.values() if value)

    def _with(self, secrets: Mapping[str, str]) -> str:
        pairs = [*self.parameters, *secrets.items()]
        if not pairs:
            return self.url
        return f"{self.url}?{urlencode(pairs, quote_via=quote, safe='*')}"


def redirected(current: str, location: str) -> str | None:
    """The address that a redirect names, or `None` when it may not be followed.

    From https one only goes on to https: a page that anyone on the way can change is no source.
    """
    try:
        target = urljoin(current, location)
        parts = urlsplit(target)
        parts.port  # noqa: B018 - it raises where it is none
    except ValueError:
        return None
    if parts.scheme not in SCHEMES or not parts.hostname or parts.username or parts.password:
        return None
    if urlsplit(current).scheme == "https" and parts.scheme != "https":
        return None
    return target


def without_query(url: str) -> str:
    """What of a redirect's target may be told: it may repeat a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class QueryHidden(logging.Filter):
    """httpx logs every request with its whole URL; the parameters may hold a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass, URLs without their parameters."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_query(str(value)) if type(value).__name__ == "URL" else value
                for value in record.args
            )
        return True


def hide_queries_in_logs() -> None:
    """Httpx logs without parameters; httpcore, which logs all headers, not below info."""
    logging.getLogger("httpcore").setLevel(logging.INFO)
    logger = logging.getLogger("httpx")
    if not any(isinstance(each, QueryHidden) for each in logger.filters):
        logger.addFilter(QueryHidden())
