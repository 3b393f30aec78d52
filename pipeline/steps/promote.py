"""Who serves from now on. Nothing is promoted that does not beat what serves, and the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.metrics import score_name
from pipeline.options import EvaluateOptions
from pipeline.records import EvaluateRecord, FittedModel, Scores
from pipeline.steps.evaluate import Role, contenders
from pipeline.steps.run import Run
from pipeline.steps.view import View


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The role that serves from now on, and why."""

    role: Role
    sentence: str


def promote(run: Run, options: EvaluateOptions) -> View:
    """Decides on the paired tests of evaluate; the record is what moves the champion."""
    found = run.need(EvaluateRecord)
    models: dict[Role, FittedModel] = dict(contenders(run))
    margin = run.case.gates.margin if options.margin is None else options.margin
    choice = choose(found, alpha=options.alpha, margin=margin)
    with run.step("promote", options) as step:
        return step.finish(
            as_of=run.as_of,
            sentence=choice.sentence,
            inputs=found.inputs,
            action="hold" if choice.role == "champion" else "promote",
            champion=models[choice.role],
            primary=found.primary,
            scores=_scores(found, choice.role),
            baseline_scores=_scores(found, "baseline"),
        )


def choose(found: EvaluateRecord, *, alpha: float, margin: float) -> Choice:
    """Promote a challenger that is better than champion and baseline, by the margin and beyond
    chance; else the baseline, when it is better than the champion so; else hold.

    Without a champion, the challenger serves if it beats the baseline so, and else the baseline.
    """
    roles = {system.role for system in found.systems}

    def better(one: Role, other: Role) -> bool:
        return _p_value(found, one, other) <= alpha and _gain(found, one, other) >= margin

    if "champion" not in roles:
        told = _told(found, "challenger", "baseline")
        if better("challenger", "baseline"):
            return Choice(role="challenger", sentence=f"Promote the first champion: {told}")
        return Choice(role="baseline", sentence=f"Promote the baseline: {told}")
    if "challenger" in roles and better("challenger", "champion"):
        if better("challenger", "baseline"):
            told = _told(found, "challenger", "champion")
            return Choice(role="challenger", sentence=f"Promote: {told}")
        reason = _told(found, "challenger", "baseline")
    elif "challenger" in roles:
        reason = _told(found, "challenger", "champion")
    else:
        reason = "no new challenger was trained."
    if better("baseline", "champion"):
        told = _told(found, "baseline", "champion")
        return Choice(role="baseline", sentence=f"Promote the baseline: {told}")
    return Choice(role="champion", sentence=f"Hold: {reason}")


def is_better(p_value: float, level: float, gain: float, margin: float) -> bool:
    """Whether a difference is beyond chance and large enough to matter."""
    return p_value <= level and gain >= margin


def _p_value(found: EvaluateRecord, one: Role, other: Role) -> float:
    """One-sided, for "one is better than other"; each pair was tested one way round."""
    tested = found.comparisons.get(f"{one} over {other}")
    return tested.p_value if tested else 1 - found.comparisons[f"{other} over {one}"].p_value


def _gain(found: EvaluateRecord, one: Role, other: Role) -> float:
    theirs = _scores(found, other)[found.primary]
    return 1 - _scores(found, one)[found.primary] / theirs if theirs else 0.0


def _scores(found: EvaluateRecord, role: Role) -> Scores:
    return next(system.scores for system in found.systems if system.role == role)


def _told(found: EvaluateRecord, one: Role, other: Role) -> str:
    gain = _gain(found, one, other)
    compared = f"{gain:.1%} lower" if gain >= 0 else f"{-gain:.1%} higher"
    return (
        f"the {one}'s {score_name(found.primary)} is {compared} than the {other}'s on the held-out "
        f"window (p = {_p_value(found, one, other):.3f}, "
        f"{next(iter(found.comparisons.values())).n} pairs)."
    )
