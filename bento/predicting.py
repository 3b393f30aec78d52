"""Predictions, however the records were sent."""

from __future__ import annotations

from typing import Final

from bento.batches import Batch
from bento.champion import Answered, Champion
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
    content, found = _answered(exchange, champion, content)
    card, count = champion.card, len(found.predictions.values)
    exchange.records, exchange.model, exchange.input = count, card.version, content
    exchange.predictions = found.predictions
    state.metrics.predictions.labels(card.case, card.candidate, card.version).inc(count)
    if found.extrapolating:
        state.metrics.extrapolations.labels(card.case).inc(found.extrapolating)
    return Reply(found.json())


def _answered(exchange: Exchange, champion: Champion, content: bytes) -> tuple[bytes, Answered]:
    """What the log keeps of the body, and the answer."""
    call = exchange.request.id
    batch = read_batch(champion, content)
    if batch is not None:
        return content, champion.answer_arrays(batch.arrays, call=call, level=batch.interval)
    body = parse(champion.body, content)
    if champion.upload is not None:
        check_files(body.records, champion.upload, exchange.state.settings)
        content = summary(body.records, champion.upload)
    return content, champion.answer(body.records, call=call, level=body.interval)


def read_batch(champion: Champion, content: bytes) -> Batch | None:
    """The records of a long body, where it is plainly well-formed."""
    if champion.batches is None or len(content) <= SHORT:
        return None
    return champion.batches.read(content)
