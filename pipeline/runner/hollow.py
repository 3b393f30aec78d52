"""A run that looks finished and isn't: refused, whatever the notebook's exit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import StepError
from pipeline.options import NotebookName
from pipeline.records import RECORDS, STEPS_OF, IngestRecord, Record, StepName
from pipeline.store import Store
from pipeline.store.atomic import sha256_of

if TYPE_CHECKING:
    import nbformat

DRAWS = frozenset({"ingest", "validate", "drift", "train", "evaluate", "report"})
"""Steps that show at least one figure."""


def refuse_hollow(store: Store, case: str, run_id: str, notebook: NotebookName) -> list[Record]:
    """The records that the notebook's steps wrote; raises `StepError` with all that is missing."""
    import nbformat

    found = {step: store.record(case, run_id, RECORDS[step]) for step in STEPS_OF[notebook]}
    problems = [
        problem
        for step, record in found.items()
        for problem in _problems(store, case, run_id, step, record)
    ]
    shown = nbformat.read(store.notebook_path(case, run_id, notebook), as_version=4)
    problems += list(_unshown(shown, [record for record in found.values() if record]))
    if problems:
        raise StepError.for_problems(
            f"Notebook {notebook} of case {case!r} ended without doing its work:", problems
        )
    return [record for record in found.values() if record is not None]


def _problems(
    store: Store, case: str, run_id: str, step: StepName, record: Record | None
) -> Iterator[str]:
    if record is None:
        yield f"step {step!r} wrote no record"
        return
    folder = store.run_folder(case, run_id)
    for file in record.files:
        path = folder / file.path
        if not path.is_file():
            yield f"step {step!r} names {file.path}, which is not there"
        elif sha256_of(path) != file.sha256:
            yield f"step {step!r} wrote {file.path}, which has been changed since"
    figures = [file for file in record.files if file.kind == "figure"]
    if step in DRAWS and not figures:
        yield f"step {step!r} drew no figure"
    yield from (
        f"figure {file.name!r} of step {step!r} is empty" for file in figures if not file.rows
    )
    rows = record.observations.rows if isinstance(record, IngestRecord) else None
    for read in [rows] if rows is not None else [version.rows for version in record.inputs[:1]]:
        if not read:
            yield f"step {step!r} worked on a table without rows"


def _unshown(document: nbformat.NotebookNode, records: list[Record]) -> Iterator[str]:
    """Cells that were not executed, and figures that were drawn and not shown."""
    code = [cell for cell in document.cells if cell.cell_type == "code" and cell.source.strip()]
    for place, cell in enumerate(code):
        if cell.execution_count is None:
            yield f"code cell {place} was not executed"
    pages = "".join(
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in code
        for output in cell.outputs
    )
    for record in records:
        for file in record.files:
            if file.kind == "figure" and f'data-file="{record.step}/{file.name}"' not in pages:
                yield f"figure {file.name!r} of step {record.step!r} is not shown in the notebook"
