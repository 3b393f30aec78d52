"""Who serves from now on, and why, in a sentence that needs no statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipeline.steps.contenders import Role
from pipeline.steps.differences import Difference

UNBEATEN = "no candidate that may serve was better than it on the folds"
NOT_TRAINED = "no new model was trained that could take its place"
TRAINED_AGAIN = "training gave the very same model once more, from the same rows"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The role that serves from now on, what that is called, and why."""

    role: Role
    action: Literal["promote", "hold", "roll back"] = "promote"
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a choice rests on: who took part, and how each does beside another."""

    roles: frozenset[Role]
    beside: Callable[[Role, Role], Difference]
    spoiled: Callable[[], str]
    """Why the challenger may not serve although it is better; empty when it may."""
    unbeaten: bool
    """Whether the baseline itself won the training."""
    came_before: bool
    """Whether the predecessor was compared, on the rows since the champion serves."""
    same: bool


def verdict(compared: Compared) -> Choice:
    """Promote a challenger that is better than champion and baseline, by the margin and beyond
    chance, and surely worse nowhere; else roll back to a predecessor that is better so since the
    champion serves; else the baseline, when it is better than the champion so; else hold.

    Without a champion, the challenger serves if it beats the baseline so, and else the baseline.
    """
    beside = compared.beside
    if "champion" not in compared.roles:
        return _first(compared)
    reason = TRAINED_AGAIN if compared.same else NOT_TRAINED
    if "challenger" in compared.roles:
        over = beside("challenger", "champion")
        reason = over.told(other="it")
        if over.better:
            worse, of_baseline = compared.spoiled(), beside("challenger", "baseline")
            if of_baseline.better and not worse:
                told = over.told(one="it")
                return Choice(role="challenger", sentence=f"Promote the challenger: {told}.")
            reason = worse or (
                "the challenger is better than it, but not surely better than the baseline: "
                f"{of_baseline.told(one='it')}"
            )
    before = beside("predecessor", "champion") if compared.came_before else None
    if before is not None and before.better:
        told = before.told(one="the model before", other="it")
        return Choice(
            role="predecessor", action="roll back", sentence=f"Roll the champion back: {told}."
        )
    baseline = beside("baseline", "champion")
    if baseline.better:
        told = baseline.told(one="it")
        return Choice(role="baseline", sentence=f"Promote the baseline: {told}.")
    return Choice(role="champion", action="hold", sentence=f"Hold the champion: {reason}.")


def _first(compared: Compared) -> Choice:
    """Without a champion."""
    over = compared.beside("challenger", "baseline")
    if over.better:
        return Choice(role="challenger", sentence=f"Promote the first champion: {over.told()}.")
    why = UNBEATEN if compared.unbeaten else over.told(other="it")
    return Choice(role="baseline", sentence=f"Promote the baseline: {why}.")
