"""A cell of an executed notebook as HTML: its code, and its outputs as they were."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

from pipeline.publish import markup

PICTURES = ("image/png", "image/jpeg")
ESCAPE = "\x1b"


def code_html(source: str) -> Markup:
    """Python, its kinds of words marked by classes that the style sheet colours."""
    import pygments

    return markup.as_html(pygments.highlight(source, *_colouring()))


@cache
def _colouring() -> tuple[Any, Any]:
    """What finds the kinds of words, and what marks them."""
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers.python import PythonLexer

    return PythonLexer(), HtmlFormatter(nowrap=True, classprefix="py-")


def joined_streams(outputs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The outputs, those printed one after the other to the same stream as one."""
    for stream, group in groupby(outputs, key=lambda output: output.get("name")):
        if stream is None:
            yield from group
        else:
            text = "".join(_joined(output["text"]) for output in group)
            yield {"output_type": "stream", "name": stream, "text": text}


def output_html(output: Mapping[str, Any]) -> str:
    """One output; empty for one that has nothing to show."""
    kind = output["output_type"]
    if kind == "stream":
        return _console(_joined(output["text"]))
    if kind == "error":
        return _console("\n".join(output["traceback"]))
    return _rich(output["data"])


def with_own_ids(fragment: str, prefix: str) -> str:
    """The fragment with `prefix` before every id within its drawings, and before what refers to
    them: two drawings of one page otherwise take each other's clipping.
    """
    if "<svg" not in fragment:
        return fragment
    names = sorted(set(re.findall(r'\sid="([^"]+)"', fragment)), key=len, reverse=True)
    if not names:
        return fragment
    known = "|".join(re.escape(name) for name in names)
    return re.sub(rf'(\sid="|url\(#|href="#)({known})(?=["\)])', rf"\g<1>{prefix}-\g<2>", fragment)


def _rich(data: Mapping[str, Any]) -> str:
    for kind in ("text/html", "image/svg+xml"):
        if kind in data:
            return _joined(data[kind])
    for kind in PICTURES:
        if kind in data:
            return markup.fragment(
                "picture.html.j2",
                kind=kind,
                data=_joined(data[kind]).replace("\n", ""),
                words=_joined(data.get("text/plain", "Picture")),
            )
    return _console(_joined(data["text/plain"])) if "text/plain" in data else ""


def _console(text: str) -> str:
    if not text.strip():
        return ""
    return f'<pre class="vigie-console" tabindex="0">{_coloured(text)}</pre>'


def _coloured(text: str) -> str:
    if ESCAPE not in text:
        return html.escape(text)
    from nbconvert.filters.ansi import ansi2html

    return str(ansi2html(text))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
