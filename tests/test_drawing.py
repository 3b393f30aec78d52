"""Charts drawn by another process, or here where there is none."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import drawing
from pipeline.drawing import Drawing, serve, svg_of

CHART: dict[str, Any] = {
    "data": {"values": [{"x": 1}, {"x": 2}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other side's end of the socket that this process asks through."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(Drawing, "process", ours)
    with ours, theirs:
        yield theirs


def serving(control: socket.socket, draw: drawing.Draw) -> Thread:
    """What another process does, on a thread."""
    thread = Thread(target=serve, args=(control, draw))
    thread.start()
    return thread


def test_a_chart_is_drawn_by_the_other_process(control: socket.socket) -> None:
    """However long its data are."""
    long = {**CHART, "data": {"values": [{"x": number} for number in range(100_000)]}}
    thread = serving(control, lambda spec: f"<svg>{len(spec['data']['values'])}</svg>")

    assert "<svg>100000</svg>" == svg_of(long)
    assert "<svg>2</svg>" == svg_of(CHART)

    assert Drawing.process is not None
    Drawing.process.close()
    thread.join(60)


def test_it_looks_the_same_wherever_it_is_drawn(control: socket.socket) -> None:
    """Both use the same library."""
    thread = serving(control, drawing.draw)

    assert drawing.draw(CHART) == svg_of(CHART)

    assert Drawing.process is not None
    Drawing.process.close()
    thread.join(60)


def test_what_the_other_process_refuses_is_told_here(control: socket.socket) -> None:
    """The error comes from where it can be raised."""
    thread = serving(control, drawing.draw)

    with pytest.raises(ValueError, match="conversion failed"):
        svg_of({**CHART, "mark": "nonsense"})

    assert Drawing.process is not None
    Drawing.process.close()
    thread.join(60)


def test_without_the_other_process_it_is_drawn_here(control: socket.socket) -> None:
    """It may have been killed."""
    control.close()

    assert svg_of(CHART).startswith("<svg")


class Watching:
    """Stands for the drawing library, and notes which list of fonts it would read."""

    def __init__(self) -> None:
        self.lists: list[str | None] = []
        self.found: list[list[str]] = []

    def vegalite_to_svg(self, spec: dict[str, Any]) -> str:
        """Draws nothing."""
        named = os.environ.get("FONTCONFIG_FILE")
        self.lists.append(named)
        if named and Path(named).is_file():
            folders = re.findall("<dir>(.*?)</dir>", Path(named).read_text())
            fonts = (path for folder in folders for path in Path(folder).rglob("*.[ot]t[fc]"))
            self.found.append([str(path) for path in fonts])
            assert folders
        return f"<svg>{spec['mark']}</svg>"


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    """The library as it starts anew."""
    library = Watching()
    monkeypatch.setitem(
        sys.modules, "vl_convert", SimpleNamespace(vegalite_to_svg=library.vegalite_to_svg)
    )
    drawing._started.cache_clear()
    yield library
    drawing._started.cache_clear()


@pytest.mark.parametrize("own", [None, "/a/list/of/ones/own.conf"])
def test_charts_are_drawn_without_the_fonts_of_the_machine(
    watching: Watching, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    """When it starts it finds none; afterwards the environment is as it was."""
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    if own:
        monkeypatch.setenv("FONTCONFIG_FILE", own)

    assert "<svg>point</svg>" == drawing.draw(CHART)
    assert "<svg>point</svg>" == drawing.draw(CHART)

    (first, *others) = watching.lists
    assert first not in (None, own)
    assert not Path(str(first)).exists()
    assert [[]] == watching.found
    assert [own, own] == others
    assert own == os.environ.get("FONTCONFIG_FILE")
