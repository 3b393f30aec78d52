"""The site's sources in one folder, whole: hand-written pages, and those made from records.

Source layout is published layout. Both renderers start from this folder and from nothing else.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from markupsafe import Markup

from pipeline.errors import SiteError
from pipeline.publish import markup
from pipeline.publish.casepages import CasePages
from pipeline.publish.fields import blocks
from pipeline.publish.history import RunThen, keep_rows
from pipeline.publish.machines import Machines
from pipeline.publish.runpages import RunPages
from pipeline.publish.runs import Lives
from pipeline.publish.sparks import spark
from pipeline.publish.status import Captions, CaseStatus, SiteStatus, site_status
from pipeline.store import Store

HAND_WRITTEN = ("*.md", "assets/*")
STATUS_FRAGMENT = "_status.md"
FIELDS_FRAGMENT = "_fields.md"


def write_sources(
    store: Store,
    site: Path,
    folder: Path,
    *,
    captions: Captions,
    now: datetime,
    lives: Lives,
    every: timedelta | None = None,
    address: str = "",
) -> SiteStatus:
    """Fills `folder` with the sources of the whole site; raises `SiteError` without any page."""
    _copy_hand_written(site, folder)
    rows = functools.cache(functools.partial(keep_rows, store, lives=lives))
    status = site_status(store, captions, now, lives, rows=rows, every=every)
    for case in status.cases:
        caption, pages = captions(case.case), folder / case.case
        CasePages(
            store=store,
            status=case,
            caption=caption,
            folder=pages,
            lives=lives,
            rows=rows(case.case),
        ).write()
        RunPages(store=store, status=case, unit=caption.unit, folder=pages, lives=lives).write()
    sparks = {case.case: _spark(case, rows(case.case)) for case in status.cases}
    fragment = markup.block("status.html.j2", site=status, sparks=sparks)
    (folder / STATUS_FRAGMENT).write_text(fragment, encoding="utf-8")
    (folder / FIELDS_FRAGMENT).write_text("\n".join(blocks()), encoding="utf-8")
    Machines(
        status=status,
        rows={case.case: rows(case.case) for case in status.cases},
        units={case.case: captions(case.case).unit for case in status.cases},
        address=address and address.rstrip("/") + "/",
        folder=folder,
    ).write([path.with_suffix(".html").name for path in sorted(site.glob("*.md"))])
    return status


def _spark(case: CaseStatus, rows: Sequence[RunThen]) -> Markup:
    return markup.as_html(spark(rows, case.metric.unit if case.metric else ""))


def _copy_hand_written(site: Path, folder: Path) -> None:
    found = [path for pattern in HAND_WRITTEN for path in sorted(site.glob(pattern))]
    if not any(path.suffix == ".md" for path in found):
        raise SiteError(
            f"{site} holds no pages. Name the checkout's folder site/, which holds index.md."
        )
    for path in found:
        target = folder / path.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
