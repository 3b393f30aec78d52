"""What a case is called on its pages. A case that is no longer in the package keeps its pages,
under the name of its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipeline.case import Gates, find_cases
from pipeline.publish.words import number, share
from pipeline.steps.evidence import GUARD_LOSS

USUAL_FRESHNESS = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Caption:
    """The words that a case brings along."""

    title: str
    question: str = ""
    introduction: str = ""
    """Markdown that opens the case's overview."""
    unit: str = ""
    """Unit of the target, and of the scores that have one."""
    fresh: timedelta = USUAL_FRESHNESS
    """Age of the newest row from which live data count as late."""
    target: str = ""
    """What is predicted, in words."""
    use: str = ""
    """What the model is meant for, and what not."""
    rules: tuple[str, ...] = ()
    """When the case stops, trains and promotes, a sentence each."""


def caption(name: str) -> Caption:
    """The caption of a case by its name."""
    case = find_cases().get(name)
    if case is None:
        return Caption(title=name.replace("_", " ").capitalize())
    return Caption(
        title=case.title,
        question=case.question,
        introduction=case.page.read_text(encoding="utf-8") if case.page.is_file() else "",
        unit=case.schema.column(case.schema.target).unit,
        fresh=case.gates.fresh,
        target=case.schema.column(case.schema.target).description,
        use=case.use,
        rules=rules(case.gates),
    )


def rules(gates: Gates) -> tuple[str, ...]:
    """The limits of a case in sentences."""
    days = number(gates.oldest_champion / timedelta(days=1))
    return (
        f"A run stops, and the champion stays, when more than {share(gates.most_quarantined)} of "
        "the rows go to quarantine.",
        "A new model is trained when the champion's error in the newest window is above what its "
        f"backtest lets expect (at least {share(gates.degradation)} above its mean), when columns "
        f"that carry {share(gates.drifted)} of its weight have an alarm, or when what the "
        f"newest model learned is older than {days} days.",
        f"It is promoted when its error is lower by {share(gates.margin)} at least and by more "
        "than chance explains, than the champion's and than the baseline's, and it is not surely "
        f"worse, by {share(GUARD_LOSS)} or more, in any segment of its first breakdown.",
        "The model before comes back when it does better than the champion, by the same rules, on "
        "the rows since the champion serves; so does the baseline when it does.",
    )
