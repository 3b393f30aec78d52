"""One HTTP client for all publishers: patient with a busy server, strict about what it answers.

An answer is streamed to disk, never held in memory. What fails in passing is tried again after a
pause that grows, or that the server asks for; a download that was cut goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipeline import __version__
from pipeline.errors import SourceError, SourceUnavailableError, StateError
from pipeline.saying import Say
from pipeline.sources.address import Address, hide_queries_in_logs, redirected, without_query
from pipeline.sources.cache import Cache, Entry, Held, Validators
from pipeline.sources.pauses import growing, retry_after
from pipeline.sources.ranges import continued_from
from pipeline.sources.refused import refused, undelivered

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNPACKED = frozenset({"", "identity", "gzip", "x-gzip"})
"""Ways to pack an answer that are asked for. Of several, one in the other, a few bytes could unfold
to more than memory holds before they are counted."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds that each stage may take, and how often it is tried."""

    connect: float = 15.0
    read: float = 90.0
    """Longest silence within an answer."""
    whole: float = 3600.0
    """One download with all its attempts and pauses."""
    attempts: int = 5
    first_pause: float = 2.0
    longest_pause: float = 300.0
    """A server that asks for a longer one is left alone, and the error says how long."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for, and what the answer has to be."""

    address: Address
    what: str
    """What the answer should be, in words, to go on from "should be"."""
    types: tuple[str, ...] = ()
    """Media types that it may be declared as; empty: any."""
    most_bytes: int = 2_000 * MEGABYTE
    """Of the body as it is stored, unpacked."""
    sha256: str = ""
    """What the body's digest has to be, where it is known."""
    redirects: int = 5


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A whole answer on disk."""

    address: str
    """As it may be shown."""
    path: Path
    sha256: str
    unchanged: bool
    """The server confirmed that the body kept earlier is still its answer."""
    without_secrets: Callable[[str], str] = str
    """Blots out of a text what no error may tell."""


@dataclass(kw_only=True)
class HttpClient:
    """Keeps connections open while it is entered; proxies are those of the environment."""

    cache: Cache
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: Callable[[], float] = time.monotonic
    say: Say = print
    _client: httpx.Client = field(init=False, repr=False)

    def __enter__(self) -> Self:
        import httpx

        hide_queries_in_logs()
        patience = self.patience
        self._client = httpx.Client(
            timeout=httpx.Timeout(patience.read, connect=patience.connect),
            headers={"User-Agent": f"vigie/{__version__}"},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self.cache.forget_unverifiable()

    def fetch(self, wanted: Wanted) -> Fetched:
        """The answer, whole; it stays on disk while the client is entered.

        Raises `SourceUnavailableError` when asking again later may help, which was then tried, and
        `SourceError` when it won't.
        """
        from tenacity import Retrying, retry_if_exception_type

        deadline = self.seconds() + self.patience.whole
        retrying = Retrying(
            stop=lambda state: self._gives_up(state, deadline),
            wait=self._pause,
            retry=retry_if_exception_type(SourceUnavailableError),
            before_sleep=self._tell,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(self._attempt, wanted, deadline)

    def _pause(self, state: RetryCallState) -> float:
        asked = _retry_after(state)
        own = growing(state.attempt_number, self.patience.first_pause, self.patience.longest_pause)
        return own if asked is None else max(asked, 0.0)

    def _gives_up(self, state: RetryCallState, deadline: float) -> bool:
        return (
            state.attempt_number >= self.patience.attempts
            or (_retry_after(state) or 0.0) > self.patience.longest_pause
            or self.seconds() + state.upcoming_sleep > deadline
        )

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.say(
            f"{error} Trying again in {state.upcoming_sleep:.0f} s "
            f"(attempt {state.attempt_number + 1} of {self.patience.attempts})."
        )

    def _attempt(self, wanted: Wanted, deadline: float) -> Fetched:
        import httpx

        entry = self.cache.entry(wanted.address.key)
        held, partial = entry.held(), entry.partial()
        headers = {"Accept-Encoding": "gzip"}
        if partial:
            headers = {
                "Range": f"bytes={partial.size}-",
                "If-Range": partial.validator,
                "Accept-Encoding": "identity",
            }
        elif held:
            headers |= held.validators.conditions
        try:
            with self._answer(wanted, headers) as response:
                if response.status_code == httpx.codes.NOT_MODIFIED and held:
                    _require_digest(wanted, held.sha256)
                    return _fetched(wanted, held, unchanged=True)
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    entry.forget_part()
                self._require_success(wanted, response)
                found = self._receive(wanted, entry, response, deadline)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise undelivered(wanted.address, error) from error
        return _fetched(wanted, found, unchanged=False)

    @contextmanager
    def _answer(self, wanted: Wanted, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The answer after its redirects, open and unread."""
        target = wanted.address.full
        for _ in range(wanted.redirects + 1):
            with self._client.stream("GET", target, headers=headers) as response:
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                location = response.headers.get("location", "")
                following = redirected(target, location)
            if not location or following is None:
                raise _elsewhere(
                    wanted, location, "from https only another https address is followed"
                )
            if wanted.address.is_told_by(following):
                raise _elsewhere(wanted, location, "the key would go to another host")
            target = following
        raise SourceError.for_address(
            wanted.address.shown,
            f"redirects more than {wanted.redirects} times",
            "Look where the publisher has moved it to.",
        )

    def _require_success(self, wanted: Wanted, response: httpx.Response) -> None:
        if response.status_code not in (200, 206):
            asked = retry_after(response.headers.get("retry-after"), self.now())
            raise refused(wanted.address, response, asked)
        declared = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if wanted.types and declared and declared not in wanted.types:
            raise SourceError.for_address(
                wanted.address.shown,
                f"should be {wanted.what} ({', '.join(wanted.types)}), and it is declared as "
                f"{declared!r}",
                "Look at the address in a browser: the publisher may have moved it, or show a "
                "notice in its place.",
            )
        packed = response.headers.get("content-encoding", "").strip().lower()
        if packed not in UNPACKED:
            raise SourceError.for_address(
                wanted.address.shown,
                f"is packed as {packed!r}, where gzip or nothing was asked for",
                "Such an answer is not unpacked: look at the address in a browser.",
            )

    def _receive(
        self, wanted: Wanted, entry: Entry, response: httpx.Response, deadline: float
    ) -> Held:
        validators = Validators(
            etag=response.headers.get("etag", ""),
            last_modified=response.headers.get("last-modified", ""),
        )
        packed = response.headers.get("content-encoding", "identity") != "identity"
        size = (
            continued_from(wanted.address.shown, entry, response)
            if response.status_code == 206
            else 0
        )
        if size == 0:
            entry.begin(validators, resumable=not packed)
        length = response.headers.get("content-length", "")
        if length.isdecimal() and size + int(length) > wanted.most_bytes:
            raise _too_large(wanted, size + int(length), entry)
        try:
            with entry.part.open("ab") as file:
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > wanted.most_bytes:
                        raise _too_large(wanted, size, entry)
                    if self.seconds() > deadline:
                        raise self._too_slow(wanted, size)
                    file.write(chunk)
        except OSError as error:
            raise StateError.for_failed_write(entry.part, error) from error
        held = entry.keep(validators)
        _require_digest(wanted, held.sha256)
        return held

    def _too_slow(self, wanted: Wanted, size: int) -> SourceError:
        return SourceUnavailableError.for_address(
            wanted.address.shown,
            f"has sent {size:,} bytes in {self.patience.whole:.0f} s and is not done",
            "Run again: what has arrived is kept where the publisher can continue it.",
        )


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, SourceUnavailableError) else None


