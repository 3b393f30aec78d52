"""Decisions and alarms of all cases as an Atom feed (RFC 4287).

An entry keeps its id for ever, whatever else changes: it is made from case, run and kind alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote
from xml.etree import ElementTree as ET

from pipeline.metrics import score_name, unit_of_score
from pipeline.publish import words
from pipeline.publish.history import Past
from pipeline.publish.rows import RunThen
from pipeline.publish.status import CaseStatus, SiteStatus
from pipeline.steps.wording import listed

SPACE = "http://www.w3.org/2005/Atom"
MOST = 100
"""Entries of the feed; older ones are on the pages of runs."""
NAMES = uuid.UUID("0b5a5c1e-5d0c-5a1b-9a53-6f0a5b7a1c11")
"""Where the ids of this feed live: a name space of our own (RFC 9562, section 5.5)."""
Kind = Literal["decision", "alarm", "failure"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened."""

    case: str
    run_id: str
    kind: Kind
    title: str
    text: str
    updated: datetime

    @property
    def id(self) -> str:
        """A name for ever."""
        return uuid.uuid5(NAMES, f"{self.case}/{self.run_id}/{self.kind}").urn

    @property
    def page(self) -> str:
        """The run's page, relative to the site's root."""
        return quote(f"{self.case}/runs/{self.run_id}.html")


def feed(
    status: SiteStatus,
    past: Mapping[str, Past],
    units: Mapping[str, str],
    address: str,
) -> str:
    """The feed's XML, newest entry first; links are relative where the address is not known."""
    found = [
        entry for case in status.cases for entry in entries(case, past[case.case], units[case.case])
    ]
    found.sort(key=lambda entry: (entry.updated, entry.id), reverse=True)
    newest = found[:MOST]
    root = ET.Element("feed", xmlns=SPACE)
    _text(root, "id", f"{address}feed.xml" if address else uuid.uuid5(NAMES, "feed").urn)
    _text(root, "title", "Vigie: decisions and alarms")
    _text(root, "updated", words.stamp(newest[0].updated if newest else status.published))
    ET.SubElement(root, "link", rel="self", type="application/atom+xml", href=f"{address}feed.xml")
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=f"{address}index.html")
    _text(ET.SubElement(root, "author"), "name", "Vigie")
    for entry in newest:
        _append(root, entry, address)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def entries(case: CaseStatus, past: Past, unit: str) -> Iterator[Entry]:
    """What the newest runs of a case decided, which columns began or ceased to drift, and what
    failed.
    """
    alarms: tuple[str, ...] = ()
    for place, row in enumerate(past.newest):
        updated = row.finished or row.as_of
        # What changed with the oldest row is known only where no run was before it.
        if updated is not None and (place > 0 or past.whole):
            for kind, title, text in _told(row, alarms, unit):
                yield Entry(
                    case=case.case,
                    run_id=row.run_id,
                    kind=kind,
                    title=f"{case.title}: {title}",
                    text=text,
                    updated=updated,
                )
        alarms = row.alarms if row.drift is not None else alarms


def _told(row: RunThen, alarms: tuple[str, ...], unit: str) -> Iterator[tuple[Kind, str, str]]:
    if row.ended in {"stopped", "failed"}:
        ended = "stopped by a gate" if row.ended == "stopped" else "failed"
        yield "failure", ended, row.headline
    if row.drift is not None and set(row.alarms) != set(alarms):
        told = f"drift in {listed(row.alarms)}" if row.alarms else "no drift any more"
        count = f"{len(row.alarms)} of {len(row.drift)} watched columns have an alarm."
        words_of = [column.sentence for column in row.drift if column.alarm and column.sentence]
        yield "alarm", told, " ".join([count, *words_of])
    # A run that took over an earlier one's decision decided nothing itself.
    if row.decision and row.decided_in == row.run_id:
        training = row.training if row.training != row.sentence else ""
        sentences = filter(None, [training, row.sentence, _score(row, unit)])
        yield "decision", row.decision, " ".join(sentences)


def _score(row: RunThen, unit: str) -> str:
    if row.metric is None:
        return ""
    name, known = row.metric.name, unit_of_score(row.metric.name, unit)
    told = f"{score_name(name)} of the champion: {words.quantity(row.metric.value, known)}"
    if row.metric.baseline is not None:
        told += f"; of the baseline: {words.quantity(row.metric.baseline, known)}"
    return f"{told}."


def _append(root: ET.Element, entry: Entry, address: str) -> None:
    made = ET.SubElement(root, "entry")
    _text(made, "id", entry.id)
    _text(made, "title", entry.title)
    _text(made, "updated", words.stamp(entry.updated))
    ET.SubElement(made, "link", rel="alternate", type="text/html", href=f"{address}{entry.page}")
    ET.SubElement(made, "category", term=entry.kind)
    ET.SubElement(made, "category", term=words.xml_text(entry.case))
    _text(made, "summary", entry.text)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = words.xml_text(text)
