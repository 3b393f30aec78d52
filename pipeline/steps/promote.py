"""Who serves from now on. Nothing is promoted that does not beat what serves, and the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.comparison import Comparison
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
    """Promote a challenger that is better by the margin and beyond chance; else hold.

    Without a champion, the challenger serves if it beats the baseline so, and else the baseline.
    """
    roles = {system.role for system in found.systems}
    if "challenger" not in roles:
        return Choice(role="champion", sentence="Hold: no challenger was trained.")
    beats_baseline = found.comparisons["challenger over baseline"]
    if "champion" not in roles:
        return _first_champion(found, beats_baseline, alpha, margin)
    beats_champion = found.comparisons["challenger over champion"]
    over_champion = _told(found, "challenger", "champion", beats_champion)
    if not _is_better(found, "champion", beats_champion, alpha, margin):
        return Choice(role="champion", sentence=f"Hold: {over_champion}")
    return Choice(role="challenger", sentence=f"Promote: {over_champion}")


def _first_champion(
    found: EvaluateRecord, comparison: Comparison, alpha: float, margin: float
) -> Choice:
    told = _told(found, "challenger", "baseline", comparison)
    if _is_better(found, "baseline", comparison, alpha, margin):
        return Choice(role="challenger", sentence=f"Promote the first champion: {told}")
    return Choice(role="baseline", sentence=f"Promote the baseline: {told}")


def _is_better(
    found: EvaluateRecord, other: Role, comparison: Comparison, alpha: float, margin: float
) -> bool:
    return comparison.p_value <= alpha and _gain(found, other) >= margin


def _gain(found: EvaluateRecord, other: Role) -> float:
    theirs = _scores(found, other)[found.primary]
    return 1 - _scores(found, "challenger")[found.primary] / theirs if theirs else 0.0


def _scores(found: EvaluateRecord, role: Role) -> Scores:
    return next(system.scores for system in found.systems if system.role == role)


def _told(found: EvaluateRecord, one: Role, other: Role, comparison: Comparison) -> str:
    gain = _gain(found, other)
    compared = f"{gain:.1%} lower" if gain >= 0 else f"{-gain:.1%} higher"
    return (
        f"the {one}'s {found.primary.upper()} is {compared} than the {other}'s on the held-out "
        f"window (p = {comparison.p_value:.3f}, {comparison.n} origins)."
    )
