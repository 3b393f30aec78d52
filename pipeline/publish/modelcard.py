"""The model card of the champion: what it is, learned from, is meant for, how good it is, where it
fails and how it is decided whether it stays. From records and the case's declarations alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.metrics import score_name, unit_of_score
from pipeline.publish import markup, words
from pipeline.publish.captions import Caption
from pipeline.publish.status import CaseStatus
from pipeline.records import EvaluateRecord, PromoteRecord, SegmentScores, SystemScores, TrainRecord
from pipeline.store import Store

COUNT = "n"
"""What stands among the scores and is none."""
MOST_COLUMNS = 8
"""Columns whose weight the card tells."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of champion and baseline on the held-out window."""

    name: str
    champion: str
    baseline: str
    backtest: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the card tells beside the case's own words."""

    title: str
    promotion: PromoteRecord
    serving: SystemScores | None
    scores: tuple[Score, ...]
    weights: tuple[tuple[str, str], ...]
    """Columns by the share by which the error grows without them, largest first."""
    worst: SegmentScores | None
    """Where its primary score is worst; `None` when another model's segments were recorded."""
    worst_score: str
    not_eligible: Mapping[str, str]
    """Candidates that may not serve, with the reason."""


def card_block(store: Store, status: CaseStatus, caption: Caption) -> str:
    """The card as a block of a page; empty before the first champion."""
    promotion = store.promotion(status.case)
    if promotion is None or status.champion is None:
        return ""
    evaluated = store.record(status.case, promotion.measured_in, EvaluateRecord)
    trained = store.record(status.case, promotion.champion.ref.run_id, TrainRecord)
    facts = Facts(
        title=status.champion.title,
        promotion=promotion,
        serving=_serving(promotion, evaluated),
        scores=tuple(_scores(promotion, caption.unit)),
        weights=tuple(_weights(promotion, evaluated)),
        worst=(worst := _worst(promotion, evaluated)),
        worst_score=_shown(promotion.primary, worst.scores.get(promotion.primary), caption.unit)
        if worst
        else "",
        not_eligible={
            found.title: found.not_eligible
            for found in (trained.candidates if trained else ())
            if found.not_eligible
        },
    )
    return markup.block("modelcard.html.j2", case=status, caption=caption, card=facts)


def _serving(promotion: PromoteRecord, evaluated: EvaluateRecord | None) -> SystemScores | None:
    ref = promotion.champion.ref
    systems = evaluated.systems if evaluated else ()
    return next(
        (one for one in systems if (one.candidate, one.run_id) == (ref.candidate, ref.run_id)), None
    )


def _scores(promotion: PromoteRecord, unit: str) -> Sequence[Score]:
    backtest = promotion.champion.backtest
    return [
        Score(
            name=score_name(name),
            champion=_shown(name, value, unit),
            baseline=_shown(name, promotion.baseline_scores.get(name), unit),
            backtest=_shown(name, backtest.get(name), unit),
        )
        for name, value in promotion.scores.items()
        if name != COUNT
    ]


def _shown(name: str, value: float | None, unit: str) -> str:
    return "" if value is None else words.quantity(value, unit_of_score(name, unit))


def _weights(
    promotion: PromoteRecord, evaluated: EvaluateRecord | None
) -> Sequence[tuple[str, str]]:
    refreshed = evaluated.refreshed.get("champion") if evaluated else None
    held = refreshed.importance if refreshed else promotion.champion.importance
    known = sorted(held.items(), key=lambda pair: -pair[1])[:MOST_COLUMNS]
    return [(name, words.share(value)) for name, value in known if value > 0]


def _worst(promotion: PromoteRecord, evaluated: EvaluateRecord | None) -> SegmentScores | None:
    """Of the segments that were told of the very model that serves."""
    if evaluated is None:
        return None
    subject = next((one for one in evaluated.systems if one.role == evaluated.subject), None)
    if subject != _serving(promotion, evaluated):
        return None
    scored = [one for one in evaluated.segments if promotion.primary in one.scores]
    return max(scored, key=lambda one: one.scores[promotion.primary], default=None)
