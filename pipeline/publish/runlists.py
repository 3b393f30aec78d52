"""How the list of a case's runs is divided, so that old parts of it never change again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.publish import words
from pipeline.store.ledger import Line

LENGTH = 25
"""Runs of an older list. The newest list has as many at least, and fewer than twice as many."""


@dataclass(frozen=True, kw_only=True)
class RunList:
    """Some runs of a case, one after the other, and the page that lists them."""

    file: str
    lines: tuple[Line, ...]
    """Oldest first."""
    newest: bool
    first: int
    """Place of its first run among all."""

    @property
    def title(self) -> str:
        """What tells the page from those of the other lists."""
        return "runs" if self.newest else f"runs {self.stretch}"

    @property
    def stretch(self) -> str:
        """From when to when, in words."""
        days = [words.date_text(datetime.fromisoformat(line.as_of)) for line in self._dated]
        return f"{days[0]} to {days[-1]}" if days else "of unknown time"

    @property
    def _dated(self) -> list[Line]:
        dated = [line for line in self.lines if line.as_of]
        return [dated[0], dated[-1]] if dated else []


def lists_of(lines: Sequence[Line]) -> tuple[RunList, ...]:
    """The lists of all runs, newest first, made of runs that come oldest first; one at least.

    Older lists are numbered from the oldest on, and each keeps its number and its runs as runs are
    added.
    """
    full = max(0, len(lines) // LENGTH - 1)
    older = [
        RunList(
            file=f"list-{number + 1}",
            lines=tuple(lines[number * LENGTH : (number + 1) * LENGTH]),
            newest=False,
            first=number * LENGTH,
        )
        for number in range(full)
    ]
    newest = RunList(
        file="index", lines=tuple(lines[full * LENGTH :]), newest=True, first=full * LENGTH
    )
    return (newest, *reversed(older))
