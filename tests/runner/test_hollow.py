"""A run that looks finished and isn't is refused, with all that is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pipeline.errors import StateError, StepError
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import STEPS_OF
from pipeline.runner.hollow import refuse_hollow
from pipeline.store import Store


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def folder(copied: Store) -> Path:
    return copied.run_folder("tiny", "first")


def refused(store: Store, notebook: NotebookName) -> str:
    with pytest.raises(StepError) as caught:
        refuse_hollow(store, "tiny", "first", notebook)
    return str(caught.value)


def change(folder: Path, step: str, alter: Callable[[Any], None]) -> None:
    path = folder / step / "record.json"
    record = json.loads(path.read_text())
    alter(record)
    path.write_text(json.dumps(record))


def change_notebook(folder: Path, name: str, alter: Callable[[Any], None]) -> None:
    path = folder / f"{name}.ipynb"
    document = nbformat.read(path, as_version=4)
    alter(document)
    nbformat.write(document, path)


@pytest.mark.parametrize("notebook", list(NOTEBOOKS))
def test_a_run_that_did_its_work_is_let_through(copied: Store, notebook: NotebookName) -> None:
    """The records of the notebook's steps come back, in their order."""
    found = refuse_hollow(copied, "tiny", "first", notebook)

    assert tuple(record.step for record in found) == STEPS_OF[notebook]


def test_a_step_without_a_record_is_named(copied: Store, folder: Path) -> None:
    """The other step of the notebook doesn't stand for it."""
    (folder / "promote" / "record.json").unlink()

    assert "step 'promote' wrote no record" in refused(copied, "5-evaluate")


def test_a_file_that_is_gone_is_named(copied: Store, folder: Path) -> None:
    """A record alone is not a result."""
    (folder / "ingest" / "columns.csv").unlink()

    assert "step 'ingest' names ingest/columns.csv, which is not there" in refused(
        copied, "1-ingest"
    )


def test_a_file_that_was_changed_is_named(copied: Store, folder: Path) -> None:
    """Its digest is that of the record, or the file is not what the step wrote."""
    (folder / "train" / "challenger.skops").write_bytes(b"other")

    assert "wrote train/challenger.skops, which has been changed" in refused(copied, "4-train")


def test_a_figure_without_rows_is_empty(copied: Store, folder: Path) -> None:
    """Axes without data are no figure."""
    change(folder, "ingest", lambda record: record["files"][1].update(rows=0))

    assert "figure 'volume' of step 'ingest' is empty" in refused(copied, "1-ingest")


def test_a_step_that_draws_and_drew_nothing_is_named(copied: Store, folder: Path) -> None:
    """Steps that only decide need no figure; the others do."""
    change(folder, "drift", lambda record: record.update(files=[]))
    change(folder, "decide", lambda record: record.update(files=[]))
    message = refused(copied, "3-drift")

    assert "step 'drift' drew no figure" in message
    assert "decide" not in message


def test_a_table_without_rows_is_no_work(copied: Store, folder: Path) -> None:
    """Neither for the step that wrote it nor for those that read it."""
    change(folder, "ingest", lambda record: record["observations"].update(rows=0))
    change(folder, "validate", lambda record: record["inputs"][0].update(rows=0))

    assert "step 'ingest' worked on a table without rows" in refused(copied, "1-ingest")
    assert "step 'validate' worked on a table without rows" in refused(copied, "2-validate")


def test_a_figure_that_is_not_shown_is_named(copied: Store, folder: Path) -> None:
    """It was drawn, and a reader of the page would not see it."""

    def hide(document: Any) -> None:
        for cell in document.cells:
            if "figure(" in cell.source:
                cell.outputs = []

    change_notebook(folder, "1-ingest", hide)

    assert "figure 'volume' of step 'ingest' is not shown" in refused(copied, "1-ingest")


def test_a_cell_that_was_not_executed_is_named(copied: Store, folder: Path) -> None:
    """By its place among the code cells."""

    def skip(document: Any) -> None:
        [cell for cell in document.cells if cell.cell_type == "code"][1].execution_count = None

    change_notebook(folder, "1-ingest", skip)

    assert "code cell 1 was not executed" in refused(copied, "1-ingest")


def test_an_empty_cell_need_not_be_executed(copied: Store, folder: Path) -> None:
    """JupyterLab leaves one at the end."""
    change_notebook(
        folder, "1-ingest", lambda document: document.cells.append(nbformat.v4.new_code_cell(" "))
    )

    assert refuse_hollow(copied, "tiny", "first", "1-ingest")


def test_all_that_is_missing_comes_at_once(copied: Store, folder: Path) -> None:
    """Sorted, in one error that names the notebook and the case."""
    (folder / "evaluate" / "systems.csv").unlink()
    (folder / "promote" / "record.json").unlink()
    lines = refused(copied, "5-evaluate").splitlines()

    assert lines[0] == "Notebook 5-evaluate of case 'tiny' ended without doing its work:"
    assert len(lines) == 3
    assert lines[1:] == sorted(lines[1:])


def test_a_number_that_is_not_finite_is_refused(copied: Store, folder: Path) -> None:
    """A record with NaN is not read as one."""

    def spoil(record: Any) -> None:
        scores = record["systems"][0]["scores"]
        scores[next(iter(scores))] = float("nan")

    change(folder, "evaluate", spoil)
    with pytest.raises(StateError, match=r"evaluate/record\.json is damaged"):
        refuse_hollow(copied, "tiny", "first", "5-evaluate")
