"""The generated cells say what the options say, to papermill and to Python."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pipeline.kernels.cells import opening_cell, parameters_cell
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import STEPS_OF


def inspected(cell: str, folder: Path) -> dict[str, Any]:
    """What papermill reads of a parameters cell."""
    path = folder / "n.ipynb"
    parameters = new_code_cell(cell, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "language": "python", "display_name": "Python"}
    nbformat.write(new_notebook(cells=[parameters], metadata={"kernelspec": kernel}), path)
    found: dict[str, Any] = papermill.inspect_notebook(path)
    return found


@pytest.mark.parametrize("notebook", list(NOTEBOOKS))
def test_papermill_reads_back_every_parameter(notebook: NotebookName, tmp_path: Path) -> None:
    """Names in their order, types, defaults and help, as `--help-notebook` shows them."""
    fields = NOTEBOOKS[notebook].model_fields
    found = inspected(parameters_cell(notebook), tmp_path)

    assert list(found) == list(fields)
    for name, field in fields.items():
        assert ast.literal_eval(found[name]["default"]) == field.default
        assert found[name]["help"] == field.description


@pytest.mark.parametrize("notebook", list(NOTEBOOKS))
def test_the_cells_run_and_give_the_defaults(notebook: NotebookName) -> None:
    """Parameters and options agree; every step of the notebook is imported."""
    names: dict[str, Any] = {}
    exec(parameters_cell(notebook), names)
    opening, _, _ = opening_cell(notebook).partition("run = open_run(options)")
    exec(opening, names)

    assert names["options"] == NOTEBOOKS[notebook]()
    assert all(callable(names[step]) for step in STEPS_OF[notebook])


def test_types_are_written_as_papermill_understands_them(tmp_path: Path) -> None:
    """`int | None` would be invisible to it; a choice is of the type of its values."""
    found = inspected(parameters_cell("3-drift"), tmp_path)

    assert {name: told["inferred_type_name"] for name, told in found.items()} == {
        "case": "str",
        "source": "str",
        "data": "str",
        "home": "str",
        "run_id": "str",
        "as_of": "str",
        "alpha": "float",
        "material": "float",
        "current_days": "Optional[int]",
        "current": "str",
        "retrain": "str",
    }
