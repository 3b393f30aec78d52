"""Contact sheets: pictures side by side with words below, as one drawing without other files."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.figures import INK, MUTED, WIDTH, Figure
from pipeline.pictures.kept import Picture

if TYPE_CHECKING:
    import pandas as pd

SIDE: Final = 120
"""Pixels of a thumbnail's side on the page."""
STEP: Final = 136
LINE: Final = 16
QUALITY: Final = 72
LONGEST: Final = 22
"""Letters of a line below a thumbnail."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture on a sheet."""

    picture: Picture
    words: str
    """What it is, for those who can't see it."""
    lines: tuple[str, ...] = ()
    """Below it."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Pictures under one heading."""

    heading: str
    shown: Sequence[Shown]


def thumbnail(picture: Picture, side: int = SIDE) -> bytes:
    """A JPEG of at most `side` pixels; raises `PictureError`."""
    from PIL import Image

    image = Image.fromarray(picture.pixels())
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def sheet(
    strips: Sequence[Strip], rows: pd.DataFrame, *, name: str, title: str, words: str
) -> Figure:
    """The strips one below the other; `rows` is what a reader gets as CSV."""
    parts: list[str] = []
    top = 0
    for strip in strips:
        top += 2 * LINE
        parts.append(_text(strip.heading, 4, top - 10, INK, weight=600))
        in_row = max(1, WIDTH // STEP)
        below = max((len(each.lines) for each in strip.shown), default=0)
        height = SIDE + LINE * below + 12
        for place, each in enumerate(strip.shown):
            left, upper = 4 + STEP * (place % in_row), top + height * (place // in_row)
            parts.append(_image(each, left, upper))
            parts += [
                _text(line, left, upper + SIDE + LINE * (number + 1) - 2, MUTED)
                for number, line in enumerate(each.lines)
            ]
        top += height * -(-len(strip.shown) // in_row)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top, LINE)}" '
        f'width="{WIDTH}" height="{max(top, LINE)}">{"".join(parts)}</svg>'
    )
    return Figure(
        name=name,
        title=title,
        alt=words,
        drawn=lambda: svg,
        csv=rows.to_csv(index=False, lineterminator="\n"),
        rows=len(rows),
    )


def _image(shown: Shown, left: int, top: int) -> str:
    data = base64.b64encode(thumbnail(shown.picture)).decode("ascii")
    words = html.escape(shown.words)
    return (
        f'<image x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" role="img" '
        f'aria-label="{words}" href="data:image/jpeg;base64,{data}"><title>{words}</title></image>'
    )


def _text(words: str, left: int, baseline: int, colour: str, weight: int = 400) -> str:
    variable = "--ink" if colour == INK else "--muted"
    cut = words if weight > 400 or len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return (
        f'<text x="{left}" y="{baseline}" font-family="system-ui, sans-serif" font-size="12" '
        f'font-weight="{weight}" fill="var({variable}, {colour})">{html.escape(cut)}</text>'
    )
