"""A source as HTML, without the page around it, and what can be told of it: its title and its
headings. What both renderers know of a page comes from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from markdown_it.token import Token
from markupsafe import Markup

from pipeline.errors import SiteError
from pipeline.publish import markup, prose

INCLUDE = re.compile(r"^\{\{< include (?P<name>[\w.-]+) >\}\}$", re.MULTILINE)
LISTED_LEVEL = 2
FOUND_LEVEL = 3
FEWEST_LISTED = 3


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A page's own HTML and what the page around it needs to know."""

    title: Markup
    description: str
    body: Markup
    headings: tuple[tuple[str, str], ...]
    """Identifier and words of each heading of the second and third level."""
    contents: tuple[tuple[str, str], ...]
    """Those of the second level, as a table of contents; none where it would be short."""


def render_page(text: str, name: str) -> Rendered:
    """One source with its includes in their places; `name` is its title where it has none."""
    parser = prose.markdown()
    tokens = parser.parse(text)
    front = _front_matter(tokens)
    _link_to_published(tokens)
    headings = tuple(_identified(tokens))
    upper = tuple((name, words) for level, name, words in headings if level == LISTED_LEVEL)
    listed = len(upper) >= FEWEST_LISTED and front.get("toc", True)
    return Rendered(
        title=markup.as_html(prose.inline(str(front.get("title", name)))),
        description=markup.plain(prose.inline(str(front.get("description-meta", "")))),
        body=markup.as_html(parser.renderer.render(tokens, parser.options, {})),
        headings=tuple((name, words) for level, name, words in headings if level <= FOUND_LEVEL),
        contents=upper if listed else (),
    )


def with_includes(path: Path) -> str:
    """The page's source with the sources that it includes; raises `SiteError`."""

    def included(found: re.Match[str]) -> str:
        name = found["name"]
        try:
            return (path.parent / name).read_text(encoding="utf-8")
        except OSError as error:
            raise SiteError(
                f"{path.name} includes {name!r}, which is not beside it. "
                "Mend the name, or publish from the project's own folder site/."
            ) from error

    return INCLUDE.sub(included, path.read_text(encoding="utf-8"))


def _front_matter(tokens: list[Token]) -> dict[str, Any]:
    if tokens and tokens[0].type == "front_matter":
        return dict(yaml.safe_load(tokens[0].content) or {})
    return {}


def _link_to_published(tokens: list[Token]) -> None:
    """Turns links to sources into links to the pages made from them, as Quarto does."""
    for token in tokens:
        for child in token.children or ():
            address = str(child.attrGet("href") or "")
            if child.type == "link_open" and "://" not in address:
                child.attrSet("href", re.sub(r"\.md(?=$|#)", ".html", address))


def _identified(tokens: list[Token]) -> Iterator[tuple[int, str, str]]:
    """Gives every heading an identifier, and yields its level, that and its words."""
    taken: set[str] = set()
    for opening, held in pairwise(tokens):
        if opening.type == "heading_open":
            words = markup.plain(prose.inline(held.content))
            name = _free(_identifier(words), taken)
            opening.attrSet("id", name)
            yield int(opening.tag[1]), name, words


def _identifier(words: str) -> str:
    """Pandoc's rule for automatic identifiers, so that both renderers give the same address."""
    kept = re.sub(r"[^\w\s.-]", "", words.lower())
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", kept.strip())) or "section"


def _free(name: str, taken: set[str]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free
