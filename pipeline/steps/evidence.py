"""Paired comparisons of track records, looked at run after run, and what else weighs in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from pipeline.case import Case
from pipeline.comparison import FEWEST_PAIRS, Comparison, compare_losses
from pipeline.looks import look
from pipeline.records import EvaluateRecord, Evidence, FittedModel, ModelRef, SegmentGuard
from pipeline.steps.run import Run
from pipeline.steps.track import Track
from pipeline.tasks import Floats

if TYPE_CHECKING:
    import pandas as pd

SEED = 20211109
SERVED = "predecessor over champion"
GUARD_LOSS = 0.1
"""Share by which a challenger's loss may be surely higher in a segment."""
ALLOWANCE = 0.775
"""Share of alpha that is spent: a test of some months of losses, which hang together and of which a
few are large, says yes by so much more often than its level. From thirty samples of
`benchmarks.promotion`; it is to be judged on others."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Whether one model is better than the other, on the rows that neither had learned from."""

    name: str
    one: Track
    other: Track
    models: tuple[ModelRef, ModelRef]


def asked(
    roles: Mapping[str, tuple[FittedModel, Track]], served: Track | None
) -> Iterator[Question]:
    """Each role over each that comes after it, on all their common rows; the predecessor only over
    the champion, and only on the rows since it serves.
    """
    names = list(roles)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if "predecessor" not in (one, other):
                yield _question(f"{one} over {other}", roles[one], roles[other])
    if served is not None and len(served.rows):
        predecessor, track = roles["predecessor"]
        yield _question(SERVED, (predecessor, track.only(served.rows)), roles["champion"])


def answer(
    run: Run,
    frame: pd.DataFrame,
    question: Question,
    *,
    alpha: float,
    before: EvaluateRecord | None,
) -> tuple[Comparison, Evidence] | None:
    """The paired test and this run's look at it; `None` where there are too few pairs."""
    case = run.case
    rows = np.intersect1d(question.one.rows, question.other.rows)
    table = frame.iloc[rows]
    truth = case.task.truth(table, case.schema)
    one, other = question.one.at(rows), question.other.at(rows)
    losses = [case.task.losses(table, case.schema, truth, each) for each in (other, one)]
    if len(losses[0]) < FEWEST_PAIRS:
        return None
    found = compare_losses(
        *losses,
        hang_together=case.task.losses_hang_together,
        random=np.random.default_rng(SEED),
    )
    earlier = _earlier(question, before)
    since = earlier.since if earlier else run.as_of
    looks = look(
        earlier.looks if earlier else None,
        rows=len(rows),
        kept=_known(case, table, since, earlier),
        planned=planned_rows(case, len(rows), table),
        alpha=ALLOWANCE * alpha,
    )
    if len(looks.levels) == 1 and (earlier is None or looks != earlier.looks):
        since = run.as_of
    primary = case.task.primary
    errors = [case.task.metrics(truth, each)[primary] for each in (one, other)]
    return found, Evidence(
        since=since,
        looks=looks,
        gain=1 - errors[0] / errors[1] if errors[1] else 0.0,
        rows=len(rows),
        start=_first(case, table),
    )


def planned_rows(case: Case, rows: int, table: pd.DataFrame) -> int:
    """New rows after which a question is asked from the start: as many as come until the champion
    is due to be trained again. Without a time column: as many as there are.
    """
    if case.schema.time is None:
        return rows
    times = table[case.schema.time]
    span = times.max() - times.min() + case.schema.known_after
    return max(1, round(rows * float(case.gates.oldest_champion / span)))


def worst_segment(
    case: Case, rows: pd.DataFrame, challenger: Floats, champion: Floats
) -> SegmentGuard | None:
    """The segment of the first breakdown in which the challenger is most surely worse: of those
    whose loss is higher by more than `GUARD_LOSS`, where there are any, so that a segment that is
    worse by a little, however surely, hides none that is worse by much. The p-value is Bonferroni's
    over all segments.
    """
    by, labels = next(iter(case.task.segments(rows, case.schema).items()))
    truth = case.task.truth(rows, case.schema)
    found: list[SegmentGuard] = []
    for label in np.unique(labels):
        part = labels == label
        table = rows.iloc[np.flatnonzero(part)]
        losses = [
            case.task.losses(table, case.schema, truth[part], predicted[part])
            for predicted in (challenger, champion)
        ]
        if len(losses[0]) >= FEWEST_PAIRS:
            tested = compare_losses(
                *losses,
                hang_together=case.task.losses_hang_together,
                random=np.random.default_rng(SEED),
            )
            found.append(
                SegmentGuard(
                    by=by,
                    segment=str(label),
                    loss=_lost(tested),
                    p_value=tested.p_value,
                    segments=1,
                )
            )
    if not found:
        return None
    much = [each for each in found if each.loss > GUARD_LOSS]
    worst = min(much or found, key=lambda each: each.p_value)
    return worst.model_copy(
        update={"p_value": min(1.0, worst.p_value * len(found)), "segments": len(found)}
    )


def _lost(tested: Comparison) -> float:
    """How much higher the first loss is, in shares of the second."""
    kept = 1 - tested.relative_difference
    return 1 / kept - 1 if kept > 0 else 0.0


def before_this(run: Run) -> EvaluateRecord | None:
    """The newest evaluation before this run, of a notebook that was not killed afterwards."""
    return next(
        (
            record
            for record in run.store.records(run.case.name, EvaluateRecord)
            if record.run_id < run.run_id and record.as_of <= run.as_of and run.store.stands(record)
        ),
        None,
    )


def _question(
    name: str, one: tuple[FittedModel, Track], other: tuple[FittedModel, Track]
) -> Question:
    return Question(name=name, one=one[1], other=other[1], models=(one[0].ref, other[0].ref))


def _earlier(question: Question, before: EvaluateRecord | None) -> Evidence | None:
    """The looks at the same question: the same kind of model over the very same other one, or over
    the baseline, which is learned anew with every challenger.
    """
    if before is None or question.name not in before.evidence:
        return None
    one, other = (
        next((system for system in before.systems if system.role == role), None)
        for role in question.name.split(" over ")
    )
    if one is None or other is None:
        return None
    asked_of = (question.models[0].candidate, question.models[1].candidate)
    same = (one.candidate, other.candidate) == asked_of
    is_champion = question.name.endswith(" champion")
    if not same or (is_champion and other.run_id != question.models[1].run_id):
        return None
    return before.evidence[question.name]


def _known(case: Case, table: pd.DataFrame, since: datetime, earlier: Evidence | None) -> int:
    """How many of the rows the first look had seen."""
    if earlier is None:
        return 0
    if case.schema.time is None:
        return min(earlier.looks.first, len(table))
    return int((table[case.schema.time] + case.schema.known_after <= since).sum())


def _first(case: Case, table: pd.DataFrame) -> datetime | None:
    if case.schema.time is None:
        return None
    first: datetime = table[case.schema.time].min().to_pydatetime()
    return first
