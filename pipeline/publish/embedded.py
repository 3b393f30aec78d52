"""The renderer that needs nothing beside Vigie itself: Markdown sources to plain HTML pages."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pipeline
from pipeline.publish import markup
from pipeline.publish.building import Build
from pipeline.publish.made import digest
from pipeline.publish.navigation import Website, read_website
from pipeline.publish.rendering import Rendered, render_page, with_includes


def render_embedded(sources: Path, build: Build, *, configuration: dict[str, Any]) -> None:
    """Renders the sources into the build's folder; raises `SiteError`."""
    website = read_website(configuration)
    for path in sorted(sources.rglob("*")):
        relative = path.relative_to(sources)
        if path.is_dir() or path.name.startswith("_"):
            continue
        if path.suffix == ".md":
            _render(path, relative, website, build)
        else:
            build.put(relative.as_posix(), path)


def _render(path: Path, relative: Path, website: Website, build: Build) -> None:
    text, address = with_includes(path), relative.with_suffix(".html")
    if build.is_rendered(address.as_posix(), digest(text)):
        return
    page = render_page(text, path.stem)
    build.rendered[address.as_posix()] = page
    framed = _page(page, PurePosixPath(address.as_posix()), website)
    build.put(address.as_posix(), framed)


def _page(rendered: Rendered, address: PurePosixPath, website: Website) -> str:
    root = "../" * (len(address.parts) - 1)
    return markup.fragment(
        "page.html.j2",
        page=rendered,
        plain_title=markup.plain(rendered.title),
        website=website,
        root=root,
        current=str(address),
        version=pipeline.__version__,
    )