def _require_digest(wanted: Wanted, found: str) -> None:
    """Also of what was kept earlier: it was kept although its digest was another."""
    if wanted.sha256 and found != wanted.sha256:
        raise SourceError.for_address(
            wanted.address.shown,
            f"has sha256 {found[:12]}… where {wanted.sha256[:12]}… is expected",
            "The file was changed or damaged on its way: compare with its publisher's page.",
        )


def _elsewhere(wanted: Wanted, location: str, why: str) -> SourceError:
    named = wanted.address.without_secrets(without_query(location) or "nowhere")
    return SourceError.for_address(
        wanted.address.shown,
        f"redirects to {named!r}",
        f"That is not followed: {why}. Look where the publisher has moved it to.",
    )


def _too_large(wanted: Wanted, size: int, entry: Entry) -> SourceError:
    entry.forget_part()
    return SourceError.for_address(
        wanted.address.shown,
        f"is larger than the {wanted.most_bytes / MEGABYTE:,.0f} MB that {wanted.what} may have "
        f"(at least {size / MEGABYTE:,.1f} MB)",
        "See whether the address is right; if so, ask for less at a time.",
    )


def _fetched(wanted: Wanted, held: Held, *, unchanged: bool) -> Fetched:
    return Fetched(
        address=wanted.address.shown,
        path=held.path,
        sha256=held.sha256,
        unchanged=unchanged,
        without_secrets=wanted.address.without_secrets,
    )
