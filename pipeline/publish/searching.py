"""The static index that the site's own search looks through: words of each page, in one file.

It is a script and not JSON: a page that was opened from a disk may load the one and not the other.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.publish import markup, words
from pipeline.publish.building import Build
from pipeline.publish.rendering import Rendered
from pipeline.publish.status import CaseStatus
from pipeline.publish.still import StillStore

INDEX = "search-index.js"
ASSIGNED = "window.vigiePages = "
LONGEST = 4000
"""Letters of a page's text that are kept."""
NEWEST_RUNS = 50
"""Runs of a case that are found by their time or id; older ones are on their lists."""
UNLISTED = frozenset({"search.html"})
UNREAD = re.compile(
    r'<(svg|pre|script|style|template|nav)\b.*?</\1>|<div class="vigie-simulated".*?</div>',
    re.DOTALL,
)
"""What is the same on all pages of a case, or no words."""
Entry = dict[str, Any]


def entry(address: str, page: Rendered) -> Entry:
    """What can be found of a page: its title, its headings with their places, and its words."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", UNREAD.sub(" ", page.body)))
    return {
        "address": address,
        "title": markup.plain(page.title),
        "headings": [list(found) for found in page.headings],
        "text": " ".join(text.split())[:LONGEST],
    }


def runs_of(store: StillStore, case: CaseStatus) -> list[Entry]:
    """The newest runs, newest first, by the time that they were made for and their ids."""
    newest = store.lines(case.case)[-NEWEST_RUNS:]
    return [
        {
            "address": f"{case.case}/runs/{line.run_id}.html",
            "title": f"{case.title}: run {_made_for(line.as_of)}",
            "headings": [],
            "text": line.run_id,
        }
        for line in reversed(newest)
    ]


def _made_for(as_of: str) -> str:
    return f"for {words.moment_text(datetime.fromisoformat(as_of))}" if as_of else "without a time"


def read_index(site: Path) -> dict[str, Entry]:
    """The entries of a site's index by address; none where there is no index that can be read."""
    try:
        text = (site / INDEX).read_text(encoding="utf-8")
        found = json.loads(text.removeprefix(ASSIGNED).rstrip().removesuffix(";"))
        return {one["address"]: one for one in found}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_index(build: Build, runs: Sequence[Entry]) -> None:
    """Writes the index of the site in the making: pages that were rendered now, pages that were
    taken over as the old site's index has them, and runs.
    """
    found = filter(_is_found, build.rendered)
    known = read_index(build.old) | {page: entry(page, build.rendered[page]) for page in found}
    held = known.keys() & filter(_is_found, build.now.pages)
    kept = [known[page] for page in sorted(held)]
    listed = json.dumps([*kept, *runs], separators=(",", ":"))
    build.put(INDEX, f"{ASSIGNED}{listed};\n")


def _is_found(page: str) -> bool:
    return page not in UNLISTED and "/runs/" not in page
