"""Why a model is trained or not, in a sentence that needs no statistics, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.case import Case
from pipeline.metrics import digits, score_name, unit_of_score
from pipeline.records import Ground
from pipeline.steps.wording import listed

Trigger = Literal["", "first", "asked", "performance", "drift", "age"]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """What made it retrain, empty for keep, and the sentence."""

    trigger: Trigger
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the decision rests on."""

    error: float
    limit: float
    drifted: float | None
    """Share of the champion's importance that lies in columns with an alarm."""
    alarmed: tuple[str, ...]
    trained_days_ago: float | None
    learned_days_ago: float
    """Age of what the newest model learned, champion or not."""
    newest: str = "the newest rows"
    """The rows that the error was measured on."""


def wanted(case: Case, standing: Standing) -> Reason | None:
    """What calls for training, as the end of a sentence; `None` where nothing does."""
    if standing.error > standing.limit:
        return Reason(
            trigger="performance",
            sentence=f"the champion errs more than it should: {_error(case, standing)}, where its "
            f"backtest lets expect {digits(standing.limit)} at most",
        )
    if standing.drifted is not None and standing.drifted >= case.gates.drifted:
        have = "has" if len(standing.alarmed) == 1 else "have"
        return Reason(
            trigger="drift",
            sentence=f"{listed(standing.alarmed)} {have} changed, and {standing.drifted:.0%} of "
            f"what the champion goes by lies there ({case.gates.drifted:.0%} is enough)",
        )
    oldest = case.gates.oldest_champion.days
    if standing.learned_days_ago > oldest:
        return Reason(
            trigger="age",
            sentence=f"the newest model knows nothing of the last {standing.learned_days_ago:.0f} "
            f"days, and {oldest} are allowed",
        )
    return None


def quiet(case: Case, standing: Standing) -> str:
    """Why nothing calls for training, as the end of a sentence."""
    told = (
        f"the champion errs no more than expected ({_error(case, standing)}; "
        f"{digits(standing.limit)} at most)"
    )
    if standing.alarmed and standing.drifted is not None:
        have = "has" if len(standing.alarmed) == 1 else "have"
        told += (
            f", {listed(standing.alarmed)} {have} changed but only {standing.drifted:.0%} of what "
            f"it goes by lies there (less than {case.gates.drifted:.0%})"
        )
    return (
        f"{told}, and the newest model's knowledge is {standing.learned_days_ago:.0f} days old "
        f"({case.gates.oldest_champion.days} at most)"
    )


def grounds(case: Case, standing: Standing) -> tuple[Ground, ...]:
    """The numbers, each with the limit that it was held against."""
    gates = case.gates
    found = [
        Ground(
            name=f"Champion's error ({score_name(case.task.primary)}) over {standing.newest}",
            value=standing.error,
            unit=_unit(case),
            limit=standing.limit,
            rule="more calls for training",
        )
    ]
    if standing.drifted is not None:
        found.append(
            Ground.of_share(
                "Share of what the champion goes by in columns that changed",
                standing.drifted,
                limit=gates.drifted,
                rule="as much calls for training",
            )
        )
    found.append(
        Ground(
            name="Age of what the newest model learned",
            value=standing.learned_days_ago,
            unit="days",
            limit=gates.oldest_champion.days,
            rule="more calls for training",
        )
    )
    if standing.trained_days_ago is not None:
        found.append(
            Ground(
                name="Time since the newest training",
                value=standing.trained_days_ago,
                unit="days",
                limit=case.windows.current.days,
                rule="less makes the next training wait",
            )
        )
    return tuple(found)


def _error(case: Case, standing: Standing) -> str:
    told = f"{score_name(case.task.primary)} {digits(standing.error)} {_unit(case)}".rstrip()
    return f"{told} over {standing.newest}"


def _unit(case: Case) -> str:
    """Of the primary score."""
    return unit_of_score(case.task.primary, case.schema.column(case.schema.target).unit)
