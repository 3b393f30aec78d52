"""What a notebook shows of a step: its sentence, its tables and its figures, as it wrote them."""

from __future__ import annotations

import csv
import html
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StepError
from pipeline.records import Artifact, Record

SHOWN_ROWS = 60
LONG_WORDS = 24
LEAST_SEPARATED = 10_000
"""Smaller numbers may be years or hours."""
_WHOLE = re.compile(r"-?\d{1,15}\.0")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d):00(?:\+00:00|Z)?(?![\d.:])")
_MIDNIGHT = re.compile(r"\b(\d{4}-\d\d-\d\d) 00:00(?![\d:])")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Something to look at: HTML for a page, plain text for everything else."""

    page: str
    text: str

    def _repr_html_(self) -> str:
        return self.page

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Several things to look at, each an output of its own."""

    shown: tuple[Shown, ...]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for each in self.shown:
            display(each)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.shown))


@dataclass(frozen=True, kw_only=True)
class View:
    """A finished step. On its own it shows what was found; `table` and `figure` show more."""

    record: Record
    folder: Path
    """The folder of the run, which the paths of the record's files are relative to."""

    def _repr_html_(self) -> str:
        kind = "stopped" if self.record.stopped else "found"
        return f'<p class="vigie-sentence {kind}">{html.escape(self.record.sentence)}</p>'

    def __repr__(self) -> str:
        return self.record.sentence

    def table(self, name: str) -> Shown:
        """A table that the step wrote; the whole of it is in the CSV file beside the record."""
        return table_shown(self._artifact(name, ("table",)), self.folder, self.record.step)

    def figure(self, name: str) -> Shown:
        """A chart that the step drew, with what it shows in words."""
        artifact = self._artifact(name, ("figure", "trend"))
        return figure_shown(artifact, self.folder, self.record.step)

    def figures(self, *, but: str = "") -> Gallery:
        """All charts that the step drew, in its order, but those named, comma-separated."""
        left_out = {name.strip() for name in but.split(",")}
        shown = [
            self.figure(file.name)
            for file in self.record.files
            if file.kind == "figure" and file.name not in left_out
        ]
        return Gallery(shown=tuple(shown))

    def tables(self, beginning: str) -> Gallery:
        """All tables whose names begin so, in the step's order; it may have written none."""
        shown = [
            self.table(file.name)
            for file in self.record.files
            if file.kind == "table" and file.name.startswith(beginning)
        ]
        return Gallery(shown=tuple(shown))

    def _artifact(self, name: str, kinds: tuple[str, ...]) -> Artifact:
        known = [file for file in self.record.files if file.kind in kinds]
        for file in known:
            if file.name == name:
                return file
        names = ", ".join(file.name for file in known)
        raise StepError(
            f"Step {self.record.step!r} wrote no {kinds[0]} {name!r}. It wrote: {names}."
        )


def table_shown(artifact: Artifact, folder: Path, step: str) -> Shown:
    """A table from its CSV file in `folder`."""
    text = (folder / artifact.path).read_text()
    rows = list(csv.reader(io.StringIO(text)))
    return Shown(page=_table(artifact, rows[0], rows[1:], step), text=text)


def figure_shown(artifact: Artifact, folder: Path, step: str) -> Shown:
    """A chart from its SVG file in `folder`, with what it shows in words."""
    svg = (folder / artifact.path).read_text()
    page = (
        f'<figure class="vigie-figure" data-file="{step}/{artifact.name}">'
        f'<p class="title">{html.escape(artifact.title)}</p>'
        f'<div class="chart" role="img" tabindex="0" '
        f'aria-label="{html.escape(artifact.title)}">{svg}</div>'
        f'<figcaption class="words">{html.escape(artifact.alt)}</figcaption></figure>'
    )
    return Shown(page=page, text=f"{artifact.title}: {artifact.alt}")


def _table(artifact: Artifact, head: list[str], rows: list[list[str]], step: str) -> str:
    columns = [[row[place] for row in rows] for place in range(len(head))]
    kinds = [_kind(column) for column in columns]
    shown = [
        _rounded(column) if kind == "number" else column
        for column, kind in zip(columns, kinds, strict=True)
    ]
    lines = [
        _line("td", [column[place] for column in shown], kinds)
        for place in range(min(len(rows), SHOWN_ROWS))
    ]
    heads = _line("th", head, kinds, ' scope="col"')
    rest = len(rows) - SHOWN_ROWS
    more = f"<p>{rest:,} more rows in the CSV file.</p>" if rest > 0 else ""
    more = more if rows else "<p>None.</p>"
    return (
        f'<div class="vigie-table" data-file="{step}/{artifact.name}" tabindex="0" role="group" '
        f'aria-label="{html.escape(artifact.title)}"><table>'
        f"<caption>{html.escape(artifact.title)}</caption>"
        f"<thead>{heads}</thead>"
        f"<tbody>{''.join(lines)}</tbody></table>{more}</div>"
    )


def _line(tag: str, values: list[str], kinds: list[str], extra: str = "") -> str:
    cells = (_cell(tag, value, kind, extra) for value, kind in zip(values, kinds, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _cell(tag: str, value: str, kind: str, extra: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f"<{tag}{named}{extra}>{html.escape(_plain(value))}</{tag}>"


def _plain(text: str) -> str:
    """Times without what is the same for all of them: zone, seconds, midnight; a whole number
    whole. The CSV file has them as they are.
    """
    if _WHOLE.fullmatch(text):
        return _number(float(text), 0)
    shorter = _TIME.sub(r"\1 \2", text)
    return _MIDNIGHT.sub(r"\1", shorter)


def _kind(column: list[str]) -> str:
    """Class of a column's cells: numbers are aligned, long words get room."""
    if any(column) and all(_is_number(text) for text in column):
        return "number"
    return "words" if any(len(text) > LONG_WORDS for text in column) else ""


def _rounded(column: list[str]) -> list[str]:
    """The numbers with equal decimals, three digits for the largest; large ones separated."""
    values = [float(text) for text in column if text]
    largest = max(abs(value) for value in values)
    whole = all(value == int(value) for value in values)
    decimals = 0 if whole else min(4, max(0, 2 - math.floor(math.log10(largest))))
    return [_number(float(text), decimals) if text else "" for text in column]


def _number(value: float, decimals: int) -> str:
    separator = "," if abs(value) >= LEAST_SEPARATED else ""
    return f"{value:{separator}.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text or "0"))
    except ValueError:
        return False
