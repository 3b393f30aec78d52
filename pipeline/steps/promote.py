"""Who serves from now on. Nothing is promoted that does not beat what serves, and the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.metrics import score_name
from pipeline.options import EvaluateOptions
from pipeline.records import (
    BASELINE,
    EvaluateRecord,
    Evidence,
    FittedModel,
    Refreshed,
    Scores,
    TrainRecord,
)
from pipeline.steps.contenders import Role, contenders
from pipeline.steps.evidence import SERVED
from pipeline.steps.run import Run
from pipeline.steps.view import View

UNBEATEN = "no candidate that may serve was better than it on the folds."
GUARD_LOSS = 0.1
"""Share by which a challenger's loss may be surely higher in a segment."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The role that serves from now on, what that is called, and why."""

    role: Role
    action: Literal["promote", "hold", "roll back"] = "promote"
    sentence: str


def promote(run: Run, options: EvaluateOptions) -> View:
    """Decides on the paired tests of evaluate; the record is what moves the champion."""
    found = run.need(EvaluateRecord)
    models: dict[Role, FittedModel] = dict(contenders(run))
    margin = run.case.gates.margin if options.margin is None else options.margin
    trained, champion = run.find(TrainRecord), models.get("champion")
    same = bool(trained and champion and trained.challenger.ref.sha256 == champion.ref.sha256)
    choice = choose(found, alpha=options.alpha, margin=margin, same=same)
    with run.step("promote", options) as step:
        return step.finish(
            as_of=run.as_of,
            sentence=choice.sentence,
            inputs=found.inputs,
            action=choice.action,
            champion=_refreshed(models[choice.role], found.refreshed.get(choice.role)),
            primary=found.primary,
            scores=_scores(found, choice.role),
            baseline_scores=_scores(found, "baseline"),
        )


def choose(found: EvaluateRecord, *, alpha: float, margin: float, same: bool = False) -> Choice:
    """Promote a challenger that is better than champion and baseline, by the margin and beyond
    chance, and surely worse nowhere; else roll back to a predecessor that is better so since the
    champion serves; else the baseline, when it is better than the champion so; else hold.

    `same` says that what was trained is the champion itself, bit by bit, so that there is nothing
    to compare. Without a champion, the challenger serves if it beats the baseline so, and else the
    baseline.
    """
    roles = {system.role for system in found.systems}

    def better(one: Role, other: Role) -> bool:
        level, gain = _level(found, one, other, alpha), _gain(found, one, other)
        return is_better(_p_value(found, one, other), level, gain, margin)

    if "champion" not in roles:
        told = _told(found, "challenger", "baseline", alpha, margin)
        if better("challenger", "baseline"):
            return Choice(role="challenger", sentence=f"Promote the first champion: {told}")
        unbeaten = _candidate(found, "challenger") == BASELINE
        why = UNBEATEN if unbeaten else told
        return Choice(role="baseline", sentence=f"Promote the baseline: {why}")
    reason = (
        "training gave the champion once more: the same rows and the same model."
        if same
        else "no new challenger was trained."
    )
    if "challenger" in roles:
        reason = _told(found, "challenger", "champion", alpha, margin)
        if better("challenger", "champion"):
            spoiled = _spoiled(found, alpha)
            if better("challenger", "baseline") and not spoiled:
                return Choice(role="challenger", sentence=f"Promote: {reason}")
            reason = spoiled or _told(found, "challenger", "baseline", alpha, margin)
    if SERVED in found.comparisons and better("predecessor", "champion"):
        told = _told(found, "predecessor", "champion", alpha, margin)
        return Choice(role="predecessor", action="roll back", sentence=f"Roll back: {told}")
    if better("baseline", "champion"):
        told = _told(found, "baseline", "champion", alpha, margin)
        return Choice(role="baseline", sentence=f"Promote the baseline: {told}")
    return Choice(role="champion", action="hold", sentence=f"Hold: {reason}")


