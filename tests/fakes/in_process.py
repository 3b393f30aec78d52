"""The real notebooks, executed in this process: no kernel is started, so a chain takes seconds.

`apply` makes the small cases take the place of the package's own.
"""

from __future__ import annotations

import ast
import io
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_output

import pipeline.case
import pipeline.runner
from pipeline.kernels.cells import OPENING
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.runner import performing
from pipeline.steps.view import Gallery
from pipeline.store import project

SUITE = Path(__file__).parent / "small_cases" / "expectations.json"
Patch = Callable[[object, str, object], None]
TURN = threading.Lock()
"""Standard output is that of the whole process: cells of two runs take turns."""


def apply(patch: Patch) -> None:
    """Replaces with `patch` (setattr, or that of a monkeypatch) all that small cases need."""
    patch(pipeline.case, "CASES_PACKAGE", "small_cases")
    patch(project, "suite", lambda case: SUITE)
    patch(performing, "execute", execute)
    patch(pipeline.runner, "ready", lambda engine: None)
    patch(pipeline.runner.tracks, "catch_up", lambda store, case: 0)
    pipeline.case.find_cases.cache_clear()


def execute(
    notebook: NotebookName,
    output: Path,
    values: dict[str, Any],
    *,
    turn: Callable[[], None] | None = None,
    **limits: object,
) -> None:
    """Does what `pipeline.kernels.execute` does, without a kernel and without limits."""
    NOTEBOOKS[notebook].checked(notebook, values)
    document = nbformat.read(project.notebook(notebook), as_version=4)
    names: dict[str, Any] = {}
    for place, cell in enumerate(document.cells):
        if cell.cell_type == "code":
            _run(cell, names, place)
        if "parameters" in cell.metadata.get("tags", []):
            names |= values
        if turn and OPENING in cell.metadata.get("tags", []):
            turn()
    output.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(document, output)


def _run(cell: Any, names: dict[str, Any], place: int) -> None:
    body = ast.parse(cell.source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    with TURN, redirect_stdout(io.StringIO()):
        exec(compile(ast.Module(body, []), f"cell {place}", "exec"), names)
        shown = last and eval(compile(ast.Expression(last.value), f"cell {place}", "eval"), names)
    cell.execution_count = place
    if shown is not None:
        cell.outputs = [
            new_output(
                "execute_result",
                data={"text/html": each._repr_html_(), "text/plain": repr(each)},
                execution_count=place,
            )
            for each in (shown.shown if isinstance(shown, Gallery) else [shown])
        ]
