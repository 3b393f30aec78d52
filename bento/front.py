"""What every request passes: its way, its key, its limits, its answer, its line in the log.

It stands before BentoML's own router and answers by itself, so that a call costs what the model
costs. Only the paths of `BENTOML` are passed on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bento.access import NOBODY, Caller, demand
from bento.problems import (
    RequestError,
    internal_error,
    method_not_allowed,
    not_found,
    overloaded,
    unavailable,
)
from bento.replies import Reply
from bento.requests import Request
from bento.state import State
from pipeline.calls import Call, Predictions
from pipeline.errors import StateError
from pipeline.keys import Scope as KeyScope
from pipeline.packaging.settings import PublicGroup

BENTOML: Final = "/static_content/"
"""Files of the page that documents the addresses; BentoML carries them."""
UNKNOWN: Final = "unknown"
logger = logging.getLogger("vigie")


@dataclass(slots=True)
class Exchange:
    """A request on its way to an answer, and what the log and the metrics will say of it."""

    request: Request
    state: State
    case: str = ""
    caller: Caller = NOBODY
    records: int = 0
    model: str = ""
    input: bytes = b""
    predictions: Predictions | None = None


Handler = Callable[[Exchange], Awaitable[Reply]]


@dataclass(frozen=True, kw_only=True)
class Way:
    """What answers at an address."""

    name: str
    """As the metrics and the log have it: `/v1/{case}/predict`."""
    handlers: Mapping[str, Handler]
    """By method."""
    needs: KeyScope | None = "read"
    """Scope of the key; `None` where none is needed."""
    public: PublicGroup | None = None
    """Group of addresses that the operator can make public."""
    logged: bool = True


@dataclass(frozen=True, kw_only=True)
class Ways:
    """All addresses: those of the service, and those of each case by their last part."""

    exact: Mapping[str, Way]
    of_case: Mapping[str, Way]
    passed_on: Way = field(
        default_factory=lambda: Way(name=BENTOML, handlers={}, public="docs", logged=False)
    )

    def find(self, path: str, cases: Mapping[str, Any]) -> tuple[Way, str]:
        """The way of a path and the case in it; raises `RequestError` (404)."""
        way = self.exact.get(path)
        if way is not None:
            return way, ""
        if path.startswith(BENTOML) and ".." not in path:
            return self.passed_on, ""
        parts = path.split("/")
        if len(parts) == 4 and parts[:2] == ["", "v1"] and parts[2] in cases:
            way = self.of_case.get(parts[3])
            if way is not None:
                return way, parts[2]
        raise not_found(path[:200])


class Front:
    """An ASGI application around another, which it asks only for what it doesn't answer."""

    def __init__(self, app: ASGIApp, *, ways: Ways, state: State) -> None:
        self.app = app
        self.ways = ways
        self.state = state
        self.going_on = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ready before BentoML says so; ended after it has ended and before the server is told:
        it cancels what goes on after that, and the log would lose its last calls.
        """
        try:
            await asyncio.to_thread(self.state.start)
        except Exception as error:  # noqa: BLE001  told to the server, which ends
            await receive()
            logger.error("The service can't start: %s", error)  # noqa: TRY400  ours, with a remedy
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return

        async def end_first(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown"):
                await asyncio.to_thread(self.state.end)
            await send(message)

        try:
            await self.app(scope, receive, end_first)
        finally:
            # Where the application behind broke off; a second time it has nothing left to do.
            await asyncio.to_thread(self.state.end)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        self.going_on += 1
        way: Way | None = None
        exchange: Exchange | None = None
        problem = ""
        try:
            exchange = Exchange(Request(scope, receive), self.state)
            way, exchange.case = self.ways.find(exchange.request.path, self.state.champions)
            if way is self.ways.passed_on:
                self._let_in(exchange, way)
                await self.app(scope, receive, send)
                return
            reply = await self._answer(exchange, way)
        except RequestError as error:
            problem, reply = error.kind, error.reply()
        except StateError as error:
            logger.error("A request to %s failed: %s", way.name if way else UNKNOWN, error)  # noqa: TRY400  ours, with a remedy
            refusal = unavailable()
            problem, reply = refusal.kind, refusal.reply()
        except Exception:
            logger.exception("A request to %s failed.", way.name if way else UNKNOWN)
            problem, reply = "internal-error", internal_error().reply()
        finally:
            self.going_on -= 1
        call = exchange.request.id if exchange else ""
        await reply.send(send, call, body=scope["method"] != "HEAD")
        self._note(way, exchange, reply.status, problem, scope["method"], began)

    async def _answer(self, exchange: Exchange, way: Way) -> Reply:
        if self.going_on > self.state.settings.most_waiting:
            raise overloaded("Too many calls are waiting already. Call again in a second.")
        method = exchange.request.method
        handler = way.handlers.get(method) or (
            way.handlers.get("GET") if method == "HEAD" else None
        )
        self._let_in(exchange, way)
        if handler is None:
            allowed = {*way.handlers, *(["HEAD"] if "GET" in way.handlers else [])}
            raise method_not_allowed(exchange.request.path[:200], method[:20], allowed)
        return await handler(exchange)

    def _let_in(self, exchange: Exchange, way: Way) -> None:
        request, state = exchange.request, self.state
        is_public = way.needs is None or way.public in state.settings.public
        if is_public and way.public is not None:
            return
        try:
            exchange.caller = state.access.identify(request.headers)
            if not is_public and way.needs is not None:
                demand(exchange.caller, way.needs)
        except RequestError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                state.rates.count_failure(request.address)
            raise
        state.rates.count(exchange.caller.key, request.address)

    def _note(
        self,
        way: Way | None,
        exchange: Exchange | None,
        status: int,
        problem: str,
        method: str,
        began: float,
    ) -> None:
        """One line in the log and a count each; nothing that a caller wrote becomes a label."""
        name = way.name if way else UNKNOWN
        known = method if way and (method in way.handlers or method == "HEAD") else UNKNOWN
        took = time.perf_counter() - began
        metrics = self.state.metrics
        metrics.requests.labels(name, known, status).inc()
        metrics.seconds.labels(name).observe(took)
        if problem:
            metrics.refusals.labels(name, problem).inc()
        if self.state.log is None or exchange is None or not (way is None or way.logged):
            return
        self.state.log.add(
            Call(
                id=exchange.request.id,
                time=time.time(),
                key=exchange.caller.key,
                method=known,
                route=name,
                case=exchange.case,
                status=int(status),
                problem=problem,
                milliseconds=round(took * 1000, 3),
                records=exchange.records,
                model=exchange.model,
                input=exchange.input,
                predictions=exchange.predictions,
            )
        )


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind the front where there is no BentoML: it only starts and ends."""
    if scope["type"] == "http":
        await not_found(scope["path"][:200]).reply().send(send, "")
        return
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
