"""What the page of one run says, from its records and those that it took over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from pipeline.metrics import unit_of_score
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.publish.plan import Makers, Page
from pipeline.publish.repeat import commands
from pipeline.publish.runs import Ended, Run
from pipeline.records import (
    STEPS_OF,
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    Ground,
    PromoteRecord,
    Record,
    ReportRecord,
    RunRecord,
    TableVersion,
    ValidateRecord,
)

How = Literal["executed", "taken over", "failed", "not executed"]
DECIDING = frozenset({"decide", "promote"})
Kind = TypeVar("Kind", bound=Record)
Mark = Literal["healthy", "watch", "failing"]
ENDED: Mapping[Ended, str] = {
    "done": "Finished",
    "paused": "Paused as asked",
    "stopped": "Stopped by a gate",
    "failed": "Failed",
    "running": "Under way",
    "interrupted": "Interrupted",
}
FAILURES = {
    "": "",
    "error": "its code raised an error",
    "timeout": "it took longer than it may",
    "output": "it showed more than it may",
    "died": "its kernel died",
    "interrupted": "somebody interrupted it",
    "start": "its kernel did not start",
}


@dataclass(frozen=True, kw_only=True)
class NotebookOfRun:
    """What became of a notebook in a run."""

    name: NotebookName
    how: How
    maker: str
    """The run that executed it; empty where none did."""
    records: tuple[Record, ...]
    page: str
    """The page of the case that shows this very execution; empty where none does any more."""

    @property
    def sentences(self) -> list[str]:
        """What its steps said; decisions stand by themselves on the page of a run."""
        return [one.sentence for one in self.records if one.step not in DECIDING]


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run as its page and its line in the list show it."""

    run: Run
    whole: RunRecord | None
    unit: str
    """Of the case's target."""
    plan: Mapping[Page, Makers]

    @property
    def as_of(self) -> datetime | None:
        """The time that the run was made for; `None` for one that never came to its data."""
        if self.run.records:
            return self.run.records[-1].as_of
        return self.whole.as_of if self.whole else None

    @property
    def started(self) -> datetime | None:
        """When the run began; a run by hand began with its first step."""
        if self.whole:
            return self.whole.started
        return min((record.started for record in self.run.records), default=None)

    @property
    def finished(self) -> datetime | None:
        """When it ended; `None` while it is under way, or when it was interrupted."""
        if self.whole:
            return self.whole.finished
        return max((record.finished for record in self.run.records), default=None)

    @property
    def mark(self) -> Mark:
        """How the case stood after the run."""
        if self.run.ended in {"stopped", "failed", "interrupted"}:
            return "failing"
        return self.report.health if self.report else "watch"

    @property
    def outcome(self) -> str:
        """The mark in words where the run came to its report, else how it ended."""
        well = self.run.ended == "done" and self.report is not None
        return self.mark.capitalize() if well else ENDED[self.run.ended]

    @property
    def ended(self) -> str:
        """How the run ended, in words."""
        return ENDED[self.run.ended]

    @property
    def failure(self) -> str:
        """How the failed notebook ended, in words."""
        return FAILURES[self.whole.failure] if self.whole else ""

    @property
    def decision(self) -> str:
        """What was decided about the champion, in a sentence; else why nothing was."""
        if self.promote:
            return self.promote.sentence
        return self.decide.sentence if self.decide else self.run.sentence

    @property
    def score(self) -> float | None:
        """The champion's primary score on the held-out window, after the decision."""
        return self.promote.scores.get(self.promote.primary) if self.promote else None

    @property
    def baseline(self) -> float | None:
        """The baseline's on the same rows."""
        return self.promote.baseline_scores.get(self.promote.primary) if self.promote else None

    @property
    def score_unit(self) -> str:
        """Unit of the primary score."""
        return unit_of_score(self.promote.primary, self.unit) if self.promote else ""

    @property
    def report(self) -> ReportRecord | None:
        return self._of(ReportRecord)

    @property
    def drift(self) -> DriftRecord | None:
        return self._of(DriftRecord)

    @property
    def decide(self) -> DecideRecord | None:
        return self._of(DecideRecord)

    @property
    def evaluate(self) -> EvaluateRecord | None:
        return self._of(EvaluateRecord)

    @property
    def promote(self) -> PromoteRecord | None:
        return self._of(PromoteRecord)

    @property
    def grounds(self) -> tuple[Ground, ...]:
        """The numbers of its decisions, with what each was held against."""
        asked = self.decide
        found = (asked.grounds or _older_grounds(asked, self.score_unit)) if asked else ()
        return (*found, *(self.promote.grounds if self.promote else ()))

    @property
    def validate(self) -> ValidateRecord | None:
        return self._of(ValidateRecord)

    @property
    def tables(self) -> tuple[TableVersion, ...]:
        """Every version of a table that the run's steps read."""
        return tuple(dict.fromkeys(read for record in self.run.records for read in record.inputs))

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """Code version and lock file of its steps; more than one where some were taken over."""
        pairs = ((record.code_version, record.lock_digest) for record in self.run.records)
        return tuple(dict.fromkeys(pairs))

    @property
    def commands(self) -> list[str]:
        """What repeats the run."""
        return commands(self.whole, self.run.records)

    @property
    def notebooks(self) -> list[NotebookOfRun]:
        """What became of every notebook, in their order."""
        return [self._notebook(name) for name in NOTEBOOKS]

    def _notebook(self, name: NotebookName) -> NotebookOfRun:
        records = tuple(found for found in self.run.records if found.step in STEPS_OF[name])
        maker = self._maker(name, records)
        pages = [
            page.file
            for page, makers in self.plan.items()
            if maker and makers.get(name) == maker and not page.trends
        ]
        return NotebookOfRun(
            name=name,
            how=self._how(name, maker),
            maker=maker,
            records=records,
            page=pages[0] if pages else "",
        )

    def _maker(self, name: NotebookName, records: tuple[Record, ...]) -> str:
        if self.whole:
            return self.whole.maker(name) or ""
        return records[-1].run_id if records else ""

    def _how(self, name: NotebookName, maker: str) -> How:
        if self.run.failed_notebook == name:
            return "failed"
        if not maker:
            return "not executed"
        return "executed" if maker == self.run.run_id else "taken over"

    def _of(self, kind: type[Kind]) -> Kind | None:
        return next((found for found in self.run.records if isinstance(found, kind)), None)


def _older_grounds(record: DecideRecord, unit: str) -> tuple[Ground, ...]:
    """Of a record that was written before grounds were kept; `unit` is that of the error."""
    numbers = (
        ("Champion's error in the current window", record.error, unit, record.limit),
        ("Age of the champion", record.champion_age_days, "days", None),
    )
    found = [
        Ground(name=name, value=value, unit=known, limit=limit)
        for name, value, known, limit in numbers
        if value is not None
    ]
    if record.drifted is not None:
        share = "Share of its importance in columns with an alarm"
        found.append(Ground.of_share(share, record.drifted))
    return tuple(found)
