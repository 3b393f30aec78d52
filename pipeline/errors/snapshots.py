"""Why state can't be moved, and what GitHub's command said."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

from pipeline.errors.base import VigieError


class GitHubError(VigieError):
    """GitHub's command is not there, or it refused."""


class SnapshotError(VigieError):
    """State that can't be moved: a damaged snapshot, another writer, a place out of reach."""

    damaged: ClassVar[bool] = False

    @classmethod
    def for_unknown_place(cls, address: str, error: Exception) -> Self:
        return cls(
            f"{address} can't be reached: {error}. Install what its kind of place needs "
            "(pip install 'vigie[s3]', 'vigie[gcs]' or 'vigie[azure]')."
        )

    @classmethod
    def for_unsafe_place(cls, address: str, known: Iterable[str]) -> Self:
        return cls(
            f"{address} is on a kind of place where two machines that push at once can't be told "
            "apart. Name a folder, github-release:OWNER/REPO/TAG, or an address that begins "
            f"with one of: {', '.join(f'{name}://' for name in sorted(known))}."
        )

    @classmethod
    def for_empty_place(cls, address: str) -> Self:
        return cls(
            f"{address} holds no snapshot. See that the address is right; a first one is made by: "
            f"vigie state push {address}."
        )

    @classmethod
    def for_missing(cls, address: str, number: int, known: Iterable[int]) -> Self:
        shown = ", ".join(str(one) for one in known) or "none"
        return cls(f"{address} has no snapshot {number}. There are: {shown}.")

    @classmethod
    def for_other_writer(cls, address: str, newest: int, base: int) -> Self:
        came = f"comes from snapshot {base}" if base else "comes from none of its snapshots"
        return cls(
            f"{address} has snapshot {newest}, and this home {came}: somebody else has pushed. "
            "Nothing was changed on either side. Pull into another home and run there "
            f"(vigie state pull {address} --home DIR), or give up what is new here "
            f"(vigie state pull {address} --replace)."
        )

    @classmethod
    def for_unpushed_work(cls, home: Path, address: str, new: list[str]) -> Self:
        return cls(
            f"{home} holds {len(new)} files that were never pushed, {new[0]} among them, and a "
            f"pull would lose them. Push first (vigie state push {address}), name another home "
            "with --home, or say --replace."
        )

    @classmethod
    def for_damage(cls, name: str, problems: Iterable[str]) -> SnapshotError:
        return DamagedSnapshotError.for_problems(f"{name} is damaged:", problems)

    @classmethod
    def for_unknown_format(cls, name: str, found: object, version: object) -> Self:
        return cls(
            f"{name} was written by Vigie {version} in format {found!r}, which this version can't "
            "read. Install that version or a newer one; nothing was changed."
        )


class DamagedSnapshotError(SnapshotError):
    """A snapshot whose bytes are not what its digests say."""

    damaged: ClassVar[bool] = True
