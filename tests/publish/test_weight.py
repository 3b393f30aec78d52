"""What a reader has to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.publish import Published

FIRST_PAGE = 200_000
ANY_PAGE = 1_000_000
CASES = ("bikes", "cars", "plants", "trams")


def test_no_page_is_heavy(
    home: Any, published: Callable[..., Published], read: Callable[[Path], Any]
) -> None:
    """With four cases the first page weighs 200 kB at most, with its style, scripts and pictures;
    any other 1 MB."""
    for case in CASES:
        home.run(case)
    output = published(address="https://example.org/").output
    weights = {page: _weight(page, read) for page in output.rglob("*.html")}

    assert weights[output / "index.html"] <= FIRST_PAGE
    assert max(weights.values()) <= ANY_PAGE


def _weight(page: Path, read: Callable[[Path], Any]) -> int:
    """Bytes of the page and of everything that it loads by itself."""
    loaded = {
        held.get("src") or held.get("href")
        for tag, held in read(page).elements
        if tag in ("script", "img", "iframe", "source")
        or (tag == "link" and held.get("rel") in ("stylesheet", "icon"))
    }
    files = {
        (page.parent / unquote(name)).resolve()
        for name in loaded
        if name and not name.startswith("data:")
    }
    return page.stat().st_size + sum(path.stat().st_size for path in files)
