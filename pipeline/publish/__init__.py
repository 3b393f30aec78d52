"""Records and executed notebooks to a site of plain pages. Nothing else goes into it."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pipeline.publish.captions import caption
from pipeline.publish.history import newest_rows
from pipeline.publish.runs import Lives
from pipeline.publish.status import Captions, SiteStatus, site_status
from pipeline.store import Store, project
from pipeline.store.locks import is_held

__all__ = ["Published", "publish", "read_status"]

Renderer = Literal["auto", "quarto", "embedded"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """Where the site is, what rendered it and how many pages it has."""

    output: Path
    renderer: str
    pages: int


def read_status(
    store: Store, *, now: datetime, captions: Captions = caption, lives: Lives = is_held
) -> SiteStatus:
    """How every case of a home stands: what the first page and `status.json` say."""
    rows = functools.partial(newest_rows, store, lives=lives)
    return site_status(store, captions, now, lives, rows=rows)


def publish(
    store: Store,
    output: Path,
    *,
    renderer: Renderer = "auto",
    site: Path = project.SITE,
    now: datetime,
    captions: Captions = caption,
    lives: Lives = is_held,
    every: timedelta | None = None,
    address: str = "",
) -> Published:
    """Makes the whole site anew and puts it in the place of `output` in one step.

    `auto` takes Quarto where it is on the path. `every` is how often a schedule runs the cases, so
    that pages can say when the next run is due; `address` is where the site will be published,
    which a sitemap needs. Raises `SiteError`; the old site then stays.
    """
    from pipeline.publish.embedded import render_embedded
    from pipeline.publish.navigation import read_configuration
    from pipeline.publish.quarto import find_quarto, missing_quarto, render_quarto
    from pipeline.publish.replacing import replacing
    from pipeline.publish.sources import write_sources

    quarto = find_quarto() if renderer != "embedded" else None
    if renderer == "quarto" and quarto is None:
        raise missing_quarto()
    configuration = read_configuration(site)
    with replacing(output) as fresh, tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary).resolve()
        write_sources(
            store,
            site,
            sources,
            captions=captions,
            now=now,
            lives=lives,
            every=every,
            address=address,
        )
        if quarto:
            render_quarto(quarto, sources, fresh, configuration=configuration)
        else:
            render_embedded(sources, fresh, configuration=configuration, now=now)
        pages = len(list(fresh.rglob("*.html")))
    return Published(output=output, renderer="quarto" if quarto else "embedded", pages=pages)
