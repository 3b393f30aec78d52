"""Charts drawn as SVG, here or by a process that draws for many.

The drawing library takes longer to start than to draw ten charts, and it starts threads, so it
can't be started before kernels are forked. One process beside them starts it once and draws the
charts of all; whoever has no such process, or has lost it, draws in its own.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from threading import Thread
from typing import Any

DRAWN, REFUSED = b"+", b"-"
CHUNK = 1 << 16
Draw = Callable[[dict[str, Any]], str]


class Drawing:
    """Which process draws, for this one and its forks."""

    process: socket.socket | None = None
    """Requests go through it: one byte each, with the socket of the request."""


def svg_of(spec: dict[str, Any]) -> str:
    """The chart of a Vega-Lite specification; raises `ValueError` for one that is none."""
    drawn = _asked(spec)
    return draw(spec) if drawn is None else drawn


def draw(spec: dict[str, Any]) -> str:
    """The same, drawn in this process."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec))


def serve(control: socket.socket, draw: Draw = draw) -> None:
    """Draws what is asked for through `control`, until nobody is left who could ask."""
    while True:
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not byte:
            return
        asked = socket.socket(fileno=descriptors[0])
        # Who stops in the middle of its request keeps nobody else waiting.
        Thread(target=_answer, args=(asked, draw), daemon=True).start()


def _asked(spec: dict[str, Any]) -> str | None:
    """Drawn by the other process; `None` when there is none, or it refuses or is gone."""
    if Drawing.process is None:
        return None
    ours, theirs = socket.socketpair()
    with ours:
        try:
            with theirs:
                socket.send_fds(Drawing.process, [b"d"], [theirs.fileno()])
            ours.sendall(json.dumps(spec).encode())
            ours.shutdown(socket.SHUT_WR)
            answer = _all(ours)
        except OSError:
            return None
    return answer[1:].decode() if answer[:1] == DRAWN else None


def _answer(asked: socket.socket, draw: Draw) -> None:
    with asked:
        try:
            answer = DRAWN + draw(json.loads(_all(asked))).encode()
        except ValueError:
            # Who asked draws it again, and meets the error where it can be told.
            answer = REFUSED
        try:
            asked.sendall(answer)
        except OSError:
            return


def _all(channel: socket.socket) -> bytes:
    """All that the other side sends until it ends."""
    parts = []
    while part := channel.recv(CHUNK):
        parts.append(part)
    return b"".join(parts)
