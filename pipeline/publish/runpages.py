"""A page for every run at an address that stays, and lists of all runs, newest first.

The page of a run is made once, and again only when the run beside it or a page that it leads to is
another. So is each list of older runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from pipeline.options import NOTEBOOKS
from pipeline.publish import markup, words
from pipeline.publish.building import Build
from pipeline.publish.comparing import compared
from pipeline.publish.made import digest, digest_of_text
from pipeline.publish.plan import RUNS, Makers, Page, planned_pages
from pipeline.publish.repeat import changed_parameters, parameter_rows
from pipeline.publish.runfacts import NotebookOfRun, RunFacts
from pipeline.publish.runlists import RunList, lists_of
from pipeline.publish.runs import Lives, read_run
from pipeline.publish.status import CaseStatus
from pipeline.publish.still import Brief, StillStore
from pipeline.store.ledger import Line

Around = tuple[tuple[Line, ...], tuple[Line, ...]]
"""The run before and the run after, or nothing."""


@dataclass(frozen=True, kw_only=True)
class RunPages:
    """Writes the sources of `runs/` into a case's folder.

    Notebooks are pages of the case, from the newest run that executed them; the page of an older
    run has what its records say, and links to no page that shows another run.
    """

    store: StillStore
    status: CaseStatus
    unit: str
    folder: Path
    lives: Lives
    build: Build

    def write(self) -> None:
        """The lists and a page a run, where they can't be taken over."""
        lists = lists_of(self._lines)
        for each in lists:
            group, inputs = f"{self._case}/runs/{each.file}/", self._inputs_of_group(each)
            if each.newest or not self.build.takes_over_all(group, inputs):
                self._write_pages(each)
                if not each.newest:
                    pages = [self._address(line.run_id) for line in each.lines]
                    self.build.note_group(group, inputs, pages)
        for each in lists:
            inputs = self._inputs_of_list(each, lists)
            if not self.build.takes_over(self._address(each.file), inputs):
                self._write(each.file, self._list(each, lists), inputs)

    def _write_pages(self, listed: RunList) -> None:
        """The pages of the runs of a list that can't be taken over."""
        for place, line in enumerate(listed.lines, listed.first):
            before, after = self._around(place, place + 1)
            inputs = self._inputs(line, self._briefs[place], before, after)
            if not self.build.takes_over(self._address(line.run_id), inputs):
                self._write(line.run_id, self._page(line.run_id, (before, after)), inputs)

    def _around(self, first: int, end: int) -> Around:
        """The run before those from `first` to `end`, and the one after them, where there are."""
        return self._lines[max(0, first - 1) : first], self._lines[end : end + 1]

    @property
    def _case(self) -> str:
        return self.status.case

    @cached_property
    def _lines(self) -> tuple[Line, ...]:
        return self.store.lines(self._case)

    @cached_property
    def _briefs(self) -> list[Brief]:
        return self.store.briefs(self._case)

    @cached_property
    def _plan(self) -> dict[Page, Makers]:
        return planned_pages(self.store, self._case)

    @cached_property
    def _head(self) -> str:
        return markup.block(
            "case_head.html.j2", case=self.status, page=RUNS, pages=self._plan, up="../"
        )

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(line.run_id for line in self._lines)

    @cached_property
    def _shown(self) -> dict[tuple[str, str], list[str]]:
        """Pages of the case by notebook and the run that executed it."""
        found: dict[tuple[str, str], list[str]] = {}
        for page, makers in self._plan.items():
            for made in makers.items():
                found.setdefault(made, []).append(page.file)
        return found

    @cached_property
    def _common(self) -> str:
        """Digest of what all pages of runs rest on."""
        return digest(self._head, self.status.title, self.unit)

    def _inputs(
        self, line: Line, brief: Brief, before: tuple[Line, ...], after: tuple[Line, ...]
    ) -> str:
        led = self._led_to([brief])
        around = [(other.run_id, other.digest) for other in (*before, *after)]
        return digest_of_text(
            f"{self._common} {line.digest} {led} {len(before)} {around} {self._alive(line)}"
        )

    def _inputs_of_group(self, listed: RunList) -> str:
        """What the pages of all runs of a list rest on together."""
        first, end = listed.first, listed.first + len(listed.lines)
        briefs, around = self._briefs[first:end], self._around(first, end)
        led = self._led_to(briefs)
        held = [(line.run_id, line.digest, self._alive(line)) for line in listed.lines]
        return digest_of_text(f"{self._common} {led} {held} {around}")

    def _led_to(self, briefs: Sequence[Brief]) -> list[tuple[str, str, list[str] | None]]:
        """Of the notebooks that the runs go by, and the runs that executed them: those that a page
        of the case shows, with these pages, and those whose run is gone.
        """
        shown, known = self._shown, self._known
        showing = {run_id for _, run_id in shown}
        own = {(name, one.run_id) for one in briefs if one.run_id in showing for name in one.own}
        taken = {made for one in briefs if one.taken for made in one.taken.items()}
        gone = {made for made in taken if made[1] not in known}
        return sorted((*made, shown.get(made)) for made in ((own | taken) & shown.keys()) | gone)

    def _inputs_of_list(self, listed: RunList, lists: tuple[RunList, ...]) -> str:
        held = [(line.run_id, line.digest, self._alive(line)) for line in listed.lines]
        others = [(other.file, other.stretch) for other in lists] if listed.newest else []
        return digest(self._common, held, others)

    def _alive(self, line: Line) -> bool | None:
        """Whether somebody works on a run that has not ended; `None` for one that has."""
        return None if line.stat else self.lives(self.store.home, self._case)

    def _facts(self, run_id: str) -> RunFacts:
        return RunFacts(
            run=read_run(self.store, self._case, run_id, self.lives),
            whole=self.store.run_record(self._case, run_id),
            unit=self.unit,
            plan=self._plan,
        )

    def _page(self, run_id: str, around: Around) -> str:
        facts = self._facts(run_id)
        made_for = words.moment_text(facts.as_of) if facts.as_of else facts.run.run_id
        before, after = ([line.run_id for line in lines] for lines in around)
        body = markup.block(
            "run.html.j2",
            facts=facts,
            before=before,
            after=after,
            known=self._known,
            **self._compared(facts, before),
            parameters=[
                (notebook.name, parameter_rows(NOTEBOOKS[notebook.name], notebook.records[-1]))
                for notebook in facts.notebooks
                if notebook.records
            ],
            not_default=any(_changed(notebook) for notebook in facts.notebooks),
        )
        title = f"{self.status.title}: run for {made_for}"
        parts = [self._head, body]
        return markup.page(title, f"Run {facts.run.run_id} of {self.status.title}.", parts)

    def _compared(self, facts: RunFacts, before: list[str]) -> dict[str, object]:
        """The run beside the one before it and the one that trained its champion; not linked to
        the latter, whose page may go while this one stays.
        """
        run_id = facts.run.run_id
        others = [(earlier, "The run before", f"{quote(earlier)}.html") for earlier in before[-1:]]
        trained = facts.promote.champion.ref.run_id if facts.promote else run_id
        if trained not in (run_id, *before[-1:]) and self.store.run_record(self._case, trained):
            others.append((trained, f"Trained the champion: {trained}", ""))
        lines = compared([facts, *(self._facts(other) for other, _, _ in others)])
        heads = [("This run", ""), *((head, link) for _, head, link in others)]
        return {"heads": heads, "lines": lines if others else []}

    def _list(self, listed: RunList, lists: tuple[RunList, ...]) -> str:
        lines = [markup.as_html(line) for line in self._list_lines(listed.lines)]
        body = markup.block("run_list.html.j2", lines=lines[::-1], listed=listed, lists=lists)
        title = f"{self.status.title}: {listed.title}"
        return markup.page(title, f"Runs of {self.status.title}.", [self._head, body])

    def _list_lines(self, lines: tuple[Line, ...]) -> list[str]:
        """A row of the table for each run; those of runs that have ended are kept in the home."""
        ended = [line for line in lines if line.stat]
        rests_on = f"{self.unit} {markup.templates_digest()}"
        made = self.store.worked_out(self._case, "line", self._line, lines=ended, rests_on=rests_on)
        known = dict(zip((line.run_id for line in ended), made, strict=True))
        return [known.get(line.run_id) or self._line(line.run_id) for line in lines]

    def _line(self, run_id: str) -> str:
        return markup.fragment("run_line.html.j2", facts=self._facts(run_id))

    def _address(self, name: str) -> str:
        return f"{self._case}/runs/{name}.html"

    def _write(self, name: str, text: str, inputs: str) -> None:
        path = self.folder / "runs" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.build.note(self._address(name), inputs)


def _changed(notebook: NotebookOfRun) -> bool:
    return bool(
        notebook.records and changed_parameters(NOTEBOOKS[notebook.name], notebook.records[-1])
    )
