"""What programs read: status, histories, feed, badges, sitemap, and the schemas they keep to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from pipeline.publish import markup, words
from pipeline.publish.feed import feed
from pipeline.publish.history import History, Past
from pipeline.publish.sitemap import sitemap
from pipeline.publish.status import CaseStatus, SiteStatus
from pipeline.publish.still import Brief

STATUS_FILE = "status.json"
SCHEMAS: Mapping[str, type[BaseModel]] = {"status": SiteStatus, "history": History}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BADGE_LETTER = 6.7
"""Pixels of a letter of a badge; the text is then fitted to the room made for it."""
BADGE_ROOM = 10
LONGEST_TITLE = 40


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Writes them into the folder of the site's sources."""

    status: SiteStatus
    past: Mapping[str, Past]
    """What the runs of each case came to."""
    runs: Mapping[str, Sequence[Brief]]
    """All runs of each case."""
    units: Mapping[str, str]
    """Of each case's target."""
    address: str
    """Where the site will be published; empty when nobody said."""
    folder: Path

    def write(self, hand_written: Sequence[str]) -> None:
        """All files; `hand_written` are the addresses of pages that belong to no case."""
        self._write(STATUS_FILE, self.status.model_dump_json(indent=1) + "\n")
        for case in self.status.cases:
            name = case.case
            told = self.past[name].history(name, case.title, self.units[name])
            self._write(f"cases/{name}/history.json", told)
            self._write(f"cases/{name}/badge.svg", badge(case))
        self._write("feed.xml", feed(self.status, self.past, self.units, self.address))
        for name, kind in SCHEMAS.items():
            address = f"schemas/{name}.schema.json"
            text = json.dumps(schema(kind, self.address + address), indent=1, ensure_ascii=False)
            self._write(address, text + "\n")
        if self.address:
            pages = [*self._pages(hand_written)]
            self._write("sitemap.xml", sitemap(self.address, pages))

    def _pages(self, hand_written: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        for page in hand_written:
            yield page, None
        for case in self.status.cases:
            for link in case.pages:
                yield quote(link.address), self.status.published
            for brief in self.runs[case.case]:
                yield quote(f"{case.case}/runs/{brief.run_id}.html"), brief.finished

    def _write(self, address: str, text: str) -> None:
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def schema(kind: type[BaseModel], address: str) -> dict[str, Any]:
    """The JSON Schema that what is published of this kind keeps to."""
    found = kind.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": address, **found}


def badge(case: CaseStatus) -> str:
    """An SVG with the case's name, its state and the day that it is of: a picture can't age by
    itself, so that it says its day.
    """
    left = case.title[: LONGEST_TITLE - 1] + "…" if len(case.title) > LONGEST_TITLE else case.title
    moment = case.newest_run.as_of or case.newest_run.finished
    right = f"{case.health}, {words.date_text(moment)}" if moment else case.health
    widths = [round(len(text) * BADGE_LETTER) + 2 * BADGE_ROOM for text in (left, right)]
    drawn = markup.fragment(
        "badge.svg.j2",
        case=case,
        left=left,
        right=right,
        widths=widths,
        room=BADGE_ROOM,
        told=f"{case.title}: {right}. {case.headline}",
    )
    return words.xml_text(drawn)
