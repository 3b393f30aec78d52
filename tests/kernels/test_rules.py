"""What a notebook may hold: every kind of violation is found, and named with its cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pipeline.kernels.cells import opening_cell, parameters_cell
from pipeline.kernels.rules import main, problems, renew
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.store import project

Alter = Callable[[Any], None]


def notebook_of(name: NotebookName, *calls: str) -> Any:
    """A notebook that keeps the rules."""
    cells = [
        new_markdown_cell("# A title"),
        new_code_cell(parameters_cell(name), metadata={"tags": ["parameters"]}),
        new_code_cell(opening_cell(name), metadata={"tags": ["opening"]}),
    ]
    for call in calls or ("ingest(run, options)",):
        cells += [new_markdown_cell("A sentence."), new_code_cell(call)]
    return new_notebook(cells=cells)


def found(folder: Path, document: Any) -> list[str]:
    path = folder / "1-ingest.ipynb"
    nbformat.write(document, path)
    return list(problems("1-ingest", path))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of all notebooks, each of which keeps the rules."""
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    for name in NOTEBOOKS:
        nbformat.write(notebook_of(name), tmp_path / f"{name}.ipynb")
    return tmp_path


def test_a_notebook_that_keeps_the_rules_has_no_problems(tmp_path: Path) -> None:
    """Title, parameters, opening, and pairs of a sentence and a call."""
    assert found(tmp_path, notebook_of("1-ingest", "ingest(run, options)", "x")) == []


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (lambda cells: cells.pop(0), "the first cell is not a title"),
        (lambda cells: cells[0].update(source="A title"), "the first cell is not a title"),
        (lambda cells: cells[1].metadata.update(tags=[]), "'parameters' are []; exactly cell 1"),
        (
            lambda cells: cells[4].metadata.update(tags=["parameters"]),
            "'parameters' are [1, 4]; exactly cell 1",
        ),
        (lambda cells: cells[1].update(source="a = 1"), "cell 1 is stale; run: make notebooks"),
        (lambda cells: cells[2].update(source="a = 1"), "cell 2 is stale; run: make notebooks"),
        (lambda cells: cells.append(new_code_cell("x")), "pairs of a sentence and a call"),
        (lambda cells: cells.append(new_markdown_cell("x")), "pairs of a sentence and a call"),
        (lambda cells: cells[4].update(execution_count=3), "cell 4: has outputs; clear them"),
        (
            lambda cells: cells[4].update(outputs=[new_output("stream", text="x")]),
            "cell 4: has outputs; clear them",
        ),
    ],
)
def test_every_flaw_of_the_layout_is_found(tmp_path: Path, alter: Alter, problem: str) -> None:
    """The file is named, and where it matters the cell."""
    document = notebook_of("1-ingest")
    alter(document.cells)

    assert any(
        told.startswith("1-ingest.ipynb") and problem in told for told in found(tmp_path, document)
    )


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("def f(): pass", "def"),
        ("async def f(): pass", "async def"),
        ("class A: pass", "class"),
        ("if run: x", "if"),
        ("for x in run: x", "for"),
        ("while run: x", "while"),
        ("with run: x", "with"),
        ("try: x\nexcept ValueError: x", "try"),
        ("f = lambda: 1", "lambda"),
        ("x = [f for f in (lambda: 1,)]", "lambda"),
    ],
)
def test_code_that_belongs_into_the_package_is_found(tmp_path: Path, code: str, word: str) -> None:
    """However deep it stands."""
    assert f"1-ingest.ipynb, cell 4: '{word}' belongs into the package" in found(
        tmp_path, notebook_of("1-ingest", code)
    )


@pytest.mark.parametrize("code", ["pd.set_option('a', 1)", "pd.options.display.width = 9"])
def test_options_of_libraries_are_found(tmp_path: Path, code: str) -> None:
    """How a table looks is the package's business."""
    (told,) = found(tmp_path, notebook_of("1-ingest", code))

    assert told.startswith("1-ingest.ipynb, cell 4: sets options of a library")


def test_a_notebook_with_too_few_cells_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Nothing else is said of it."""
    (told,) = found(tmp_path, new_notebook(cells=[new_markdown_cell("# A title")]))

    assert told == "1-ingest.ipynb: 1 cells; title, parameters, opening and a step are needed"


def test_all_problems_of_a_notebook_come_at_once(tmp_path: Path) -> None:
    """One pass mends them all."""
    document = notebook_of("1-ingest", "if run: x", "def f(): pass")
    document.cells[0].source = "no title"

    assert len(found(tmp_path, document)) == 3


def test_renewing_mends_generated_cells_and_clears_outputs(tmp_path: Path) -> None:
    """What people wrote is left as it is."""
    document = notebook_of("1-ingest", "x")
    document.cells[1].source = document.cells[2].source = "stale"
    document.cells[4].update(
        execution_count=1, outputs=[new_output("stream", name="stdout", text="x")]
    )
    path = tmp_path / "1-ingest.ipynb"
    nbformat.write(document, path)
    renew("1-ingest", path)

    assert list(problems("1-ingest", path)) == []
    assert nbformat.read(path, as_version=4).cells[4].source == "x"


def test_the_check_of_a_checkout_passes_when_all_notebooks_keep_the_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how many it looked at."""
    assert main([]) == 0
    assert capsys.readouterr().out == "6 notebooks keep the rules.\n"


def test_the_check_of_a_checkout_names_missing_broken_and_stale_notebooks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All in one go, and the exit code says so."""
    (folder / "1-ingest.ipynb").unlink()
    nbformat.write(notebook_of("2-validate", "x ="), folder / "2-validate.ipynb")
    (folder / "3-drift.ipynb").write_text("{ no notebook")
    stale = notebook_of("4-train")
    stale.cells[1].source = "a = 1"
    nbformat.write(stale, folder / "4-train.ipynb")
    code = main([])
    told = capsys.readouterr().out

    assert code == 1
    assert "1-ingest.ipynb is missing" in told
    assert "2-validate.ipynb, cell 4: is not Python: invalid syntax" in told
    assert "3-drift: " in told
    assert "4-train.ipynb: cell 1 is stale" in told


def test_write_renews_the_checkout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After it nothing is stale."""
    stale = notebook_of("4-train")
    stale.cells[1].source = "a = 1"
    nbformat.write(stale, folder / "4-train.ipynb")

    assert main(["--write"]) == 0
    assert main([]) == 0
    assert "stale" not in capsys.readouterr().out
