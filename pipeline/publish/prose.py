"""Markdown that somebody wrote, as HTML or as blocks of a page's source.

Headings stay Markdown, so that either renderer finds them for its table of contents; all else
becomes HTML here, the same for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.front_matter import front_matter_plugin

from pipeline.publish import markup

LOWEST_HEADING = 6
RAW_FENCE = "{=html}"


class Renderer(RendererHTML):
    """HTML, with Quarto's raw HTML blocks taken as they are."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The block's content, escaped unless it says that it is HTML."""
        if tokens[idx].info.strip() == RAW_FENCE:
            return tokens[idx].content
        return _focusable(super().fence(tokens, idx, options, env))

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Indented code, which a keyboard can scroll too."""
        return _focusable(super().code_block(tokens, idx, options, env))


def _focusable(block: str) -> str:
    """Wide code scrolls within itself: a keyboard must reach it (WCAG 2.2, 2.1.1)."""
    return block.replace("<pre>", '<pre tabindex="0">', 1)


@cache
def markdown() -> MarkdownIt:
    """CommonMark with tables, front matter, raw HTML and Quarto's raw HTML blocks."""
    parser = MarkdownIt("commonmark", {"html": True}, renderer_cls=Renderer)
    return parser.enable("table").use(front_matter_plugin)


def blocks(text: str, *, below: int, keep_title: bool) -> list[str]:
    """`text` as blocks of a page; its headings go `below` levels down, its title is left out
    unless it is to be kept.
    """
    return [
        block
        for part in _parts(markdown().parse(text))
        if (block := _block(part, below, keep_title=keep_title))
    ]


def inline(text: str) -> str:
    """One line of Markdown as HTML."""
    return str(markdown().renderInline(text))


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Headings one by one, and the stretches between them."""
    part: list[Token] = []
    for token in tokens:
        if token.type == "heading_open" and token.level == 0 and part:
            yield part
            part = []
        part.append(token)
        if token.type == "heading_close" and token.level == 0:
            yield part
            part = []
    if part:
        yield part


def _block(part: list[Token], below: int, *, keep_title: bool) -> str:
    if part[0].type != "heading_open":
        parser = markdown()
        return markup.raw_html(parser.renderer.render(part, parser.options, {}))
    level = int(part[0].tag[1])
    if level == 1 and not keep_title:
        return ""
    text = markup.plain(inline(part[1].content))
    return markup.heading(min(level + below, LOWEST_HEADING), text)
