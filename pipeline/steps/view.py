"""What a notebook shows of a step: its sentence, its tables and its figures, as it wrote them."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StepError
from pipeline.records import Artifact, Record

SHOWN_ROWS = 60


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
        artifact = self._artifact(name, "table")
        text = (self.folder / artifact.path).read_text()
        rows = list(csv.reader(io.StringIO(text)))
        return Shown(page=_table(artifact, rows[0], rows[1:], self.record.step), text=text)

    def figure(self, name: str) -> Shown:
        """A chart that the step drew, with what it shows in words."""
        artifact = self._artifact(name, "figure")
        svg = (self.folder / artifact.path).read_text()
        page = (
            f'<figure class="vigie-figure" data-file="{self.record.step}/{name}">'
            f'<figcaption class="title">{html.escape(artifact.title)}</figcaption>'
            f'<div class="chart" role="img" aria-label="{html.escape(artifact.alt)}">{svg}</div>'
            f'<figcaption class="words">{html.escape(artifact.alt)}</figcaption></figure>'
        )
        return Shown(page=page, text=f"{artifact.title}: {artifact.alt}")

    def _artifact(self, name: str, kind: str) -> Artifact:
        known = [file for file in self.record.files if file.kind == kind]
        for file in known:
            if file.name == name:
                return file
        names = ", ".join(file.name for file in known)
        raise StepError(f"Step {self.record.step!r} wrote no {kind} {name!r}. It wrote: {names}.")


def _table(artifact: Artifact, head: list[str], rows: list[list[str]], step: str) -> str:
    numeric = [
        bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(head))
    ]
    cells = [
        "<tr>"
        + "".join(_cell("td", value, number) for value, number in zip(row, numeric, strict=True))
        + "</tr>"
        for row in rows[:SHOWN_ROWS]
    ]
    heads = "".join(
        _cell("th", value, number, ' scope="col"')
        for value, number in zip(head, numeric, strict=True)
    )
    rest = len(rows) - SHOWN_ROWS
    more = f"<p>{rest} more rows in the CSV file.</p>" if rest > 0 else ""
    return (
        f'<div class="vigie-table" data-file="{step}/{artifact.name}" tabindex="0" role="region" '
        f'aria-label="{html.escape(artifact.title)}"><table>'
        f"<caption>{html.escape(artifact.title)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(cells)}</tbody></table>{more}</div>"
    )


def _cell(tag: str, value: str, number: bool, extra: str = "") -> str:
    kind = ' class="number"' if number else ""
    return f"<{tag}{kind}{extra}>{html.escape(value)}</{tag}>"


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True
