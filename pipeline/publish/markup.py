"""How text and HTML get into a page so that both renderers show the same: the only escaping.

A page is Markdown. What comes from data or from a notebook's output enters it either as text, by
`literal`, or as HTML, by `raw_html`; neither can end its block or start a Quarto shortcode.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
import string
from functools import cache
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup

from pipeline.metrics import score_name
from pipeline.publish import words
from pipeline.publish.changes import told_changes
from pipeline.steps.grounds import amount_of, limit_of

TEMPLATES = Path(__file__).parent / "templates"
PLAIN = frozenset(string.ascii_letters + string.digits + " ,.")
BRACES = re.compile(r"(&#12[35];)(?=\1)")
# Pandoc writes a description into an attribute without escaping it.
UNQUOTED = str.maketrans('"<>{}&', "'()()+")
SHORTEST_FENCE = 3


def literal(text: str) -> str:
    """Markdown that shows `text` as it is, on one line: each mark of syntax becomes an entity.

    >>> literal("a *b* {{< c >}}")
    'a &#42;b&#42; &#123;&#123;&#60; c &#62;&#125;&#125;'
    """
    line = " ".join(text.split())
    return "".join(
        sign if sign in PLAIN or not sign.isascii() else f"&#{ord(sign)};" for sign in line
    )


def front_literal(text: str) -> str:
    """As `literal`, for front matter, where Quarto looks for shortcodes once entities are read: two
    braces never touch.

    >>> front_literal("{{< c >}}")
    '&#123;<wbr>&#123;&#60; c &#62;&#125;<wbr>&#125;'
    """
    return BRACES.sub(r"\1<wbr>", literal(text))


def raw_html(fragment: str) -> str:
    """A raw HTML block of Quarto's Markdown around `fragment`, which the block can't escape."""
    safe = fragment.replace("{{", "&#123;&#123;").replace("}}", "&#125;&#125;").strip("\n")
    longest = max((len(run) for run in re.findall("`+", safe)), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    return f"{fence}{{=html}}\n{safe}\n{fence}\n"


def heading(level: int, text: str) -> str:
    """A Markdown heading that shows `text` as it is."""
    return f"{'#' * level} {literal(text)}\n"


def is_heading(block: str) -> bool:
    """Whether a block of a page's source was made by `heading`."""
    return block.startswith("#")


def page(title: str, description: str, blocks: list[str]) -> str:
    """A page's source: front matter with its title and description, then its blocks."""
    front = {
        "title": front_literal(title),
        "description-meta": literal(description.translate(UNQUOTED)),
        "toc": True,
    }
    lines = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=math.inf)
    return f"---\n{lines}---\n\n" + "\n".join(blocks)


def fragment(template: str, **values: object) -> str:
    """A template filled in; every value is escaped that is not HTML already."""
    return _templates().get_template(template).render(**values)


def block(template: str, **values: object) -> str:
    """A template filled in, as a raw HTML block of a page's source."""
    return raw_html(fragment(template, **values))


def as_html(fragment: str) -> Markup:
    """HTML of our own making, or of a notebook's output, that templates take as it is."""
    return Markup(fragment)  # noqa: S704 - the one place; text comes in by templates, escaped


def plain(markup: str) -> str:
    """The text of HTML, without its tags and entities."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@cache
def templates_digest() -> str:
    """Digest of all templates."""
    total = hashlib.sha256()
    for path in sorted(TEMPLATES.glob("*.j2")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for shown in (
        words.number,
        words.share,
        words.lower_by,
        words.p_value,
        words.day,
        words.short_day,
        words.moment,
        words.stamp,
        words.duration,
        words.interval,
        score_name,
    ):
        environment.filters[shown.__name__] = shown
    environment.filters["quantity"] = words.quantity
    environment.filters["told_changes"] = told_changes
    environment.filters["ground_amount"] = amount_of
    environment.filters["ground_limit"] = limit_of
    return environment
