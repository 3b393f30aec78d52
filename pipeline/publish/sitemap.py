"""The list of all pages for search engines, as sitemaps.org has it: whole addresses only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from pipeline.publish import words

SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST = 50_000
"""Pages that one sitemap may name."""


def sitemap(address: str, pages: Sequence[tuple[str, datetime | None]]) -> str:
    """XML that names every page below `address`, with the time of its last change where known."""
    root = ET.Element("urlset", xmlns=SPACE)
    for page, changed in pages[:MOST]:
        entry = ET.SubElement(root, "url")
        ET.SubElement(entry, "loc").text = address + page.removesuffix("index.html")
        if changed:
            ET.SubElement(entry, "lastmod").text = words.stamp(changed)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
