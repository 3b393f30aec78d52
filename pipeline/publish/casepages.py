"""The pages of one case, each from the newest run whose notebooks got that far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.publish import markup, prose
from pipeline.publish.captions import Caption
from pipeline.publish.downloads import copy_files
from pipeline.publish.executed import Executed
from pipeline.publish.history import Past
from pipeline.publish.modelcard import card_block
from pipeline.publish.overruns import data_blocks, drift_blocks
from pipeline.publish.plan import (
    DATA,
    DRIFT,
    MODEL,
    OVERVIEW,
    POLICIES,
    RUNS,
    Makers,
    Page,
    planned_pages,
)
from pipeline.publish.policypage import policy_blocks
from pipeline.publish.repeat import parameters_block
from pipeline.publish.runs import Lives, Run, read_run, why_older
from pipeline.publish.sparks import spark
from pipeline.publish.status import CaseStatus
from pipeline.records import STEPS_OF, EvaluateRecord, IngestRecord, Record, notebook_of
from pipeline.steps.view import View
from pipeline.store import Store

BREAKDOWNS = frozenset({"segments", "coverage"})
"""Figures of the comparison that only the page of the model shows."""


@dataclass(frozen=True, kw_only=True)
class CasePages:
    """Writes the sources of a case's pages into `folder`."""

    store: Store
    status: CaseStatus
    caption: Caption
    folder: Path
    lives: Lives
    past: Past
    """What the runs of the case came to."""

    def write(self) -> None:
        """Every page that some run can fill; the overview always. Those of runs are apart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        plan = planned_pages(self.store, self.status.case)
        for page, makers in plan.items():
            if page == RUNS:
                continue
            text = self._source(page, list(plan), makers)
            (self.folder / f"{page.file}.md").write_text(text, encoding="utf-8")

    def _source(self, page: Page, present: list[Page], made_by: Makers) -> str:
        newest = self._run(self.status.newest_run.run_id)
        parts = [self._head(page, present)]
        if page == OVERVIEW:
            parts += self._opening(filled=bool(made_by))
        if page == MODEL and (card := card_block(self.store, self.status, self.caption)):
            parts.append(card)
        if page == DRIFT:
            parts += drift_blocks(self.past, self.folder)
        if page == POLICIES:
            parts += policy_blocks(self.store, self.status.case, self.folder)
        for name, run_id in made_by.items():
            shown = self._trends if page.trends else self._notebook
            parts += shown(name, self._run(run_id), newest)
        if page == DATA:
            parts += data_blocks(self.past, self.folder)
        parts.append(self._provenance(list(made_by.values())))
        title = self.status.title
        heading = title if page == OVERVIEW else f"{title}: {page.name.lower()}"
        return markup.page(heading, f"{page.name} of {title}. {self.status.question}", parts)

    def _head(self, page: Page, present: list[Page]) -> str:
        return markup.block("case_head.html.j2", case=self.status, page=page, pages=present, up="")

    def _opening(self, *, filled: bool) -> Iterator[str]:
        unit = self.status.metric.unit if self.status.metric else ""
        line = markup.as_html(spark(self.past.newest, unit))
        yield markup.block("overview.html.j2", case=self.status, spark=line, filled=filled)
        yield from self._key_chart()
        yield from prose.blocks(self.caption.introduction, below=0, keep_title=False)

    def _key_chart(self) -> Iterator[str]:
        """The first picture of the newest comparison that is not a breakdown."""
        record = next(self.store.records(self.status.case, EvaluateRecord), None)
        drawn = [
            file
            for file in (record.files if record else ())
            if file.kind == "figure" and file.name not in BREAKDOWNS
        ]
        if record and drawn:
            folder = self.store.run_folder(record.case, record.run_id)
            shown = View(record=record, folder=folder).figure(drawn[0].name).page
            figure = copy_files(self.store, (record,), self.folder).linked(shown)
            systems = {one.role: one.candidate for one in record.systems}
            yield markup.block(
                "keychart.html.j2",
                figure=markup.as_html(figure),
                role=record.subject,
                candidate=systems.get(record.subject, ""),
            )

    def _notebook(self, name: NotebookName, run: Run, newest: Run) -> list[str]:
        records = records_of(run, name)
        blocks = Executed(
            path=self.store.notebook_path(self.status.case, run.run_id, name),
            parameters=parameters_block(NOTEBOOKS[name], records[-1]),
            downloads=copy_files(self.store, records, self.folder),
        ).blocks()
        after_title = 1 if blocks and markup.is_heading(blocks[0]) else 0
        blocks[after_title:after_title] = self._older(records[-1], newest)
        return blocks

    def _trends(self, name: NotebookName, run: Run, newest: Run) -> list[str]:
        records = records_of(run, name)
        downloads = copy_files(self.store, records, self.folder)
        folder = self.store.run_folder(self.status.case, run.run_id)
        figures = [
            markup.raw_html(
                downloads.linked(View(record=record, folder=folder).figure(file.name).page)
            )
            for record in records
            for file in record.files
            if file.kind == "trend"
        ]
        opening = markup.block("trends.html.j2", case=self.status.case, as_of=records[-1].as_of)
        return [*self._older(records[-1], newest), opening, *figures]

    def _older(self, record: Record, newest: Run) -> list[str]:
        """A note where the page is not from the newest run."""
        if record.run_id == newest.run_id:
            return []
        why = why_older(newest, notebook_of(record.step))
        return [markup.block("older.html.j2", finished=record.finished, why=why)]

    def _provenance(self, run_ids: list[str]) -> str:
        runs = [self._run(run_id) for run_id in dict.fromkeys(run_ids)]
        ingests = {
            run.run_id: next(
                (found for found in run.records if isinstance(found, IngestRecord)), None
            )
            for run in runs
        }
        return markup.block("provenance.html.j2", case=self.status, runs=runs, ingests=ingests)

    def _run(self, run_id: str) -> Run:
        return read_run(self.store, self.status.case, run_id, self.lives)


def records_of(run: Run, name: NotebookName) -> tuple[Record, ...]:
    """What the notebook's steps wrote in the run, in their order."""
    return tuple(record for record in run.records if record.step in STEPS_OF[name])
