"""The addresses of the service, and what answers at each. Cases are found, never named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bento.answers import CasesAnswer, HealthAnswer
from bento.exchanges import champion_of, in_reader
from bento.front import Exchange, Handler, Way, Ways
from bento.predicting import predict
from bento.problems import overloaded
from bento.replies import HTML, Reply
from bento.tokens import token
from bento.trends import CSV, answer_trends
from bento.truths import actuals, metrics
from pipeline.keys import Scope

PAGES: Final = Path(__file__).parent / "pages"
ONLY_OWN_FILES: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"cache-control", b"no-cache"),
)


async def trends(exchange: Exchange) -> Reply:
    champion = champion_of(exchange)
    parameters = exchange.request.parameters()
    wants_csv = CSV in exchange.request.headers.get(b"accept", b"")
    return await in_reader(
        exchange, lambda: answer_trends(champion, parameters, wants_csv=wants_csv)
    )


async def model(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    return Reply(champion_of(exchange).card.model_dump_json().encode())


async def cases(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    found = [champion.summary for champion in exchange.state.champions.values()]
    return Reply(CasesAnswer(cases=found).model_dump_json().encode())


async def health(exchange: Exchange) -> Reply:  # noqa: ARG001  asks nothing
    return Reply(HealthAnswer().model_dump_json().encode())


async def ready(exchange: Exchange) -> Reply:
    if not exchange.state.champions:
        raise overloaded("The champions are not loaded yet.")
    return await health(exchange)


async def prometheus(exchange: Exchange) -> Reply:
    return exchange.state.metrics.page()


async def document(exchange: Exchange) -> Reply:
    return Reply(exchange.state.document, headers=((b"cache-control", b"no-cache"),))


def page(name: str, media_type: bytes) -> Handler:
    """A file of the service's own pages, read once."""
    content = (PAGES / name).read_bytes()

    async def answer(_: Exchange) -> Reply:
        return Reply(content, media_type=media_type, headers=ONLY_OWN_FILES)

    return answer


def ways() -> Ways:
    """All of them."""
    script, style = b"text/javascript; charset=utf-8", b"text/css; charset=utf-8"
    return Ways(
        exact={
            way.name: way
            for way in (
                *(_open(name, health, "health") for name in ("/healthz", "/livez")),
                _open("/readyz", ready, "health"),
                _open("/metrics", prometheus, "metrics"),
                _open("/", page("index.html", HTML), "docs"),
                _open("/docs.js", page("docs.js", script), "docs"),
                _open("/openapi.json", document, "docs"),
                _open("/try", page("try.html", HTML), "try"),
                _open("/try.js", page("try.js", script), "try"),
                _open("/try.css", page("try.css", style), "try"),
                Way(name="/v1/cases", handlers={"GET": cases}),
                Way(name="/token", handlers={"POST": token}, needs=None),
            )
        },
        of_case={
            "predict": _of_case("predict", {"POST": predict}, "predict"),
            "actuals": _of_case("actuals", {"POST": actuals}, "admin"),
            "trends": _of_case("trends", {"GET": trends}, "read"),
            "metrics": _of_case("metrics", {"GET": metrics}, "read"),
            "model": _of_case("model", {"GET": model}, "read"),
        },
    )


def _open(name: str, handler: Handler, group: Any) -> Way:
    return Way(name=name, handlers={"GET": handler}, public=group, logged=False)


def _of_case(name: str, handlers: dict[str, Handler], scope: Scope) -> Way:
    return Way(name=f"/v1/{{case}}/{name}", handlers=handlers, needs=scope)