def is_better(p_value: float, level: float, gain: float, margin: float) -> bool:
    """Whether a difference is beyond chance and large enough to matter."""
    return p_value <= level and gain >= margin


def _refreshed(model: FittedModel, known: Refreshed | None) -> FittedModel:
    """The model with regions that rest on the newest errors."""
    if known is None:
        return model
    return model.model_copy(
        update={"calibration": known.calibration, "importance": known.importance}
    )


def _p_value(found: EvaluateRecord, one: Role, other: Role) -> float:
    """One-sided, for "one is better than other"; each pair was tested one way round. 1 where there
    were too few pairs for a test.
    """
    tested = found.comparisons.get(f"{one} over {other}")
    if tested is not None:
        return tested.p_value
    reverse = found.comparisons.get(f"{other} over {one}")
    return 1 - reverse.p_value if reverse is not None else 1.0


def _level(found: EvaluateRecord, one: Role, other: Role, alpha: float) -> float:
    """That of this look, either way round; records before 0.2 looked once."""
    evidence = _evidence(found, one, other)
    return evidence.looks.level if evidence else alpha


def _gain(found: EvaluateRecord, one: Role, other: Role) -> float:
    """On all the rows that were compared."""
    evidence = _evidence(found, one, other)
    if evidence is not None:
        turned = f"{one} over {other}" not in found.evidence
        return -evidence.gain / (1 - evidence.gain) if turned else evidence.gain
    theirs = _scores(found, other)[found.primary]
    return 1 - _scores(found, one)[found.primary] / theirs if theirs else 0.0


def _evidence(found: EvaluateRecord, one: Role, other: Role) -> Evidence | None:
    return found.evidence.get(f"{one} over {other}") or found.evidence.get(f"{other} over {one}")


def _spoiled(found: EvaluateRecord, alpha: float) -> str:
    """Why the challenger may not serve although it is better; empty when it may."""
    guard = found.guard
    if guard is None or guard.p_value > alpha or guard.loss <= GUARD_LOSS:
        return ""
    return (
        f"the challenger is better overall, but in {guard.by} {guard.segment} its loss is "
        f"{guard.loss:.0%} higher than the champion's, more than chance explains among "
        f"{guard.segments} segments."
    )


def _candidate(found: EvaluateRecord, role: Role) -> str:
    return next((system.candidate for system in found.systems if system.role == role), "")


def _scores(found: EvaluateRecord, role: Role) -> Scores:
    return next(system.scores for system in found.systems if system.role == role)


def _told(found: EvaluateRecord, one: Role, other: Role, alpha: float, margin: float) -> str:
    """The difference in words; what the test rests on is in the table of paired tests."""
    gain = _gain(found, one, other)
    compared = f"{gain:.1%} lower" if gain >= 0 else f"{-gain:.1%} higher"
    evidence = _evidence(found, one, other)
    where = "on the held-out window"
    if evidence is not None:
        since = f" since {evidence.start:%Y-%m-%d}" if evidence.start else ""
        where = f"on {evidence.rows:,} rows{since} that neither had learned from"
    return (
        f"the {one}'s {score_name(found.primary)} is {compared} than the {other}'s {where}, "
        f"{_judged(found, one, other, alpha, margin)}."
    )


def _judged(found: EvaluateRecord, one: Role, other: Role, alpha: float, margin: float) -> str:
    """Whether that is more than chance, and enough."""
    if not {f"{one} over {other}", f"{other} over {one}"} & set(found.comparisons):
        return "with too few pairs of errors to tell it from chance"
    level, gain = _level(found, one, other, alpha), _gain(found, one, other)
    if 1 - _p_value(found, one, other) <= level:
        return "surely worse: more than chance explains"
    if _p_value(found, one, other) > level:
        return "which chance may explain"
    if gain < margin:
        return f"more than chance explains, but less than the {margin:.1%} that matter"
    return "more than chance explains"
