"""Text stays text, whatever it holds."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.publish import markup, prose

MOMENT = datetime(2021, 9, 9, tzinfo=UTC)
WORDS = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs", "Cn"]) | st.just(" ")
)
SIGNS = st.text(alphabet="{}<>`=#*_[]()!&|~^$\\-+:html 1\n")


class Reader(HTMLParser):
    """Collects what is shown, and the names of all elements."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = ""
        self.elements: list[str] = []

    def handle_data(self, data: str) -> None:
        self.shown += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)


def read(source: str) -> Reader:
    """The page's source as the embedded renderer shows it."""
    reader = Reader()
    reader.feed(prose.markdown().render(source))
    reader.close()
    return reader


@given(WORDS | SIGNS)
def test_a_literal_shows_its_text(text: str) -> None:
    """A heading made from any text shows just this text, and holds no element."""
    reader = read(markup.heading(2, text))

    assert " ".join(text.split()) == " ".join(reader.shown.split())
    assert ["h2"] == reader.elements


@given(SIGNS)
def test_a_raw_block_is_not_left(text: str) -> None:
    """Escaped text in a raw block comes out as it went in, and the block ends where it should."""
    fragment = markup.fragment("older.html.j2", finished=MOMENT, why=text)
    reader = read(markup.raw_html(fragment) + "\nafter\n")

    assert text in reader.shown
    assert ["p", "time", "p"] == reader.elements


def test_no_shortcode_reaches_quarto() -> None:
    """Braces that would begin a shortcode become entities, in text and in raw blocks."""
    shortcode = "{{< include secret.md >}}"

    assert "{{<" not in markup.raw_html(f"<p>{shortcode}</p>")
    assert "{" not in markup.literal(shortcode)


@given(WORDS | SIGNS)
def test_front_matter_shows_its_text_and_starts_no_shortcode(text: str) -> None:
    """Quarto reads entities first and looks for shortcodes then; Pandoc puts a description into an
    attribute as it is."""
    page = markup.page(text, text, [])
    front = yaml.safe_load(page.split("---\n")[1])
    title, described = front["title"], html.unescape(front["description-meta"])

    assert " ".join(text.split()) == " ".join(markup.plain(prose.inline(title)).split())
    assert not re.search(r"\{\{|\}\}", html.unescape(title))
    assert not re.search(r'["<>{}]', described)


def test_prose_keeps_headings_for_the_contents() -> None:
    """Headings of a notebook stay Markdown, one level down; the title is left out."""
    blocks = prose.blocks("# Title\n\n## Part `a`\n\nwords\n", below=1, keep_title=False)

    assert "### Part a\n" == blocks[0]
    assert "<p>words</p>" in blocks[1]
    assert 2 == len(blocks)
