"""The status of all cases for a terminal: the same facts as the first page, in plain lines."""

from __future__ import annotations

from pathlib import Path

from pipeline.publish.status import CaseStatus, SiteStatus


def in_words(status: SiteStatus, home: Path) -> str:
    """Some lines a case, an empty one between cases."""
    if not status.cases:
        return f"Nothing has run in {home}. Start with: vigie run"
    return "\n\n".join(_told(case) for case in status.cases)


def _told(case: CaseStatus) -> str:
    data, run = case.data, case.newest_run
    lines = {
        "": f"{case.case}: {case.health}. {case.headline}",
        "data": f"{data.source}, as of {data.as_of:%Y-%m-%d %H:%M} UTC" if data else "none yet",
        "champion": case.champion.candidate if case.champion else "none yet",
        "decision": case.decision.sentence if case.decision else "none yet",
        "run": f"{run.run_id}, {run.ended}",
    }
    return "\n".join(f"  {name:<9} {words}" if name else words for name, words in lines.items())
