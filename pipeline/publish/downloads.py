"""The files behind figures and tables: copied beside the pages, and linked where each is shown."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.publish import markup
from pipeline.records import Artifact, Record
from pipeline.store import Store

SHOWN_KINDS = {"figure": "figure", "trend": "figure", "table": "table"}
"""Kinds of file that pages show, and as what."""
NAMES = {".csv": "Data (CSV)", ".svg": "Picture (SVG)"}
Shown = tuple[str, str]
_SHOWN = re.compile(
    r'<figure class="vigie-figure" data-file="(?P<figure>[^"]+)".*?(?P<end>)</figure>'
    r'|<div class="vigie-table" data-file="(?P<table>[^"]+)".*?</table>.*?</div>(?P<after>)',
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """What a page may link to, by kind and by `<step>/<name>` as the notebook's HTML names it."""

    titles: dict[Shown, str] = field(default_factory=dict)
    links: dict[Shown, tuple[str, ...]] = field(default_factory=dict)
    """Addresses relative to the pages of the case."""

    def linked(self, fragment: str) -> str:
        """The notebook's HTML with links to the files within each figure, below each table."""
        return _SHOWN.sub(self._with_links, fragment)

    def _with_links(self, found: re.Match[str]) -> str:
        kind = "figure" if found["figure"] else "table"
        shown = (kind, html.unescape(found[kind]))
        if shown not in self.links:
            return found[0]
        cut = found.start("end" if kind == "figure" else "after") - found.start()
        return found[0][:cut] + self._list(shown) + found[0][cut:]

    def _list(self, shown: Shown) -> str:
        files = [(NAMES[PurePosixPath(link).suffix], link) for link in self.links[shown]]
        return markup.fragment("files.html.j2", title=self.titles[shown], files=files)


def copy_files(store: Store, records: tuple[Record, ...], folder: Path) -> Downloads:
    """Copies what the steps drew and tabulated to `folder`/files/<step>/."""
    found = Downloads()
    for record in records:
        run = store.run_folder(record.case, record.run_id)
        for artifact in record.files:
            if artifact.kind in SHOWN_KINDS:
                shown = (SHOWN_KINDS[artifact.kind], f"{record.step}/{artifact.name}")
                found.titles[shown] = artifact.title or artifact.name
                found.links[shown] = tuple(_copied(run, artifact, record.step, folder))
    return found


def _copied(run: Path, artifact: Artifact, step: str, folder: Path) -> Iterator[str]:
    shown = run / artifact.path
    for source in sorted({shown.with_suffix(".csv"), shown}):
        if source.is_file() and source.suffix in NAMES:
            address = f"files/{step}/{source.name}"
            target = folder / address
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            yield address
