"""The addresses of the service, and what answers at each. Cases are found, never named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import numpy as np

from bento.access import demand, unauthorized
from bento.answers import (
    ActualsAnswer,
    CasesAnswer,
    HealthAnswer,
    Measured,
    MetricsAnswer,
    TokenAnswer,
)
from bento.champion import Champion
from bento.front import Exchange, Handler, Way, Ways
from bento.problems import RequestError, overloaded, query_problem
from bento.replies import HTML, Reply
from bento.requests import check_json, invalid_query, parse, refuse_encoding
from bento.trends import CSV, answer_trends
from bento.uploads import check_files, form_as_json, is_form, roomier, summary
from pipeline.calls import Actual, CallLog, add_actuals, joined, record_keys
from pipeline.keys import SCOPES, Scope
from pipeline.packaging.bundles import ModelCard
from pipeline.records import Scores

PAGES: Final = Path(__file__).parent / "pages"
ONLY_OWN_FILES: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"cache-control", b"no-cache"),
)
SHORT: Final = 4096
"""Bytes of a body that is answered at once; a longer one goes to a thread."""
FORM: Final = b"application/x-www-form-urlencoded"
WINDOW: Final = timedelta(days=30)
"""How far back the scores in service look."""
Found = TypeVar("Found")


async def predict(exchange: Exchange) -> Reply:
    champion = _champion(exchange)
    request, settings = exchange.request, exchange.state.settings
    request.refuse_query()
    if champion.upload is not None:
        content = await _files(exchange, champion.upload)
        return await _in_thread(exchange, lambda: _predicted(exchange, champion, content))
    check_json(request.headers)
    content = await request.body(settings)
    if len(content) <= SHORT:
        return _predicted(exchange, champion, content)
    return await _in_thread(exchange, lambda: _predicted(exchange, champion, content))


async def _files(exchange: Exchange, field: str) -> bytes:
    """The body of a call whose records hold files, as JSON, however it was sent."""
    request, settings = exchange.request, exchange.state.settings
    if not is_form(request.headers):
        check_json(request.headers)
        return await request.body(roomier(settings))
    content = await request.body(roomier(settings))
    return await form_as_json(request.headers, content, field, settings)


def _predicted(exchange: Exchange, champion: Champion, content: bytes) -> Reply:
    state = exchange.state
    body = parse(champion.body, content)
    if champion.upload is not None:
        check_files(body.records, champion.upload, state.settings)
        content = summary(body.records, champion.upload)
    found = champion.answer(body.records, call=exchange.request.id, level=body.interval)
    card = champion.card
    exchange.records, exchange.model, exchange.input = len(body.records), card.version, content
    exchange.predictions = found.predictions
    state.metrics.predictions.labels(card.case, card.candidate, card.version).inc(len(body.records))
    if found.extrapolating:
        state.metrics.extrapolations.labels(card.case).inc(found.extrapolating)
    return Reply.of(found.content)


async def actuals(exchange: Exchange) -> Reply:
    champion, log = _champion(exchange), _log(exchange)
    request, settings = exchange.request, exchange.state.settings
    request.refuse_query()
    check_json(request.headers)
    content = await request.body(settings)
    body = parse(champion.truths, content)
    return await _in_thread(exchange, lambda: _kept(exchange, champion, log, body.records))


def _kept(exchange: Exchange, champion: Champion, log: CallLog, records: list[Any]) -> Reply:
    target, key = champion.case.schema.target, champion.case.schema.key
    of_key = [record for record in records if not hasattr(record, "call")]
    names = record_keys(list(champion.arrays(of_key, key).values())) if of_key else []
    found = [
        Actual(str(name), getattr(record, target))
        for name, record in zip(names, of_key, strict=True)
    ]
    found += [
        Actual.of_call(record.call, record.record, getattr(record, target))
        for record in records
        if hasattr(record, "call")
    ]
    log.flush()
    matched = add_actuals(log.path, champion.case.name, found, key=exchange.caller.key)
    exchange.state.metrics.actuals.labels(champion.case.name).inc(len(found))
    answer = ActualsAnswer(case=champion.case.name, received=len(found), matched=matched)
    return Reply(answer.model_dump_json().encode())


async def trends(exchange: Exchange) -> Reply:
    champion = _champion(exchange)
    parameters = exchange.request.parameters()
    wants_csv = CSV in exchange.request.headers.get(b"accept", b"")
    return await _in_thread(
        exchange, lambda: answer_trends(champion, parameters, wants_csv=wants_csv)
    )


async def model(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    return Reply(_champion(exchange).card.model_dump_json().encode())


async def metrics(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    champion = _champion(exchange)
    return await _in_thread(exchange, lambda: _measured(exchange, champion))


def _measured(exchange: Exchange, champion: Champion) -> Reply:
    card = champion.card
    log = exchange.state.log
    answer = MetricsAnswer(
        case=card.case,
        target=card.target,
        unit=card.unit,
        model=champion.version,
        primary=card.primary,
        held_out=_held_out(card, card.scores),
        baseline=_held_out(card, card.baseline_scores),
        in_service=None if log is None else _in_service(log, champion),
    )
    return Reply(answer.model_dump_json().encode())


def _held_out(card: ModelCard, scores: Scores) -> Measured:
    window = card.measured
    return Measured(start=window.start, end=window.end, rows=window.rows, scores=_with_mse(scores))


def _in_service(log: CallLog, champion: Champion) -> Measured | None:
    log.flush()
    found = joined(log.path, champion.case.name, since=datetime.now(UTC) - WINDOW)
    if not found.truth:
        return None
    return Measured(
        start=datetime.fromtimestamp(found.times[0], UTC),
        end=datetime.fromtimestamp(found.times[-1], UTC),
        rows=len(found.truth),
        scores=_with_mse(_scores(champion, found.predicted, found.truth)),
    )


def _scores(champion: Champion, predicted: list[Any], truth: list[Any]) -> dict[str, float]:
    if champion.case.schema.column(champion.card.target).kind in ("number", "integer"):
        values = np.array(truth, dtype=float), np.array(predicted, dtype=float)
        return champion.case.task.metrics(*values)
    right = sum(one == other for one, other in zip(predicted, truth, strict=True))
    return {"n": float(len(truth)), "accuracy": right / len(truth)}


def _with_mse(scores: dict[str, float]) -> dict[str, float]:
    """Mean squared error too, for those who compare it."""
    return {**scores, "mse": scores["rmse"] ** 2} if "rmse" in scores else scores


async def cases(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    found = [champion.summary for champion in exchange.state.champions.values()]
    return Reply(CasesAnswer(cases=found).model_dump_json().encode())


async def token(exchange: Exchange) -> Reply:
    """A short-lived token for a key, with its scopes or some of them."""
    caller, request = exchange.caller, exchange.request
    request.refuse_query()
    if not caller.key:
        raise unauthorized("A token is made of a key. Send one as Authorization: Bearer …")
    if caller.by_token:
        raise RequestError(
            HTTPStatus.FORBIDDEN, "key-needed", "A token is made of a key, not of another token."
        )
    scopes = await _asked_scopes(exchange)
    for scope in scopes:
        demand(caller, scope)
    text, seconds = exchange.state.access.token(caller, scopes)
    answer = TokenAnswer(access_token=text, expires_in=seconds, scope=" ".join(scopes))
    return Reply(answer.model_dump_json().encode(), headers=((b"pragma", b"no-cache"),))


async def _asked_scopes(exchange: Exchange) -> list[Scope]:
    request = exchange.request
    content = await request.body(exchange.state.settings)
    if content:
        declared = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        refuse_encoding(request.headers)
        if declared != FORM:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                f"Send a form ({FORM.decode()}) or no body.",
            )
    form = _form(content)
    problems = [query_problem(name, "unknown") for name in form if name not in _FORM_FIELDS]
    if form.get("grant_type", "client_credentials") != "client_credentials":
        problems.append(query_problem("grant_type", "only client_credentials is known"))
    asked = form.get("scope", "").split()
    problems += [
        query_problem("scope", f"{name!r} is none") for name in asked if name not in SCOPES
    ]
    if problems:
        raise invalid_query(problems)
    return [scope for scope in SCOPES if scope in (asked or exchange.caller.scopes)]


_FORM_FIELDS: Final = ("grant_type", "scope")


def _form(content: bytes) -> dict[str, str]:
    try:
        found = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            errors="strict",
            max_num_fields=10,
        )
    except ValueError as error:
        raise invalid_query([query_problem("", f"the form can't be read: {error}")]) from None
    if len(dict(found)) < len(found):
        raise invalid_query([query_problem("", "a field comes more than once")])
    return dict(found)


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


def _champion(exchange: Exchange) -> Champion:
    return exchange.state.champions[exchange.case]


def _log(exchange: Exchange) -> CallLog:
    if exchange.state.log is None:
        raise RequestError(
            HTTPStatus.CONFLICT, "no-call-log", "This service keeps no log of its predictions."
        )
    return exchange.state.log


async def _in_thread(exchange: Exchange, work: Callable[[], Found]) -> Found:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(exchange.state.threads, work)
