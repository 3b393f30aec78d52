"""Snapshots as assets of a GitHub release, through the command `gh`.

A release asset can't be overwritten unless one asks for it, and doesn't expire as caches and
artifacts of a workflow do.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.errors import SnapshotError

NOTES = "State of Vigie: snapshots of its home. Written and pruned by `vigie state`."


@dataclass(frozen=True, kw_only=True)
class Release:
    """The assets of one release; the release is made with the first push."""

    repository: str
    tag: str

    @classmethod
    def at(cls, address: str) -> Self:
        """From `github-release:TAG` (of GH_REPO, else GITHUB_REPOSITORY) or `…:OWNER/REPO/TAG`."""
        parts = address.partition(":")[2].strip("/").split("/")
        here = os.environ.get("GH_REPO") or os.environ.get("GITHUB_REPOSITORY", "")
        owner = "/".join(parts[:-1]) or here
        if not parts[-1] or owner.count("/") != 1:
            raise SnapshotError(
                f"{address!r} names no release. Write github-release:OWNER/REPO/TAG, or "
                "github-release:TAG with GITHUB_REPOSITORY set to OWNER/REPO."
            )
        return cls(repository=owner, tag=parts[-1])

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
        self._gh("release", "download", self.tag, "--pattern", name, "--output", str(to))

    def create(self, name: str, content: Path) -> None:
        if self._view() is None:
            self._gh("release", "create", self.tag, "--prerelease", "--notes", NOTES,
                     "--title", self.tag)  # fmt: skip
        named = content.with_name(name)
        try:
            if named != content:
                named.hardlink_to(content)
            self._gh("release", "upload", self.tag, str(named))
        except SnapshotError:
            if name in self._assets():
                raise FileExistsError(name) from None
            raise
        finally:
            if named != content:
                named.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        if name in self._assets():
            self._gh("release", "delete-asset", self.tag, name, "--yes")

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
            return json.loads(self._gh("release", "view", self.tag, "--json", "assets"))
        except SnapshotError as error:
            if "not found" in str(error).lower():
                return None
            raise

    def _gh(self, *arguments: str) -> str:
        command = ["gh", *arguments, "--repo", self.repository]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise SnapshotError(
                f"{self.address} is reached through GitHub's command gh, which is not installed "
                "here. Install it, or keep the state elsewhere (vigie state push --help)."
            ) from error
        if done.returncode:
            raise SnapshotError(
                f"`gh {' '.join(arguments[:2])}` failed for {self.address}: "
                f"{done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout
