"""What two windows must have before they can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.errors import StepError
from pipeline.shift._layout import Table

KINDS = ("number", "integer", "boolean", "category")


def check_windows(reference: Table, current: Table, kinds: Mapping[str, str]) -> None:
    """Raises `StepError` with all problems of the windows."""
    problems = [
        f"{name!r} is of kind {kind!r}; leave it out, or give one of {', '.join(KINDS)}"
        for name, kind in kinds.items()
        if kind not in KINDS
    ]
    for window, table in (("reference", reference), ("current", current)):
        problems += _window_problems(window, table, kinds)
    for what in ("times", "entities"):
        if (getattr(reference, what) is None) != (getattr(current, what) is None):
            problems.append(f"one window has {what} and the other has not; give both or none")
    if problems:
        raise StepError.for_problems("The windows can't be compared:", problems)


def _window_problems(window: str, table: Table, kinds: Mapping[str, str]) -> Iterator[str]:
    if not table.rows:
        yield f"the {window} window is empty; choose another, or wait for more rows"
    given = {**table.columns, "its times": table.times, "its entities": table.entities}
    for name in kinds:
        if name not in table.columns:
            yield f"the {window} window has no column {name!r}; add it, or leave its kind out"
    for name, values in given.items():
        if values is not None and len(values) != table.rows:
            yield (
                f"the {window} window has {table.rows} rows and {len(values)} values of {name!r}; "
                "give one a row"
            )
