"""Which task a target is for, and what tells its rows apart."""

from __future__ import annotations

from typing import Literal

from pipeline.errors import OptionError
from pipeline.newcase.reading import Guess
from pipeline.newcase.times import Grid, first_twice
from pipeline.schema import Kind
from pipeline.sources.flat import ROW
from pipeline.tasks import timesteps

TaskName = Literal["forecasting", "regression", "classification"]
MOST_CLASSES = 30


def choose_task(
    guess: Guess, target: str, kind: Kind, grid: Grid, asked: str
) -> tuple[TaskName, str]:
    """The task and on what grounds; raises `OptionError` where the one asked for can't be."""
    numeric = kind in ("number", "integer")
    values = guess.values(target)
    if asked in ("forecasting", "regression") and not numeric:
        raise OptionError(
            f"--task {asked}: column {target!r} holds {kind} values, not numbers, such as "
            f"{_strange(guess, target)!r}. Use --task classification, or another target."
        )
    if asked == "forecasting" and grid.step is None:
        raise OptionError(
            "--task forecasting needs --time, a column of times one distance apart, such as "
            "15 minutes, an hour, a day, a week, a quarter or a year, each once for a series; here "
            f"{grid.why_not}. Or use --task regression."
        )
    if asked == "classification" or not numeric:
        _require_classes(guess, target, numeric=numeric)
        return "classification", f"Task: classification; {target!r} has {len(values)} classes."
    if grid.step and asked in ("", "forecasting"):
        return "forecasting", (
            f"Task: forecasting; times lie {timesteps.apart(grid.step)} apart, a step written "
            f"{grid.step!r}."
        )
    if kind == "integer" and len(values) == 2 and not asked:
        return "classification", (
            f"Task: classification; {target!r} is either {values[0]} or {values[1]}. With --task "
            "regression they are taken as numbers."
        )
    return "regression", f"Task: regression; {target!r} is a number, and {grid.why_not}."


def choose_key(
    guess: Guess, series: tuple[str, ...], time: str, said: list[str]
) -> tuple[str, ...]:
    """What was named, where it is unique, or with the time; else the number of the row."""
    if not series:
        said.append(
            "Key: the number of the row, as no --key was named. A file whose rows move is then "
            "seen as revised."
        )
        return (ROW,)
    for names in (series, (*series, time) if time else series):
        rows = list(zip(*(guess.columns[name] for name in names), strict=True))
        twice = first_twice(rows)
        if twice is None:
            return names
    one, other = twice or (0, 0)
    often = len(rows) - len(set(rows))
    shown = ", ".join(f"{name} {value!r}" for name, value in zip(names, rows[one], strict=True))
    raise OptionError(
        f"--key {', '.join(series)}: rows share a key, as lines {one + 2} and {other + 2} do "
        f"({shown}; keys that are repeated: {often:,}). Remove doubled rows, name "
        "more columns, or leave --key out: rows are then told apart by their number."
    )


def _require_classes(guess: Guess, target: str, *, numeric: bool) -> None:
    classes = len(guess.values(target))
    if classes <= MOST_CLASSES:
        return
    other = "" if numeric else f" Not all of its values are numbers: {_strange_at(guess, target)}."
    raise OptionError(
        f"Column {target!r} has {classes} different values: at most {MOST_CLASSES} can be "
        f"classes.{other} Name another target, or write plain numbers, without signs or units."
    )


def _strange_at(guess: Guess, target: str) -> str:
    """The first value that is no number, with its line."""
    odd = _strange(guess, target)
    return f"line {guess.columns[target].index(odd) + 2} has {odd!r}"


def _strange(guess: Guess, target: str) -> str:
    """The first value that is no number."""
    return next(v for v in guess.columns[target] if v and not guess.numerals.is_number(v))
