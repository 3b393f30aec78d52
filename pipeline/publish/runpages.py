"""A page for every run at an address that stays, and the list of all runs, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.options import NOTEBOOKS
from pipeline.publish import markup, words
from pipeline.publish.plan import RUNS, planned_pages
from pipeline.publish.repeat import changed_parameters, parameter_rows
from pipeline.publish.runfacts import NotebookOfRun, RunFacts
from pipeline.publish.runs import Lives, read_run
from pipeline.publish.status import CaseStatus
from pipeline.store import Store


@dataclass(frozen=True, kw_only=True)
class RunPages:
    """Writes the sources of `runs/` into a case's folder.

    Notebooks are pages of the case, from the newest run that executed them; the page of an older
    run has what its records say, and links to no page that shows another run.
    """

    store: Store
    status: CaseStatus
    unit: str
    folder: Path
    lives: Lives

    def write(self) -> None:
        """The list and a page a run."""
        (self.folder / "runs").mkdir(parents=True, exist_ok=True)
        plan = planned_pages(self.store, self.status.case)
        head = markup.block("case_head.html.j2", case=self.status, page=RUNS, pages=plan, up="../")
        run_ids = self.store.run_ids(self.status.case)
        known, lines = frozenset(run_ids), []
        for place, run_id in enumerate(run_ids):
            facts = RunFacts(
                run=read_run(self.store, self.status.case, run_id, self.lives),
                whole=self.store.run_record(self.status.case, run_id),
                unit=self.unit,
                plan=plan,
            )
            lines.append(markup.fragment("run_line.html.j2", facts=facts))
            around = (run_ids[max(0, place - 1) : place], run_ids[place + 1 : place + 2])
            self._write(run_id, self._page(facts, head, around, known))
        self._write("index", self._list(lines, head))

    def _page(
        self,
        facts: RunFacts,
        head: str,
        around: tuple[list[str], list[str]],
        known: frozenset[str],
    ) -> str:
        made_for = words.moment_text(facts.as_of) if facts.as_of else facts.run.run_id
        before, after = around
        body = markup.block(
            "run.html.j2",
            facts=facts,
            before=before,
            after=after,
            known=known,
            parameters=[
                (notebook.name, parameter_rows(NOTEBOOKS[notebook.name], notebook.records[-1]))
                for notebook in facts.notebooks
                if notebook.records
            ],
            not_default=any(_changed(notebook) for notebook in facts.notebooks),
        )
        title = f"{self.status.title}: run for {made_for}"
        return markup.page(title, f"Run {facts.run.run_id} of {self.status.title}.", [head, body])

    def _list(self, lines: list[str], head: str) -> str:
        newest_first = [markup.as_html(line) for line in reversed(lines)]
        body = markup.block("run_list.html.j2", lines=newest_first)
        title = f"{self.status.title}: runs"
        return markup.page(title, f"Every run of {self.status.title}.", [head, body])

    def _write(self, name: str, text: str) -> None:
        (self.folder / "runs" / f"{name}.md").write_text(text, encoding="utf-8")


def _changed(notebook: NotebookOfRun) -> bool:
    return bool(
        notebook.records and changed_parameters(NOTEBOOKS[notebook.name], notebook.records[-1])
    )
