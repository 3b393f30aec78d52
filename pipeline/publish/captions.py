"""What a case is called on its pages. A case that is no longer in the package keeps its pages,
under the name of its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipeline.case import find_cases

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
    )
