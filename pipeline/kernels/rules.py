"""What a notebook may hold: a title, its parameters, one opening, then sentences and calls.

`python -m pipeline.kernels.rules` checks all notebooks; with `--write` it renews the generated
cells first.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from pipeline.errors import StateError
from pipeline.kernels.cells import OPENING, opening_cell, parameters_cell
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.store import project

REFUSED = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "async def",
    ast.ClassDef: "class",
    ast.If: "if",
    ast.For: "for",
    ast.While: "while",
    ast.With: "with",
    ast.Try: "try",
    ast.Lambda: "lambda",
}


def problems(notebook: NotebookName, path: Path) -> Iterator[str]:
    """Everything that is wrong with a notebook, as sentences."""
    cells = nbformat.read(path, as_version=4).cells
    if len(cells) < 4:
        yield f"{path.name}: {len(cells)} cells; title, parameters, opening and a step are needed"
        return
    if not cells[0].source.startswith("# "):
        yield f"{path.name}: the first cell is not a title"
    tagged = [place for place, cell in enumerate(cells) if "parameters" in _tags(cell)]
    if tagged != [1]:
        yield f"{path.name}: cells tagged 'parameters' are {tagged}; exactly cell 1 must be"
    for place, wanted in ((1, parameters_cell(notebook)), (2, opening_cell(notebook))):
        if cells[place].source != wanted:
            yield f"{path.name}: cell {place} is stale; run: make notebooks"
    opening = [place for place, cell in enumerate(cells) if OPENING in _tags(cell)]
    if opening != [2]:
        yield f"{path.name}: cells tagged {OPENING!r} are {opening}; exactly cell 2 must be"
    yield from _pairs(path.name, cells[3:])
    for place, cell in enumerate(cells):
        yield from _cell_problems(f"{path.name}, cell {place}", cell)


def renew(notebook: NotebookName, path: Path) -> None:
    """Writes the generated cells into the notebook, and clears outputs and counts."""
    document = nbformat.read(path, as_version=4)
    document.cells[1].source = parameters_cell(notebook)
    document.cells[2].source = opening_cell(notebook)
    document.cells[2].metadata["tags"] = [OPENING]
    for cell in document.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(document, path)


def _pairs(name: str, cells: list[Any]) -> Iterator[str]:
    kinds = [cell.cell_type for cell in cells]
    if kinds != ["markdown", "code"] * (len(cells) // 2):
        yield f"{name}: after the opening come pairs of a sentence and a call, found {kinds}"


def _cell_problems(where: str, cell: Any) -> Iterator[str]:
    if cell.cell_type != "code":
        return
    if cell.outputs or cell.execution_count:
        yield f"{where}: has outputs; clear them (make notebooks)"
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        yield f"{where}: is not Python: {error.msg}"
        return
    for node in ast.walk(tree):
        if type(node) in REFUSED:
            yield f"{where}: {REFUSED[type(node)]!r} belongs into the package"
        if isinstance(node, ast.Attribute) and node.attr in ("set_option", "options"):
            yield f"{where}: sets options of a library; that belongs into the package"


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def main(arguments: list[str]) -> int:
    """Checks every notebook and prints what is wrong; 1 when something is."""
    found: list[str] = []
    for notebook in NOTEBOOKS:
        try:
            path = project.notebook(notebook)
            if "--write" in arguments:
                renew(notebook, path)
            found += problems(notebook, path)
        except (StateError, ValueError) as error:
            found.append(f"{notebook}: {error}")
    print("\n".join(found) or f"{len(NOTEBOOKS)} notebooks keep the rules.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
