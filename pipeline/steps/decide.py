"""Whether to train a challenger: on the champion's errors, on its age, or because it was asked."""

from __future__ import annotations

from pipeline.case import Case
from pipeline.metrics import score_name, score_text
from pipeline.options import DriftOptions
from pipeline.records import BASELINE, DriftRecord, FittedModel
from pipeline.steps.run import Run
from pipeline.steps.view import View


def decide(run: Run, options: DriftOptions) -> View:
    """Retrain or keep, with the numbers that it rests on."""
    found = run.need(DriftRecord)
    champion = run.store.champion(run.case.name, run.as_of)
    retrain, reason = choose(run.case, found, champion, options.retrain)
    with run.step("decide", options) as step:
        return step.finish(
            as_of=run.as_of,
            sentence=reason,
            inputs=found.inputs,
            decision="retrain" if retrain else "keep",
            champion_age_days=_age(found, champion),
        )


def choose(
    case: Case, found: DriftRecord, champion: FittedModel | None, asked: str
) -> tuple[bool, str]:
    """Whether to retrain, and the reason in a sentence."""
    age = _age(found, champion)
    if champion is None or age is None or found.champion_error is None:
        return True, "Retrain: there is no champion yet."
    if asked != "auto":
        return asked == "always", f"{'Retrain' if asked == 'always' else 'Keep'}: it was asked for."
    error, limit = found.champion_error, found.worst_expected_error or 0.0
    unit = case.schema.column(case.schema.target).unit
    scored = score_text(case.task.primary, error, unit)
    told = f"{score_name(case.task.primary)} {scored} in the newest window"
    if error > limit:
        return True, f"Retrain: {told} is above {limit:.3g}, the worst that its backtest allows."
    if champion.ref.candidate == BASELINE:
        return True, f"Retrain: the baseline serves, with {told}; a model may have become better."
    oldest = case.gates.oldest_champion.days
    if age > oldest:
        return True, f"Retrain: what the champion learned is {age:.0f} days old, over {oldest}."
    return False, f"Keep: {told} is within {limit:.3g}, and the champion is {age:.0f} days old."


def _age(found: DriftRecord, champion: FittedModel | None) -> float | None:
    if champion is None:
        return None
    return round((found.as_of - champion.ref.learned.end).total_seconds() / 86400, 2)
