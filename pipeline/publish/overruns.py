"""What the pages on data and drift show of the newest runs side by side: a table of columns x runs.

Cells carry words beside their colour. Tables hold so many runs at most; the file beside them more.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.publish import markup, words
from pipeline.publish.history import ColumnThen, ExpectationThen, RunThen, thinned

MOST = 12
"""Runs in a table."""
STRENGTHS = (0.1, 0.3, 0.8)
"""Effects, in standard deviations, from which a cell is shaded more strongly."""
Csv = tuple[Sequence[str], Iterable[Sequence[object]]]


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


def drift_blocks(rows: Sequence[RunThen], folder: Path) -> list[str]:
    """The heat map of drift, with its data beside it; nothing before the second run."""
    measured = [row for row in rows if row.drift is not None]
    if len(measured) < 2:
        return []
    matrix = _matrix(
        measured,
        name="drift_over_runs",
        title="Drift over the runs",
        explained="Size of each column's change, in standard deviations of what the champion had "
        "learned from. A cell with “alarm” is a change beyond chance that is large enough to "
        "matter; the darker, the larger.",
        names=lambda row: [column.column for column in row.drift or ()],
        cell=_drift_cell,
    )
    _write(folder, matrix.name, _drift_csv(measured))
    return [markup.block("matrix.html.j2", matrix=matrix)]


def data_blocks(rows: Sequence[RunThen], folder: Path) -> list[str]:
    """What arrived and how many rows held to the expectations, run by run."""
    arrived = [row for row in rows if row.data is not None]
    if len(arrived) < 2:
        return []
    judged = [row for row in arrived if row.expectations]
    _write(folder, "arrived_over_runs", _arrived_csv(arrived))
    found = [
        markup.block(
            "arrived.html.j2",
            rows=arrived[: -MOST - 1 : -1],
            left_out=max(0, len(arrived) - MOST),
        ),
    ]
    if len(judged) >= 2:
        matrix = _matrix(
            judged,
            name="expectations_over_runs",
            title="Expectations over the runs",
            explained="Share of the rows that held to each expectation; “passed” or “failed” where "
            "a table is judged as a whole.",
            names=lambda row: [one.name for one in row.expectations],
            cell=_expectation_cell,
        )
        _write(folder, matrix.name, _expectations_csv(judged))
        found.append(markup.block("matrix.html.j2", matrix=matrix))
    return found


def _matrix(
    rows: Sequence[RunThen],
    *,
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
        left_out=len(rows) - len(newest),
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


def _drift_csv(rows: Sequence[RunThen]) -> Csv:
    heads = ("run", "as of", "column", "effect", "alarm", "adjusted p-value")
    lines = (
        (row.run_id, time, one.column, one.effect, one.alarm, one.adjusted_p_value)
        for row in thinned(rows)
        for time in [_time(row)]
        for one in row.drift or ()
    )
    return heads, lines


def _expectations_csv(rows: Sequence[RunThen]) -> Csv:
    heads = ("run", "as of", "expectation", "severity", "passed", "rows judged", "rows that failed")
    lines = (
        (row.run_id, time, one.name, one.severity, one.success, one.evaluated, one.unexpected)
        for row in thinned(rows)
        for time in [_time(row)]
        for one in row.expectations
    )
    return heads, lines


def _arrived_csv(rows: Sequence[RunThen]) -> Csv:
    heads = ("run", "as of", "newest", "rows", "new", "revised", "in quarantine")
    lines = (
        (
            row.run_id,
            _time(row),
            words.stamp(row.data.newest) if row.data.newest else "",
            row.data.rows,
            row.data.inserted,
            row.data.updated,
            "" if row.data.quarantined is None else row.data.quarantined,
        )
        for row in thinned(rows)
        if row.data
    )
    return heads, lines


def _time(row: RunThen) -> str:
    return words.stamp(row.as_of) if row.as_of else ""


def _write(folder: Path, name: str, held: Csv) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    heads, lines = held
    writer.writerow(heads)
    writer.writerows(lines)
    path = folder / "files" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(buffer.getvalue(), encoding="utf-8")
