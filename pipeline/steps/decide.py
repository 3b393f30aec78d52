"""Whether to train a challenger: on the champion's errors, on drift that matters to it, on age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.comparison import tolerance_limit
from pipeline.options import DriftOptions, Options
from pipeline.records import DriftRecord, FittedModel, TrainRecord
from pipeline.steps.grounds import grounds_table
from pipeline.steps.reasons import Reason, Standing, grounds, quiet, wanted
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.steps.wording import span_text
from pipeline.store import Store

if TYPE_CHECKING:
    from datetime import datetime


def decide(run: Run, options: DriftOptions) -> View:
    """Retrain or keep, with the numbers that it rests on."""
    found = run.need(DriftRecord)
    champion = run.store.champion(run.case.name, run.as_of)
    newest = _newest_training(run)
    standing = stand(run.case, found, champion, newest)
    reason = choose(run.case, standing, options.retrain)
    known = grounds(run.case, standing) if standing else ()
    with run.step("decide", options) as step:
        step.table("grounds", "What the decision rests on", grounds_table(known))
        return step.finish(
            as_of=run.as_of,
            sentence=reason.sentence,
            inputs=found.inputs,
            decision="retrain" if reason.trigger else "keep",
            champion_age_days=_days(found.as_of, champion.ref.learned.end) if champion else None,
            trigger=reason.trigger,
            error=standing.error if standing else None,
            limit=standing.limit if standing else None,
            drifted=standing.drifted if standing else None,
            trained_days_ago=_days(found.as_of, newest.as_of) if newest else None,
            grounds=known,
        )


def stand(
    case: Case, found: DriftRecord, champion: FittedModel | None, newest: TrainRecord | None
) -> Standing | None:
    """The numbers of a champion whose error is known; `None` without one."""
    if champion is None or found.champion_error is None:
        return None
    learned = champion.ref.learned.end
    if newest is not None:
        learned = max(learned, newest.challenger.ref.learned.end)
    alarmed = tuple(column.column for column in found.columns if column.alarm)
    return Standing(
        error=found.champion_error,
        limit=worst_expected(champion, case, alpha=found.alpha),
        drifted=drifted_share(champion.importance, alarmed),
        alarmed=alarmed,
        trained_days_ago=_days(found.as_of, newest.as_of) if newest else None,
        learned_days_ago=_days(found.as_of, learned),
        newest=_newest(found),
    )


def choose(case: Case, standing: Standing | None, asked: str) -> Reason:
    """Whether to retrain, and the reason in a sentence."""
    if standing is None:
        return Reason(trigger="first", sentence="Retrain: no model serves yet.")
    if asked == "always":
        return Reason(trigger="asked", sentence="Retrain: it was asked for.")
    if asked == "never":
        return Reason(trigger="", sentence="Keep: it was asked for.")
    reason = wanted(case, standing)
    if reason is None:
        return Reason(trigger="", sentence=f"Keep: {quiet(case, standing)}.")
    ago, wait = standing.trained_days_ago, case.windows.current.days
    if _is_lately(case, ago):
        return Reason(
            trigger="",
            sentence=f"Keep for now: {reason.sentence}; but a challenger was trained {ago:.0f} "
            f"days ago, and the next waits until {wait} days of new rows are there.",
        )
    return Reason(trigger=reason.trigger, sentence=f"Retrain: {reason.sentence}.")


def worst_expected(champion: FittedModel, case: Case, *, alpha: float) -> float:
    """The error above which the champion counts as degraded.

    What the next window of its backtest would stay below with probability 1 - alpha, and at least
    its mean error and the share on top that matters. A model whose windows were not measured: its
    worst fold and that share.
    """
    share = 1 + case.gates.degradation
    if len(champion.windows) < 2 or champion.independent < 1.5:
        return champion.worst_fold * share
    limit = tolerance_limit(
        champion.windows, independent=champion.independent, share=max(0.5, 1 - alpha)
    )
    return max(limit, share * sum(champion.windows) / len(champion.windows))


def drifted_share(importance: dict[str, float], alarmed: tuple[str, ...]) -> float | None:
    """Share of the importance of all columns that is in the alarmed ones; `None` where it was not
    measured, or no column matters.
    """
    total = sum(importance.values())
    if total <= 0:
        return None
    return sum(importance.get(name, 0.0) for name in alarmed) / total


def _newest(found: DriftRecord) -> str:
    """The current window in words."""
    start, end = found.current.start, found.current.end
    return f"the newest {span_text(end - start)}" if start else "the newest rows"


def is_settled(store: Store, case: Case, options: Options) -> bool:
    """Whether nothing is trained whatever drift says, as far as that is known before it: not when
    a challenger was trained so lately that another waits. A champion whose error can't be told is
    met by the decision alone.
    """
    moment = options.moment
    if not isinstance(options, DriftOptions) or moment is None or options.retrain == "always":
        return False
    newest = _trained_before(store, case, options.run_id, moment)
    ago = _days(moment, newest.as_of) if newest else None
    return _is_lately(case, ago) and store.champion(case.name, moment) is not None


def _is_lately(case: Case, trained_days_ago: float | None) -> bool:
    """Whether another training waits until a window of new rows is there."""
    return trained_days_ago is not None and trained_days_ago < case.windows.current.days


def _newest_training(run: Run) -> TrainRecord | None:
    return _trained_before(run.store, run.case, run.run_id, run.as_of)


def _trained_before(store: Store, case: Case, run_id: str, moment: datetime) -> TrainRecord | None:
    """The newest training before a run as of that time."""
    return next(
        (
            record
            for record in store.records(case.name, TrainRecord)
            if record.run_id < run_id and record.as_of <= moment
        ),
        None,
    )


def _days(now: datetime, then: datetime) -> float:
    return round((now - then).total_seconds() / 86400, 2)
