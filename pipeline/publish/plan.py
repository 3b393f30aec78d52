"""Which pages a case has, and which run makes each of them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.options import NotebookName
from pipeline.publish.runs import run_with_notebook
from pipeline.records import RECORDS, STEPS_OF, IngestRecord
from pipeline.store import Store


@dataclass(frozen=True, kw_only=True)
class Page:
    """An address of a case and the notebooks that make it."""

    file: str
    name: str
    notebooks: tuple[NotebookName, ...]
    trends: bool = False
    """It shows the trends that the steps of its notebooks drew, in place of the notebooks."""


OVERVIEW = Page(file="index", name="Overview", notebooks=("6-report",))
DATA = Page(file="data", name="Data", notebooks=("1-ingest", "2-validate"))
DRIFT = Page(file="drift", name="Drift", notebooks=("3-drift",))
MODEL = Page(file="model", name="Model", notebooks=("5-evaluate",))
POLICIES = Page(file="policies", name="Policies", notebooks=())
RUNS = Page(file="runs/index", name="Runs", notebooks=())
PAGES = (
    OVERVIEW,
    DATA,
    DRIFT,
    Page(file="training", name="Training", notebooks=("4-train",)),
    MODEL,
    Page(file="trends", name="Trends", notebooks=("6-report",), trends=True),
    POLICIES,
    RUNS,
)
ALWAYS = (OVERVIEW, RUNS)
Makers = dict[NotebookName, str]
"""The run that made each notebook of a page."""


def planned_pages(store: Store, case: str) -> dict[Page, Makers]:
    """Every page that some run can fill, with the runs that do; overview and runs always, and that
    of policies where rows have a time.
    """
    always = (*ALWAYS, POLICIES) if has_history(store, case) else ALWAYS
    found = {page: _makers(store, case, page) for page in PAGES}
    return {page: makers for page, makers in found.items() if makers or page in always}


def has_history(store: Store, case: str) -> bool:
    """Whether the case's rows have a time, and so a past to replay."""
    newest = next(iter(store.records(case, IngestRecord)), None)
    return newest is not None and newest.newest is not None


def _makers(store: Store, case: str, page: Page) -> Makers:
    found = {name: run_with_notebook(store, case, name) for name in page.notebooks}
    return {
        name: run_id
        for name, run_id in found.items()
        if run_id is not None and (not page.trends or _drew_trends(store, case, run_id, name))
    }


def _drew_trends(store: Store, case: str, run_id: str, name: NotebookName) -> bool:
    records = (store.record(case, run_id, RECORDS[step]) for step in STEPS_OF[name])
    return any(file.kind == "trend" for record in records if record for file in record.files)
