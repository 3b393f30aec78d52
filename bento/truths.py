"""True values as they come, and how good the champion is: held out, and in service."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bento.answers import ActualsAnswer, Measured, MetricsAnswer
from bento.champion import Champion
from bento.exchanges import champion_of, in_reader, log_of, usable
from bento.front import Exchange
from bento.replies import Reply
from bento.requests import check_json, parse
from pipeline.calls import Actual, CallLog, add_actuals, in_service, record_keys
from pipeline.packaging.bundles import ModelCard
from pipeline.records import Scores

WINDOW: Final = timedelta(days=30)
"""How far back the scores in service look, by whole hours."""


async def actuals(exchange: Exchange) -> Reply:
    champion, log = champion_of(exchange), log_of(exchange)
    request, settings = exchange.request, exchange.state.settings
    request.refuse_query()
    check_json(request.headers)
    content = await request.body(settings)
    body = parse(champion.truths, content)
    return await in_reader(exchange, lambda: _kept(exchange, champion, log, body.records))


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
    with usable(log):
        log.flush()
        added = add_actuals(log.path, champion.case.name, found, key=exchange.caller.key)
    exchange.state.metrics.actuals.labels(champion.case.name).inc(len(found))
    answer = ActualsAnswer(case=champion.case.name, received=len(found), **asdict(added))
    return Reply(answer.model_dump_json().encode())


async def metrics(exchange: Exchange) -> Reply:
    exchange.request.refuse_query()
    champion = champion_of(exchange)
    return await in_reader(exchange, lambda: _measured(exchange, champion))


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
    with usable(log):
        log.flush()
        found = in_service(log.path, champion.case.name, since=datetime.now(UTC) - WINDOW)
    if found is None:
        return None
    is_number = champion.case.schema.column(champion.card.target).kind in ("number", "integer")
    scores = found.sums.regression_metrics() if is_number else found.sums.accuracy()
    return Measured(
        start=found.start, end=found.end, rows=found.sums.rows, scores=_with_mse(scores)
    )


def _with_mse(scores: dict[str, float]) -> dict[str, float]:
    """Mean squared error too, for those who compare it."""
    return {**scores, "mse": scores["rmse"] ** 2} if "rmse" in scores else scores
