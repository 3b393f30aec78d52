"""Predictions, however the records were sent."""

from __future__ import annotations

from typing import Final

from bento.champion import Champion
from bento.exchanges import champion_of, in_thread
from bento.front import Exchange
from bento.replies import Reply
from bento.requests import check_json, parse
from bento.uploads import check_files, form_as_json, is_form, roomier, summary

SHORT: Final = 4096
"""Bytes of a body that is answered at once; a longer one goes to a thread."""


async def predict(exchange: Exchange) -> Reply:
    champion = champion_of(exchange)
    request, settings = exchange.request, exchange.state.settings
    request.refuse_query()
    if champion.upload is not None:
        content = await _files(exchange, champion.upload)
        return await in_thread(exchange, lambda: _predicted(exchange, champion, content))
    check_json(request.headers)
    content = await request.body(settings)
    if len(content) <= SHORT:
        return _predicted(exchange, champion, content)
    return await in_thread(exchange, lambda: _predicted(exchange, champion, content))


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
