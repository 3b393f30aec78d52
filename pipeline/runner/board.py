"""What a terminal shows while runs go on; elsewhere lines are printed as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.saying import Say


@contextmanager
def board(cases: list[str], say: Say) -> Iterator[Say]:
    """One line a case: what it said last, and for how long it has been at work since."""
    if not sys.stdout.isatty():
        yield say
        return
    from rich.console import Console
    from rich.live import Live

    lines = Lines(cases)
    with Live(lines, console=Console(highlight=False), refresh_per_second=2):
        yield lines.say
        lines.end()


@contextmanager
def bar(total: int, say: Say) -> Iterator[Say]:
    """Lines as they come, and below them how many of `total` there were and the time left."""
    if not sys.stdout.isatty():
        yield say
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=total)

        def said(line: str) -> None:
            progress.console.print(line, highlight=False, markup=False)
            progress.advance(task)

        yield said


class Lines:
    """The newest line of every case, with the seconds since it came."""

    def __init__(self, cases: list[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest = {case: (f"{case:<10} waits", clock()) for case in cases}
        self._ended = False

    def say(self, line: str) -> None:
        """Takes a line, which begins with the name of its case."""
        case = line.split(maxsplit=1)[0] if line.strip() else ""
        if case in self._newest:
            self._newest[case] = (line, self._clock())

    def end(self) -> None:
        """Nothing is at work any more: seconds are no longer counted."""
        self._ended = True

    def __rich__(self) -> Any:
        from rich.text import Text

        now = self._clock()
        shown = []
        for line, since in self._newest.values():
            first = line.splitlines()[0]
            running = "" if self._ended else f"{now - since:5.0f} s  "
            shown.append(f"{running}{first}")
        return Text("\n".join(shown), no_wrap=True, overflow="ellipsis")
