"""The cells of a notebook that follow from its options: parameters and opening.

They are generated, and `make check` finds them stale when they differ from the model.
"""

from __future__ import annotations

import json
import types
import typing
from typing import Any, Literal

from pydantic.fields import FieldInfo

from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import STEPS_OF

OPENING = "opening"
"""Tag of the opening cell. A notebook that was begun before its turn waits for it there."""
PREPARES: frozenset[NotebookName] = frozenset({"5-evaluate"})
"""Notebooks whose first step has a `prepare`: what takes long and may be done before its turn."""


def parameters_cell(notebook: NotebookName) -> str:
    """One line a parameter: name, type, default, and its help in a comment."""
    fields = NOTEBOOKS[notebook].model_fields
    return "\n".join(_line(name, field) for name, field in fields.items())


def opening_cell(notebook: NotebookName) -> str:
    """Imports, the options from the parameters, and the run that the notebook works in."""
    model, (first, *others) = NOTEBOOKS[notebook], STEPS_OF[notebook]
    prepares = notebook in PREPARES
    wanted = {first: f"{first}, prepare" if prepares else str(first)}
    wanted |= {step: str(step) for step in others}
    imports = [
        f"from pipeline.options import {model.__name__}",
        *sorted(
            [f"from pipeline.steps.{step} import {names}" for step, names in wanted.items()]
            + ["from pipeline.steps.run import open_run"]
        ),
    ]
    arguments = "\n".join(f"    {name}={name}," for name in model.model_fields)
    return (
        "\n".join(imports)
        + f"\n\noptions = {model.__name__}(\n{arguments}\n)\nrun = open_run(options)"
        + ("\nprepare(run)" if prepares else "")
    )


def _line(name: str, field: FieldInfo) -> str:
    typed = f"{name}: {_annotation(field.annotation)} = {_literal(field.default)}"
    return f"{typed}  # {field.description}"


def _literal(value: object) -> str:
    """As the formatter writes it: text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _annotation(kind: Any) -> str:
    """A type as papermill reads it: it doesn't see `int | None`, but it sees "Optional[int]"."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
        return f'"Optional[{_annotation(inner)}]"'
    if origin is Literal:
        return type(typing.get_args(kind)[0]).__name__
    if origin is typing.Annotated:
        return _annotation(typing.get_args(kind)[0])
    return str(kind.__name__)
