"""Charts drawn as SVG, here or by a process that draws for many.

The drawing library takes longer to start than to draw ten charts, and it starts threads, so it
can't be started before kernels are forked. One process beside them starts it once and draws the
charts of all; whoever has no such process, or has lost it, draws in its own.

The library measures words with the font that it brings, not with one of the machine: charts are the
same on every machine, and it need not open a file for every word.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

DRAWN, REFUSED = b"+", b"-"
CHUNK = 1 << 16
Draw = Callable[[dict[str, Any]], str]
SMALL: dict[str, Any] = {
    "data": {"values": [{"x": 1}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}
"""A chart for nobody: to draw it starts the library."""
FONTS = "FONTCONFIG_FILE"
"""The variable that names the list of the folders of fonts."""


class Drawing:
    """Which process draws, for this one and its forks."""

    process: socket.socket | None = None
    """Requests go through it: one byte each, with the socket of the request."""


def svg_of(spec: dict[str, Any]) -> str:
    """The chart of a Vega-Lite specification; raises `ValueError` for one that is none."""
    return svg_later(spec)()


def svg_later(spec: dict[str, Any]) -> Callable[[], str]:
    """The same, asked for now: another process draws while this one goes on, until it wants it."""
    asked = _asked(spec)

    @cache
    def svg() -> str:
        drawn = _answered(asked) if asked is not None else None
        return draw(spec) if drawn is None else drawn

    return svg


def draw(spec: dict[str, Any]) -> str:
    """The same, drawn in this process."""
    return _started()(spec)


@cache
def _started() -> Draw:
    """The library, which looks for fonts only when it draws first."""
    import vl_convert

    def drawn(spec: dict[str, Any]) -> str:
        return str(vl_convert.vegalite_to_svg(spec))

    with _without_fonts():
        drawn(SMALL)
    return drawn


@contextmanager
def _without_fonts() -> Iterator[None]:
    """Who looks for the machine's fonts meanwhile finds none."""
    before = os.environ.get(FONTS)
    with TemporaryDirectory(prefix="vigie-fonts-") as folder:
        config = Path(folder) / "fonts.conf"
        config.write_text(f"<fontconfig><dir>{folder}</dir></fontconfig>")
        os.environ[FONTS] = str(config)
        try:
            yield
        finally:
            del os.environ[FONTS]
            if before is not None:
                os.environ[FONTS] = before


def serve(control: socket.socket, draw: Draw = draw) -> None:
    """Draws what is asked for through `control`, until nobody is left who could ask."""
    while True:
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not byte:
            return
        asked = socket.socket(fileno=descriptors[0])
        # Who stops in the middle of its request keeps nobody else waiting.
        Thread(target=_answer, args=(asked, draw), daemon=True).start()


def _asked(spec: dict[str, Any]) -> socket.socket | None:
    """Where the other process will answer; `None` when there is none, or it is gone."""
    if Drawing.process is None:
        return None
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            socket.send_fds(Drawing.process, [b"d"], [theirs.fileno()])
        ours.sendall(json.dumps(spec).encode())
        ours.shutdown(socket.SHUT_WR)
    except OSError:
        ours.close()
        return None
    return ours


def _answered(asked: socket.socket) -> str | None:
    """Drawn by the other process; `None` when it refuses or is gone."""
    with asked:
        try:
            answer = _all(asked)
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
