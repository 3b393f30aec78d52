"""Charts drawn by another process, or here where there is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread
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
    thread.join(10)


def test_it_looks_the_same_wherever_it_is_drawn(control: socket.socket) -> None:
    """Both use the same library."""
    thread = serving(control, drawing.draw)

    assert drawing.draw(CHART) == svg_of(CHART)

    assert Drawing.process is not None
    Drawing.process.close()
    thread.join(10)


def test_what_the_other_process_refuses_is_told_here(control: socket.socket) -> None:
    """The error comes from where it can be raised."""
    thread = serving(control, drawing.draw)

    with pytest.raises(ValueError, match="conversion failed"):
        svg_of({**CHART, "mark": "nonsense"})

    assert Drawing.process is not None
    Drawing.process.close()
    thread.join(10)


def test_without_the_other_process_it_is_drawn_here(control: socket.socket) -> None:
    """It may have been killed."""
    control.close()

    assert svg_of(CHART).startswith("<svg")
