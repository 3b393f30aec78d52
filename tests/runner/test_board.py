"""What a terminal shows while runs go on."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pipeline.runner.board import Lines, Say, bar, board


class Terminal(io.StringIO):
    """An output that somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("shown", [lambda say: board(["tiny"], say), lambda say: bar(2, say)])
def test_lines_are_plain_where_nobody_watches(
    shown: Callable[[Say], AbstractContextManager[Say]],
) -> None:
    """A log has no use for what moves."""
    said: list[str] = []
    with shown(said.append) as say:
        say("tiny       1-ingest      0.1 s   2 rows")

    assert said == ["tiny       1-ingest      0.1 s   2 rows"]


def test_a_case_has_one_line_with_the_seconds_since_it_came() -> None:
    """The newest of what it said; an ended board counts no more."""
    now = [0.0]
    lines = Lines(["tiny", "broken"], clock=lambda: now[0])
    now[0] = 7
    lines.say("tiny       1-ingest      0.1 s   2 rows\nand more")
    lines.say("no case of these")
    now[0] = 9
    running = lines.__rich__().plain
    lines.end()

    assert running.splitlines() == [
        "    2 s  tiny       1-ingest      0.1 s   2 rows",
        "    9 s  broken     waits",
    ]
    assert lines.__rich__().plain.splitlines()[0] == "tiny       1-ingest      0.1 s   2 rows"


def test_a_terminal_shows_the_newest_line_of_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves it there at the end."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    with board(["tiny"], print) as say:
        say("tiny       nothing new  run 1 stands")

    assert "nothing new  run 1 stands" in terminal.getvalue()


def test_a_terminal_shows_how_many_dates_are_done_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Below the lines as they come."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    with bar(2, print) as say:
        say("tiny       2024-02-20 done")
        say("tiny       2024-02-21 done")

    assert "2024-02-20 done" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert "left" in terminal.getvalue()
