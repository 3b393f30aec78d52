"""The status of all cases for a terminal: the same facts as the first page, in plain lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.publish.status import CaseStatus, SiteStatus

NONE_TOLD: Mapping[str, Sequence[str]] = {}
MARKS = {"healthy": "✅", "watch": "👀", "failing": "❌"}


def in_words(
    status: SiteStatus, home: Path, notebooks: Mapping[str, Sequence[str]] = NONE_TOLD
) -> str:
    """Some lines a case, an empty one between cases; `notebooks` are lines of each case's own."""
    if not status.cases:
        return f"Nothing has run in {home}. Start with: vigie run"
    return "\n\n".join(_told(case, notebooks.get(case.case, ())) for case in status.cases)


def _told(case: CaseStatus, notebooks: Sequence[str]) -> str:
    data, run = case.data, case.newest_run
    lines = {
        "": f"{case.case}: {case.health}. {case.headline}",
        "data": f"{data.source}, as of {data.as_of:%Y-%m-%d %H:%M} UTC" if data else "none yet",
        "champion": case.champion.candidate if case.champion else "none yet",
        "decision": case.decision.sentence if case.decision else "none yet",
        "run": f"{run.run_id}, {run.ended}",
    }
    told = [f"  {name:<9} {words}" if name else words for name, words in lines.items()]
    names = ["notebooks", *[""] * len(notebooks)]
    more = [f"  {name:<9} {words}" for name, words in zip(names, notebooks, strict=False)]
    return "\n".join([*told, *more])


def in_markdown(status: SiteStatus) -> str:
    """One row a case, for the summary of a job on a schedule."""
    if not status.cases:
        return "Nothing has run yet."
    heads = ["Case", "Health", "In a sentence", "Data as of", "Champion", "Last decision"]
    lines = [heads, ["---"] * len(heads), *(_row(case) for case in status.cases)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _row(case: CaseStatus) -> list[str]:
    return [
        _cell(case.title),
        f"{MARKS[case.health]} {case.health}",
        _cell(case.headline),
        f"{case.data.as_of:%Y-%m-%d %H:%M} UTC" if case.data else "none yet",
        case.champion.candidate if case.champion else "none yet",
        _cell(case.decision.sentence) if case.decision else "none yet",
    ]


def _cell(text: str) -> str:
    """Text that can't leave its cell: in one line, markup shown as it is."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", " ".join(text.split()))
