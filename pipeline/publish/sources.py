"""The site's sources in one folder: hand-written pages, and those made from records.

Source layout is published layout. Both renderers start from this folder and from nothing else.
What the build takes over from the site before is not in it.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.errors import SiteError
from pipeline.publish import markup
from pipeline.publish.building import Build
from pipeline.publish.captions import Caption
from pipeline.publish.casepages import CasePages
from pipeline.publish.fields import blocks
from pipeline.publish.history import Past, keep_past
from pipeline.publish.interface import Interface
from pipeline.publish.machines import Machines
from pipeline.publish.made import digest
from pipeline.publish.navigation import Entry
from pipeline.publish.plan import planned_pages
from pipeline.publish.runpages import RunPages
from pipeline.publish.runs import Lives
from pipeline.publish.sparks import spark
from pipeline.publish.status import Captions, CaseStatus, SiteStatus, site_status
from pipeline.publish.still import StillStore
from pipeline.store.replays import read_replay

HAND_WRITTEN = ("*.md", "assets/*")
STATUS_FRAGMENT = "_status.md"
PAGES_FRAGMENT = "_pages.md"
FIELDS_FRAGMENT = "_fields.md"
API_FRAGMENT = "_api.md"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Writes the sources of the whole site into `folder`."""

    store: StillStore
    site: Path
    folder: Path
    captions: Captions
    now: datetime
    lives: Lives
    build: Build
    entries: Sequence[Entry]
    """Of the site's navigation."""
    every: timedelta | None = None
    address: str = ""
    interface: Mapping[str, Any] | None = None

    def write(self) -> SiteStatus:
        """All that can't be taken over; raises `SiteError` without any page."""
        self._copy_hand_written()
        past = functools.cache(functools.partial(keep_past, self.store, lives=self.lives))
        status = site_status(
            self.store,
            self.captions,
            self.now,
            self.lives,
            rows=lambda case: past(case).newest,
            every=self.every,
        )
        for case in status.cases:
            self._write_case(case, self.captions(case.case), past(case.case))
        sparks = {case.case: _spark(case, past(case.case)) for case in status.cases}
        fragment = markup.block("status.html.j2", site=status, sparks=sparks)
        (self.folder / STATUS_FRAGMENT).write_text(fragment, encoding="utf-8")
        listed = markup.block("pages.html.j2", site=status, entries=self.entries)
        (self.folder / PAGES_FRAGMENT).write_text(listed, encoding="utf-8")
        (self.folder / FIELDS_FRAGMENT).write_text("\n".join(blocks()), encoding="utf-8")
        (self.folder / API_FRAGMENT).write_text(self._api(status), encoding="utf-8")
        Machines(
            status=status,
            past={case.case: past(case.case) for case in status.cases},
            runs={case.case: self.store.briefs(case.case) for case in status.cases},
            units={case.case: self.captions(case.case).unit for case in status.cases},
            address=self.address and self.address.rstrip("/") + "/",
            folder=self.folder,
        ).write([path.with_suffix(".html").name for path in sorted(self.site.glob("*.md"))])
        return status

    def _api(self, status: SiteStatus) -> str:
        if not self.interface or not any(case.champion for case in status.cases):
            return markup.block("no_api.html.j2")
        return "\n".join(Interface(document=self.interface, status=status).blocks())

    def _write_case(self, case: CaseStatus, caption: Caption, past: Past) -> None:
        unit, folder = f"{case.case}/", self.folder / case.case
        inputs = self._inputs(case, caption, past)
        if not self.build.takes_over(unit, inputs):
            CasePages(
                store=self.store,
                status=case,
                caption=caption,
                folder=folder,
                lives=self.lives,
                past=past,
            ).write()
            self.build.note(unit, inputs, _published(folder, self.folder))
        RunPages(
            store=self.store,
            status=case,
            unit=caption.unit,
            folder=folder,
            lives=self.lives,
            build=self.build,
        ).write()

    def _inputs(self, case: CaseStatus, caption: Caption, past: Past) -> str:
        """Digest of all that the pages of a case can rest on, those of runs apart."""
        plan = planned_pages(self.store, case.case)
        replayed = read_replay(self.store.home, case.case)
        notebooks = {
            path: digest(path.read_bytes().hex())
            for makers in plan.values()
            for name, run_id in makers.items()
            if (path := self.store.notebook_path(case.case, run_id, name)).is_file()
        }
        return digest(
            case.model_dump(mode="json"),
            caption,
            [(line.run_id, line.digest) for line in self.store.lines(case.case)],
            past.unsettled,
            [(page.file, makers) for page, makers in plan.items()],
            sorted(notebooks.values()),
            replayed.model_dump(mode="json") if replayed else None,
        )

    def _copy_hand_written(self) -> None:
        found = [path for pattern in HAND_WRITTEN for path in sorted(self.site.glob(pattern))]
        if not any(path.suffix == ".md" for path in found):
            raise SiteError(
                f"{self.site} holds no pages. Name the checkout's folder site/, which holds "
                "index.md."
            )
        for path in found:
            target = self.folder / path.relative_to(self.site)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _spark(case: CaseStatus, past: Past) -> Markup:
    return markup.as_html(spark(past.newest, case.metric.unit if case.metric else ""))


def _published(folder: Path, root: Path) -> list[str]:
    """What becomes of the files in `folder`, relative to `root`."""
    return [
        published(path.relative_to(root)) for path in sorted(folder.rglob("*")) if path.is_file()
    ]


def published(source: Path) -> str:
    """Address of what is made of a source, both relative to the root."""
    return (source.with_suffix(".html") if source.suffix == ".md" else source).as_posix()
