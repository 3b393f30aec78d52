"""Who serves from now on. Nothing is promoted that does not beat what serves, and the baseline."""

from __future__ import annotations

from functools import partial

from pipeline.options import EvaluateOptions
from pipeline.records import (
    BASELINE,
    EvaluateRecord,
    FittedModel,
    Refreshed,
    Scores,
    TrainRecord,
)
from pipeline.steps.contenders import Role, contenders
from pipeline.steps.differences import difference, grounds, spoiled
from pipeline.steps.evidence import SERVED
from pipeline.steps.grounds import grounds_table
from pipeline.steps.run import Run
from pipeline.steps.verdicts import Choice, Compared, verdict
from pipeline.steps.view import View


def promote(run: Run, options: EvaluateOptions) -> View:
    """Decides on the paired tests of evaluate; the record is what moves the champion."""
    found = run.need(EvaluateRecord)
    models: dict[Role, FittedModel] = dict(contenders(run))
    margin = run.case.gates.margin if options.margin is None else options.margin
    trained, champion = run.find(TrainRecord), models.get("champion")
    same = bool(trained and champion and trained.challenger.ref.sha256 == champion.ref.sha256)
    choice = choose(found, alpha=options.alpha, margin=margin, same=same)
    known = grounds(found, alpha=options.alpha, margin=margin)
    with run.step("promote", options) as step:
        step.table("grounds", "What the decision rests on", grounds_table(known))
        return step.finish(
            as_of=run.as_of,
            sentence=choice.sentence,
            inputs=found.inputs,
            action=choice.action,
            champion=_refreshed(models[choice.role], found.refreshed.get(choice.role)),
            primary=found.primary,
            scores=_scores(found, choice.role),
            baseline_scores=_scores(found, "baseline"),
            grounds=known,
        )


def choose(found: EvaluateRecord, *, alpha: float, margin: float, same: bool = False) -> Choice:
    """What an evaluation comes to, as `verdict`. `same` says that what was trained is the champion
    itself, bit by bit, so that there is nothing to compare.
    """
    compared = Compared(
        roles=frozenset(system.role for system in found.systems),
        beside=partial(difference, found, alpha=alpha, margin=margin),
        spoiled=lambda: spoiled(found.guard, alpha),
        unbeaten=_candidate(found, "challenger") == BASELINE,
        came_before=SERVED in found.comparisons,
        same=same,
    )
    return verdict(compared)


def _refreshed(model: FittedModel, known: Refreshed | None) -> FittedModel:
    """The model with regions that rest on the newest errors."""
    if known is None:
        return model
    return model.model_copy(
        update={"calibration": known.calibration, "importance": known.importance}
    )


def _candidate(found: EvaluateRecord, role: Role) -> str:
    return next((system.candidate for system in found.systems if system.role == role), "")


def _scores(found: EvaluateRecord, role: Role) -> Scores:
    return next(system.scores for system in found.systems if system.role == role)
