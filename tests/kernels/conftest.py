"""Tiny notebooks that take the place of the checkout's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from pipeline.kernels.cells import parameters_cell
from pipeline.store import project

KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}
Write = Callable[..., Path]


@pytest.fixture
def write_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes `1-ingest` of these cells after its parameters."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(project, "NOTEBOOKS", folder)

    def write(*cells: str) -> Path:
        parameters = new_code_cell(parameters_cell("1-ingest"), metadata={"tags": ["parameters"]})
        document = new_notebook(
            cells=[new_markdown_cell("# Tiny"), parameters, *map(new_code_cell, cells)],
            metadata={"kernelspec": KERNEL},
        )
        path = folder / "1-ingest.ipynb"
        nbformat.write(document, path)
        return path

    return write
