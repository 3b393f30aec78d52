"""What of the site that is there can be taken over: each page by the digest of what it rests on.

A page that is taken over is the very file of the old site under a second name.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pipeline.publish.made import HELD, Made
from pipeline.publish.rendering import Rendered
from pipeline.publish.replacing import MARK


@dataclass(frozen=True, kw_only=True)
class Build:
    """A site in the making, in a folder beside the one that it will replace."""

    old: Path
    fresh: Path
    before: Made
    """What the old site was made from."""
    spare: Made
    """What the files were made from that are in the folder already."""
    now: Made
    there: set[str]
    """Files in the folder, relative to it; whether they belong to the site is seen in the end."""
    wanted: set[str] = field(default_factory=set)
    """Files of the site so far."""
    folders: set[str] = field(default_factory=set)
    """Folders that are known to be there."""
    rendered: dict[str, Rendered] = field(default_factory=dict)
    """By address: pages that were rendered, since they could not be taken over."""
    begun: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """Groups whose pages are being made, with what they rest on."""

    @classmethod
    def beside(cls, old: Path, fresh: Path, *, key: str, anew: bool = False) -> Self:
        """Begins a site in `fresh`, as `replacing` gives it; `anew` takes nothing over."""
        before = Made(key=key) if anew else Made.read(old, key)
        spare = Made.read(fresh, key)
        (fresh / MARK).unlink(missing_ok=True)
        there = set(_files(str(fresh)))
        return cls(old=old, fresh=fresh, before=before, spare=spare, now=Made(key=key), there=there)

    def takes_over(self, unit: str, inputs: str) -> bool:
        """Whether the unit rests on the same inputs as in the old site, and its files, which must
        all be there, now stand in the new one too.
        """
        if self.before.unit(unit) != inputs:
            return False
        same = self.spare.unit(unit) == inputs
        if unit not in self.before.files and same and unit in self.there:
            self.now.units[unit] = inputs
            self.now.pages[unit] = self.before.page(unit) or ""
            self.wanted.add(unit)
            return True
        files = self.before.of(unit)
        if not (same and self.there.issuperset(files)) and not self._link_all(files):
            return False
        self.note(unit, inputs, files)
        self.now.pages.update({name: page for name in files if (page := self.before.page(name))})
        return True

    def takes_over_all(self, group: str, inputs: str) -> bool:
        """Whether units that were noted as a group rest on the same as in the old site, so that all
        of them can be taken over without a look at each.
        """
        known, pages = self.before.groups.get(group, ("", {}))
        if known != inputs:
            return False
        same = self.spare.groups.get(group, ("", {}))[0] == inputs and self.there.issuperset(pages)
        if not same and not self._link_all(pages):
            return False
        self.now.groups[group] = (known, pages)
        self.wanted.update(pages)
        return True

    def note_group(self, group: str, inputs: str, pages: list[str]) -> None:
        """Notes that units of one page each rest on `inputs` together."""
        self.begun[group] = (inputs, pages)

    def note(self, unit: str, inputs: str, files: Iterable[str] = ()) -> None:
        """Notes a unit with its files, where they are others than itself."""
        self.now.units[unit] = inputs
        listed = sorted(files) or [unit]
        self.wanted.update(listed)
        if listed != [unit]:
            self.now.files[unit] = listed

    def is_rendered(self, page: str, source: str) -> bool:
        """Whether the old site's page was rendered from the same source, and now stands here."""
        self.now.pages[page] = source
        self.wanted.add(page)
        if self.before.page(page) != source:
            return False
        same = self.spare.page(page) == source and page in self.there
        return same or self._link_all([page])

    def put(self, name: str, source: Path | str) -> None:
        """Puts a file into the site: a copy of a file, or text."""
        target = self._place(name)
        self.wanted.add(name)
        if isinstance(source, Path):
            shutil.copyfile(source, target)
        else:
            Path(target).write_text(source, encoding="utf-8")

    def finish(self) -> int:
        """Removes what is not of the site, writes what it was made from, and says how many pages
        it has; the last thing.
        """
        for name in self.there - self.wanted:
            path = self.fresh / name
            path.unlink()
            _remove_empty(path.parent, self.fresh)
        self._close_groups()
        held = {
            "made_by": "vigie site; replaced as a whole",
            **{name: getattr(self.now, name) for name in HELD},
        }
        (self.fresh / MARK).write_text(json.dumps(held, sort_keys=True), encoding="utf-8")
        return sum(1 for name in self.wanted if name.endswith(".html"))

    def _close_groups(self) -> None:
        """Moves what is known of the pages of groups that were made now into these groups."""
        units, sources = self.now.units, self.now.pages
        for group, (inputs, pages) in self.begun.items():
            told = {page: (units.pop(page, ""), sources.pop(page, "")) for page in pages}
            self.now.groups[group] = (inputs, told)

    def _link_all(self, files: Iterable[str]) -> bool:
        for name in files:
            if not _linked(f"{self.old}/{name}", self._place(name)):
                self.there.discard(name)
                return False
        return True

    def _place(self, name: str) -> str:
        """Where the file goes, with nothing in its place: what was there may be the old site's."""
        target = f"{self.fresh}/{name}"
        if name in self.there:
            os.unlink(target)  # noqa: PTH108 - thousands of them
        else:
            self._make_folder(name.rpartition("/")[0])
        self.there.add(name)
        return target

    def _make_folder(self, folder: str) -> None:
        if folder not in self.folders:
            (self.fresh / folder).mkdir(parents=True, exist_ok=True)
            self.folders.add(folder)


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


def _files(folder: str, before: str = "") -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, f"{before}{entry.name}/")
        else:
            yield f"{before}{entry.name}"


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
