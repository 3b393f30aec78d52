"""What of the site that is there can be taken over: each page by the digest of what it rests on.

A page that is taken over is the very file of the old site, under both names until the old one goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.publish.rendering import Rendered
from pipeline.publish.replacing import MARK

Digests = dict[str, str]


def digest(*parts: object) -> str:
    """Of the parts as JSON; what JSON doesn't know counts as it is written."""
    text = json.dumps(parts, default=str, sort_keys=True, ensure_ascii=False)
    return digest_of_text(text)


def digest_of_text(text: str) -> str:
    """Of the text as it is."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a site was made from."""

    key: str = ""
    """Digest of what every page rests on."""
    units: Digests = field(default_factory=dict)
    """By a page's address, or a folder's where several pages rest on the same: digest of its
    inputs."""
    files: dict[str, list[str]] = field(default_factory=dict)
    """Of a folder: every file that belongs to it."""
    pages: Digests = field(default_factory=dict)
    """By address: digest of the source that a page was rendered from."""

    @classmethod
    def read(cls, site: Path) -> Self:
        """What the site says of itself; nothing where it says nothing that can be read."""
        try:
            held = json.loads((site / MARK).read_bytes())
            return cls(**{name: held[name] for name in ("key", "units", "files", "pages")})
        except (OSError, ValueError, KeyError, TypeError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class Build:
    """A site in the making, beside the one that it will replace."""

    old: Path
    fresh: Path
    before: Made
    now: Made
    rendered: dict[str, Rendered] = field(default_factory=dict)
    """By address: pages that were rendered, since they could not be taken over."""
    linked: set[str] = field(default_factory=set)
    """Folders that are there."""

    @classmethod
    def beside(cls, old: Path, fresh: Path, *, key: str, anew: bool = False) -> Self:
        """Begins a site; `anew` takes nothing over."""
        before = Made() if anew else Made.read(old)
        known = before if before.key == key else Made()
        return cls(old=old, fresh=fresh, before=known, now=Made(key=key))

    def takes_over(self, unit: str, inputs: str) -> bool:
        """Whether the unit rests on the same inputs as in the old site, and its files, which must
        all be there, now stand in the new one too.
        """
        if self.before.units.get(unit) != inputs:
            return False
        files = self.before.files.get(unit, [unit])
        if not self._link_all(files):
            return False
        self.note(unit, inputs, files)
        kept = {name: self.before.pages[name] for name in files if name in self.before.pages}
        self.now.pages.update(kept)
        return True

    def note(self, unit: str, inputs: str, files: Iterable[str] | None = None) -> None:
        """Notes a unit that was made, with its files where they are others than itself."""
        self.now.units[unit] = inputs
        if files is not None and list(files) != [unit]:
            self.now.files[unit] = sorted(files)

    def is_rendered(self, page: str, source: str) -> bool:
        """Whether the old site's page was rendered from the same source, and now stands here."""
        self.now.pages[page] = source
        return self.before.pages.get(page) == source and self._link_all([page])

    def finish(self) -> None:
        """Writes what the site was made from; the last thing."""
        held: dict[str, Any] = {
            "made_by": "vigie site; replaced as a whole",
            "key": self.now.key,
            "units": self.now.units,
            "files": self.now.files,
            "pages": self.now.pages,
        }
        (self.fresh / MARK).write_text(json.dumps(held, sort_keys=True), encoding="utf-8")

    def _link_all(self, files: Iterable[str]) -> bool:
        done: list[str] = []
        for name in files:
            source, target = f"{self.old}/{name}", f"{self.fresh}/{name}"
            self._make_folder(target.rpartition("/")[0])
            if not _linked(source, target):
                for made in done:
                    Path(made).unlink()
                return False
            done.append(target)
        return True

    def _make_folder(self, folder: str) -> None:
        if folder not in self.linked:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.linked.add(folder)


def _linked(source: str, target: str) -> bool:
    """Whether the file has a second name, or a copy where the system knows no second names."""
    for give in (os.link, shutil.copyfile):
        try:
            give(source, target)
        except FileNotFoundError:
            return False
        except OSError:
            continue
        else:
            return True
    return False
