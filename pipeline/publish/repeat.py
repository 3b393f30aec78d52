"""The parameters that a notebook ran with, and the command that runs it with them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from pipeline.options import NOTEBOOKS, SETTINGS_OF_A_RUN, Options
from pipeline.publish import markup, words
from pipeline.records import Record, RunRecord, notebook_of

FOLDER = "FOLDER"
Row = tuple[str, str, str, bool]


def parameters_block(options: type[Options], record: Record) -> str:
    """The table of the notebook's own parameters with its command, as a block of a page."""
    return markup.block(
        "parameters.html.j2",
        rows=parameter_rows(options, record),
        record=record,
        notebook=notebook_of(record.step),
        command=command(options, record),
    )


def parameter_rows(options: type[Options], record: Record) -> list[Row]:
    """Name, value, meaning, and whether the value differs from the default."""
    changed = changed_parameters(options, record)
    return [
        (name, _shown(value), _meaning(options, name), name in changed)
        for name, value in own_parameters(options, record).items()
    ]


def command(options: type[Options], record: Record) -> str:
    """The shell command that repeats the run of this notebook.

    The folder of source `files` is not in the record, since it names the machine's own places.
    """
    return _command(
        record.case, record.source, record.as_of, changed_parameters(options, record).items()
    )


def commands(whole: RunRecord | None, records: Sequence[Record]) -> list[str]:
    """What repeats a whole run: one command, unless it was put together by hand from notebooks
    that had different values of one parameter; then one a notebook.
    """
    if not records:
        return [_command(whole.case, whole.source, whole.as_of, ())] if whole else []
    by_notebook = {notebook_of(record.step): record for record in records}
    changed = {
        setting
        for notebook, record in by_notebook.items()
        for setting in own_settings(NOTEBOOKS[notebook], record)
    }
    if len({name for name, _ in changed}) < len(changed):
        return [command(NOTEBOOKS[notebook], record) for notebook, record in by_notebook.items()]
    last = records[-1]
    together: dict[str, Any] = {}
    for notebook, record in by_notebook.items():
        together |= changed_parameters(NOTEBOOKS[notebook], record)
    return [_command(last.case, last.source, last.as_of, together.items())]


def _command(
    case: str, source: str, as_of: datetime | None, settings: Iterable[tuple[str, Any]]
) -> str:
    parts = ["vigie", "run", case, "--source", source]
    if source == "files":
        parts += ["--data", FOLDER]
    if as_of is not None:
        parts += ["--as-of", words.stamp(as_of)]
    for name, value in settings:
        parts += ["--set", f"{name}={_written(value)}"]
    return shlex.join(parts)


def changed_parameters(options: type[Options], record: Record) -> dict[str, Any]:
    """The notebook's own parameters that were not at their defaults."""
    return {
        name: value
        for name, value in own_parameters(options, record).items()
        if value != _default(options, name)
    }


def own_settings(options: type[Options], record: Record) -> Iterator[tuple[str, str]]:
    """The notebook's own parameters as `--set` writes them."""
    for name, value in own_parameters(options, record).items():
        yield name, _written(value)


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
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value or "empty"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
