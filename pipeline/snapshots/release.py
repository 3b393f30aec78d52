"""Snapshots as assets of a GitHub release, through the command `gh`.

A release asset can't be overwritten unless one asks for it, and doesn't expire as caches and
artifacts of a workflow do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.errors import GitHubError, SnapshotError
from pipeline.github import gh, repository_of

NOTES = "State of Vigie: snapshots of its home. Written and pruned by `vigie state`."


@dataclass(frozen=True, kw_only=True)
class Release:
    """The assets of one release; the release is made with the first push."""

    repository: str
    tag: str

    @classmethod
    def at(cls, address: str) -> Self:
        """From `github-release:TAG` (of GH_REPO, else GITHUB_REPOSITORY) or `…:OWNER/REPO/TAG`."""
        *owner, tag = address.partition(":")[2].strip("/").split("/")
        if not tag:
            raise SnapshotError(f"{address!r} names no release: a tag is missing after the colon.")
        return cls(repository=repository_of("/".join(owner)), tag=tag)

    @property
    def address(self) -> str:
        return f"github-release:{self.repository}/{self.tag}"

    def names(self) -> list[str]:
        return sorted(self._assets())

    def size(self, name: str) -> int:
        found = self._assets()
        if name not in found:
            raise FileNotFoundError(name)
        return found[name]

    def fetch(self, name: str, to: Path) -> None:
        if name not in self._assets():
            raise FileNotFoundError(name)
        gh(self.repository, "release", "download", self.tag, "--pattern", name, "--output", str(to))

    def create(self, name: str, content: Path) -> None:
        if self._view() is None:
            gh(self.repository, "release", "create", self.tag, "--prerelease", "--notes", NOTES,
                     "--title", self.tag)  # fmt: skip
        named = content.with_name(name)
        try:
            if named != content:
                named.hardlink_to(content)
            gh(self.repository, "release", "upload", self.tag, str(named))
        except GitHubError:
            if name in self._assets():
                raise FileExistsError(name) from None
            raise
        finally:
            if named != content:
                named.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        if name in self._assets():
            gh(self.repository, "release", "delete-asset", self.tag, name, "--yes")

    def _assets(self) -> dict[str, int]:
        """Sizes by name of the assets that arrived whole."""
        found = self._view() or {"assets": []}
        return {
            asset["name"]: int(asset["size"])
            for asset in found["assets"]
            if asset.get("state", "uploaded") == "uploaded"
        }

    def _view(self) -> Any:
        """The release as JSON; `None` when there is none yet."""
        try:
            return json.loads(gh(self.repository, "release", "view", self.tag, "--json", "assets"))
        except GitHubError as error:
            if "not found" in str(error).lower():
                return None
            raise
