"""What the pages on data and drift show of the newest runs side by side: a table of columns x runs.

Cells carry words beside their colour. Tables hold so many runs at most; the file beside them more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.publish import markup, words
from pipeline.publish.csvlines import Told, csv_of
from pipeline.publish.history import Past
from pipeline.publish.rows import ColumnThen, ExpectationThen, RunThen

MOST = 12
"""Runs in a table."""
STRENGTHS = (0.1, 0.3, 0.8)
"""Effects, in standard deviations, from which a cell is shaded more strongly."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One column in one run."""

    text: str
    note: str = ""
    kind: str = ""
    """Class of its colour."""


NOT_THERE = Cell(text="\N{EN DASH}")


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A table of names x runs, the newest run first."""

    name: str
    title: str
    explained: str
    heads: tuple[RunThen, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    left_out: int
    """Earlier runs that are in the file alone."""


def drift_blocks(past: Past, folder: Path) -> list[str]:
    """The heat map of drift, with its data beside it; nothing before the second run."""
    measured = [row for row in past.newest if row.drift is not None]
    if len(measured) < 2:
        return []
    matrix = _matrix(
        measured,
        in_all=_write(folder, "drift", past),
        name="drift_over_runs",
        title="Drift over the runs",
        explained="Size of each column's change, in standard deviations of what the champion had "
        "learned from or was last examined on. A cell with “alarm” is a change beyond chance that "
        "is large enough to matter; the darker, the larger.",
        names=lambda row: [column.column for column in row.drift or ()],
        cell=_drift_cell,
    )
    return [markup.block("matrix.html.j2", matrix=matrix)]


def data_blocks(past: Past, folder: Path) -> list[str]:
    """What arrived and how many rows held to the expectations, run by run."""
    arrived = [row for row in past.newest if row.data is not None]
    if len(arrived) < 2:
        return []
    judged = [row for row in arrived if row.expectations]
    shown, in_all = arrived[: -MOST - 1 : -1], _write(folder, "arrived", past)
    found = [markup.block("arrived.html.j2", rows=shown, left_out=in_all - len(shown))]
    if len(judged) >= 2:
        matrix = _matrix(
            judged,
            in_all=_write(folder, "expectations", past),
            name="expectations_over_runs",
            title="Expectations over the runs",
            explained="Share of the rows that held to each expectation; “passed” or “failed” where "
            "a table is judged as a whole.",
            names=lambda row: [one.name for one in row.expectations],
            cell=_expectation_cell,
        )
        found.append(markup.block("matrix.html.j2", matrix=matrix))
    return found


def _matrix(
    rows: Sequence[RunThen],
    *,
    in_all: int,
    name: str,
    title: str,
    explained: str,
    names: Callable[[RunThen], list[str]],
    cell: Callable[[RunThen, str], Cell],
) -> Matrix:
    newest = rows[: -MOST - 1 : -1]
    known = dict.fromkeys(one for row in newest for one in names(row))
    return Matrix(
        name=name,
        title=title,
        explained=explained,
        heads=tuple(newest),
        rows=tuple((one, tuple(cell(row, one) for row in newest)) for one in known),
        left_out=in_all - len(newest),
    )


def _drift_cell(row: RunThen, name: str) -> Cell:
    column = next((one for one in row.drift or () if one.column == name), None)
    if column is None:
        return NOT_THERE
    note = "alarm" if column.alarm else ""
    return Cell(text=words.effect(column.effect), note=note, kind=_shade(column))


def _shade(column: ColumnThen) -> str:
    strength = sum(abs(column.effect) >= limit for limit in STRENGTHS)
    return f"{'alarm' if column.alarm else 'calm'}-{strength}"


def _expectation_cell(row: RunThen, name: str) -> Cell:
    found = next((one for one in row.expectations if one.name == name), None)
    if found is None:
        return NOT_THERE
    text = words.pass_rate(found.evaluated, found.unexpected) if _by_row(found) else ""
    if found.success:
        return Cell(text=text or "passed")
    kind = {"gate": "alarm-3", "row": "alarm-1", "note": "calm-1"}[found.severity]
    return Cell(text=text or "failed", note="failed" if text else "", kind=kind)


def _by_row(found: ExpectationThen) -> bool:
    """Whether single rows were judged; a table that failed as a whole has no failing rows."""
    return found.evaluated > 0 and (found.unexpected > 0 or found.success)


def _write(folder: Path, told: Told, past: Past) -> int:
    """Writes the file of all runs that the history names, and says how many have lines in it."""
    lines = [lines[told] for lines in past.lines if lines[told]]
    path = folder / "files" / f"{told}_over_runs.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_of(told, lines), encoding="utf-8")
    return len(lines)
