"""What a site says of itself: from which inputs each of its pages was made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from pipeline.publish.replacing import MARK

Digests = dict[str, str]
Groups = dict[str, tuple[str, dict[str, tuple[str, str]]]]
"""Digest of what the pages rest on together, and by page those of its inputs and its source."""
HELD = ("key", "units", "files", "pages", "groups")


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
    groups: Groups = field(default_factory=dict)
    """Units of one page each that rest on something together: they are in neither of the above."""

    @classmethod
    def read(cls, site: Path, key: str) -> Self:
        """What the site says of itself; nothing where it was made with another key, or says nothing
        that can be read.
        """
        try:
            held = json.loads((site / MARK).read_bytes())
            found = cls(**{name: held[name] for name in HELD})
        except (OSError, ValueError, KeyError, TypeError):
            return cls(key=key)
        return found if found.key == key else cls(key=key)

    def of(self, unit: str) -> list[str]:
        """The files of a unit."""
        return self.files.get(unit, [unit])

    def unit(self, name: str) -> str | None:
        """Digest of the unit's inputs, whether it is in a group or not."""
        return self.units.get(name) or self._grouped.get(name, (None, None))[0]

    def page(self, name: str) -> str | None:
        """Digest of the source that the page was rendered from."""
        return self.pages.get(name) or self._grouped.get(name, (None, None))[1]

    @cached_property
    def _grouped(self) -> dict[str, tuple[str, str]]:
        return {name: told for _, pages in self.groups.values() for name, told in pages.items()}
