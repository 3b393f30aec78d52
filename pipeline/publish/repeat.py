"""The parameters that a notebook ran with, and the command that runs it with them again."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pipeline.options import SETTINGS_OF_A_RUN, Options
from pipeline.publish import markup, words
from pipeline.records import Record

FOLDER = "FOLDER"


def parameters_block(options: type[Options], record: Record) -> str:
    """The table of the notebook's own parameters with its command, as a block of a page."""
    rows = [
        (name, _shown(value), _meaning(options, name), value != _default(options, name))
        for name, value in own_parameters(options, record).items()
    ]
    return markup.block(
        "parameters.html.j2", rows=rows, record=record, command=command(options, record)
    )


def command(options: type[Options], record: Record) -> str:
    """The shell command that repeats the run of this notebook.

    The folder of source `files` is not in the record, since it names the machine's own places.
    """
    parts = ["vigie", "run", record.case, "--source", record.source]
    if record.source == "files":
        parts += ["--data", FOLDER]
    parts += ["--as-of", words.stamp(record.as_of)]
    for name, value in own_parameters(options, record).items():
        if value != _default(options, name):
            parts += ["--set", f"{name}={_written(value)}"]
    return shlex.join(parts)


def own_parameters(options: type[Options], record: Record) -> dict[str, Any]:
    """The notebook's own parameters as the record holds them, in the order of its options."""
    return {
        name: record.parameters[name]
        for name in options.model_fields
        if name in record.parameters and name not in SETTINGS_OF_A_RUN
    }


def _default(options: type[Options], name: str) -> Any:
    return options.model_fields[name].default


def _meaning(options: type[Options], name: str) -> str:
    return options.model_fields[name].description or ""


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "empty"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
