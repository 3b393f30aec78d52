"""The files behind figures and tables: copied beside the pages, and linked where each is shown."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.publish import markup, words
from pipeline.records import Artifact, IngestRecord, Record, TableVersion, notebook_of
from pipeline.store import Store

SHOWN_KINDS = {"figure": "figure", "trend": "figure", "table": "table"}
"""Kinds of file that pages show, and as what."""
NAMES = {".csv": "Data (CSV)", ".svg": "Picture (SVG)", ".json": "Chart (JSON)"}
Shown = tuple[str, str]
_SHOWN = re.compile(
    r'<figure class="vigie-figure" data-file="(?P<figure>[^"]+)".*?(?P<end>)</figure>'
    r'|<div class="vigie-table" data-file="(?P<table>[^"]+)".*?</table>.*?</div>(?P<after>)',
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a file was made from, as its page and its JSON tell it."""

    case: str
    run_id: str
    step: str
    notebook: str
    as_of: str
    tables: tuple[str, ...]
    code: str
    libraries: str


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """What a page may link to, by kind and by `<step>/<name>` as the notebook's HTML names it."""

    titles: dict[Shown, str] = field(default_factory=dict)
    links: dict[Shown, tuple[str, ...]] = field(default_factory=dict)
    """Addresses relative to the pages of the case."""
    origins: dict[Shown, Origin] = field(default_factory=dict)
    anchored: set[Shown] = field(default_factory=set)
    """Figures that have an address on the page already."""

    def add(self, home: Path, files: tuple[Artifact, ...], origin: Origin, folder: Path) -> None:
        """Copies what can be shown of some files in `home` to `folder`/files/<step>/."""
        for artifact in files:
            if artifact.kind in SHOWN_KINDS:
                shown = (SHOWN_KINDS[artifact.kind], f"{origin.step}/{artifact.name}")
                self.titles[shown] = artifact.title or artifact.name
                self.links[shown] = tuple(_copied(home, artifact, origin, folder))
                self.origins[shown] = origin

    def linked(self, fragment: str, cell: int | None = None) -> str:
        """The notebook's HTML with links to the files within each figure, below each table, and
        with what each figure was made from; `cell` is its place in the notebook, from 1.
        """
        return _SHOWN.sub(lambda found: self._with_links(found, cell), fragment)

    def _with_links(self, found: re.Match[str], cell: int | None) -> str:
        kind = "figure" if found["figure"] else "table"
        shown = (kind, html.unescape(found[kind]))
        if shown not in self.links:
            return found[0]
        cut = found.start("end" if kind == "figure" else "after") - found.start()
        anchor = "" if shown in self.anchored else anchor_of(shown)
        self.anchored.add(shown)
        whole = found[0][:cut] + self._list(shown, cell, anchor) + found[0][cut:]
        return whole.replace("data-file=", f'id="{anchor}" data-file=', 1) if anchor else whole

    def _list(self, shown: Shown, cell: int | None, anchor: str) -> str:
        files = [(NAMES[PurePosixPath(link).suffix], link) for link in self.links[shown]]
        return markup.fragment(
            "files.html.j2",
            title=self.titles[shown],
            files=files,
            anchor=anchor,
            origin=self.origins[shown] if shown[0] == "figure" else None,
            cell=cell,
        )


def anchor_of(shown: Shown) -> str:
    """The address of a figure or table on its page.

    >>> anchor_of(("figure", "drift/shift"))
    'figure-drift-shift'
    """
    return re.sub(r"[^a-z0-9]+", "-", f"{shown[0]}-{shown[1]}".lower()).strip("-")


def copy_files(store: Store, records: tuple[Record, ...], folder: Path) -> Downloads:
    """Copies what the steps drew and tabulated to `folder`/files/<step>/."""
    found = Downloads()
    for record in records:
        run = store.run_folder(record.case, record.run_id)
        found.add(run, record.files, _origin(record), folder)
    return found


def _origin(record: Record) -> Origin:
    return Origin(
        case=record.case,
        run_id=record.run_id,
        step=record.step,
        notebook=notebook_of(record.step),
        as_of=words.stamp(record.as_of),
        tables=told_of(tables_of(record)),
        code=record.code_version,
        libraries=record.lock_digest,
    )


def tables_of(record: Record) -> tuple[TableVersion, ...]:
    """The versions of tables that a step read; of the ingest, the one that it wrote."""
    if isinstance(record, IngestRecord):
        return (record.observations,)
    return tuple(dict.fromkeys(record.inputs))


def told_of(tables: tuple[TableVersion, ...]) -> tuple[str, ...]:
    """Versions of tables in words."""
    return tuple(
        f"{read.table} version {read.version} ({words.number(read.rows)} rows)" for read in tables
    )


def _copied(run: Path, artifact: Artifact, origin: Origin, folder: Path) -> Iterator[str]:
    shown = run / artifact.path
    for source in sorted({shown.with_suffix(".csv"), shown}):
        if source.is_file() and source.suffix in NAMES:
            target, address = _target(folder, origin.step, source.name)
            shutil.copyfile(source, target)
            yield address
    if SHOWN_KINDS[artifact.kind] == "figure":
        target, address = _target(folder, origin.step, f"{artifact.name}.json")
        drawn = _described(shown.with_suffix(".json"), artifact, origin)
        target.write_text(json.dumps(drawn, ensure_ascii=False) + "\n", encoding="utf-8")
        yield address


def _target(folder: Path, step: str, name: str) -> tuple[Path, str]:
    address = f"files/{step}/{name}"
    target = folder / address
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, address


def _described(spec: Path, artifact: Artifact, origin: Origin) -> dict[str, Any]:
    """The figure's Vega-Lite specification, where the step kept one, with what it shows and what it
    was made from in the field that Vega-Lite leaves to its users.
    """
    held = json.loads(spec.read_bytes()) if spec.is_file() else {}
    told = {
        "title": artifact.title,
        "data": f"{artifact.name}.csv",
        "picture": f"{artifact.name}.svg",
        "sha256": artifact.sha256,
        "made_from": asdict(origin),
    }
    return {**held, "description": artifact.alt, "usermeta": told}
