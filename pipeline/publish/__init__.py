"""Records and executed notebooks to a site of plain pages. Nothing else goes into it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.publish import markup
from pipeline.publish.captions import caption
from pipeline.publish.history import newest_rows
from pipeline.publish.runs import Lives
from pipeline.publish.status import Captions, SiteStatus, site_status
from pipeline.publish.still import StillStore
from pipeline.saying import Say
from pipeline.store import Store, project
from pipeline.store.locks import is_held

if TYPE_CHECKING:
    from pipeline.publish.building import Build

__all__ = ["Published", "publish", "read_status"]

Renderer = Literal["auto", "quarto", "embedded"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """Where the site is, what rendered it and how many pages it has."""

    output: Path
    renderer: Literal["quarto", "embedded"]
    pages: int
    rendered: int
    """Of these, how many were rendered; the others were taken over from the site before."""


def read_status(store: Store, *, now: datetime) -> SiteStatus:
    """How every case of a home stands: what the first page and `status.json` say."""
    still = StillStore.of(store)
    rows = functools.partial(newest_rows, still, lives=is_held)
    return site_status(still, caption, now, is_held, rows=rows)


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
    interface: Mapping[str, Any] | None = None,
    anew: bool = False,
    say: Say = lambda _: None,
) -> Published:
    """Makes the site and puts it in the place of `output` in one step.

    A page is rendered where something that it rests on has changed; the others are taken over from
    the site that is there, unless all are to be made `anew`. `auto` takes Quarto where it is on the
    path. `every` is how often a schedule runs the cases, so that pages can say when the next run is
    due; `address` is where the site will be published, which a sitemap needs;
    `interface` is the OpenAPI document of the service, which the page on it tells. What takes long
    is told to `say`. Raises `SiteError`; the old site then stays.
    """
    from pipeline.publish.building import Build
    from pipeline.publish.navigation import read_configuration, read_website
    from pipeline.publish.replacing import replacing
    from pipeline.publish.searching import runs_of, write_index
    from pipeline.publish.sources import Sources

    by = _found(renderer)
    configuration = read_configuration(site)
    still = StillStore.of(store, thorough=anew)
    with replacing(output, anew=anew) as fresh, tempfile.TemporaryDirectory() as temporary:
        key = _key(configuration, by)
        build = Build.beside(output, fresh, key=key, anew=anew)
        folder = Path(temporary).resolve()
        status = Sources(
            store=still,
            site=site,
            folder=folder,
            captions=captions,
            now=now,
            lives=lives,
            build=build,
            entries=read_website(configuration).entries,
            every=every,
            address=address,
            interface=interface,
        ).write()
        _render(by, folder, build, configuration, say)
        write_index(build, [run for case in status.cases for run in runs_of(still, case)])
        pages = build.finish()
    name: Literal["quarto", "embedded"] = "quarto" if by else "embedded"
    return Published(output=output, renderer=name, pages=pages, rendered=len(build.rendered))


def _found(renderer: Renderer) -> str | None:
    """The program of Quarto that is to render; `None` for the embedded renderer."""
    from pipeline.publish.quarto import find_quarto, missing_quarto

    quarto = find_quarto() if renderer != "embedded" else None
    if renderer == "quarto" and quarto is None:
        raise missing_quarto()
    return quarto


def _key(configuration: dict[str, Any], quarto: str | None) -> str:
    """Digest of what every page rests on."""
    from pipeline.publish.made import digest
    from pipeline.publish.quarto import version_of

    by = version_of(quarto) if quarto else "embedded"
    return digest(project.code_version(), markup.templates_digest(), configuration, by)


def _render(
    quarto: str | None,
    folder: Path,
    build: Build,
    configuration: dict[str, Any],
    say: Say,
) -> None:
    from pipeline.publish.embedded import render_embedded
    from pipeline.publish.quarto import render_quarto

    if quarto:
        render_quarto(quarto, folder, build, configuration=configuration, say=say)
    else:
        render_embedded(folder, build, configuration=configuration)
