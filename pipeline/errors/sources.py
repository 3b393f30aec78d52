"""What is wrong with what a publisher or a folder gives."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

from pipeline.errors.base import VigieError


class SourceError(VigieError):
    """A source that can't be read, or that holds something else than it should."""

    transient: ClassVar[bool] = False
    """Whether the same request may succeed a little later."""

    @classmethod
    def for_address(cls, address: str, found: str, remedy: str) -> Self:
        """`address` is as it may be shown: without its secrets."""
        return cls(f"{address} {found}. {remedy}")

    @classmethod
    def for_page(cls, address: str, wanted: str, problems: Iterable[str]) -> Self:
        """All problems of one answer that arrived whole and isn't what it should be."""
        return cls.for_problems(
            f"The answer of {address} can't be read as {wanted}. The publisher may have changed "
            "its format; look at the address in a browser:",
            problems,
        )

    @classmethod
    def for_unnamed_folder(cls, wanted: str) -> Self:
        return cls(f"No folder is named that holds {wanted}. Name one with --data.")

    @classmethod
    def for_missing_folder(cls, folder: Path) -> Self:
        return cls(
            f"There is no folder {str(folder)!r}. Make it and put the case's files there, or name "
            "another with --data (it holds one folder for each case)."
        )

    @classmethod
    def for_unreadable(cls, path: Path, error: OSError) -> Self:
        return cls(
            f"{path} can't be read: {error.strerror or error}. See that it is there and that this "
            "user has the right to read it, then run again."
        )

    @classmethod
    def for_no_files(cls, folder: Path, wanted: Iterable[str], found: Iterable[str]) -> Self:
        names = sorted(found)
        shown = ", ".join(repr(name) for name in names[:5]) or "nothing"
        others = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return cls(
            f"{folder} holds none of the files looked for: {'; '.join(wanted)}. "
            f"Found: {shown}{others}. Put a file there, or name another folder with --data."
        )

    @classmethod
    def for_foreign_content(cls, path: Path, wanted: str, found: str) -> Self:
        return cls(
            f"{path} should hold {wanted}, and it is {found}. "
            "Fetch it again from its publisher, or take it out of the folder."
        )

    @classmethod
    def for_file(cls, path: Path, wanted: str, problems: Iterable[str]) -> Self:
        """All problems of one file; each names its column or line and the remedy."""
        return cls.for_problems(
            f"{path} can't be read as {wanted}. Mend it or fetch it again:", problems
        )


class SourceUnavailableError(SourceError):
    """A publisher that does not answer, is overloaded or asks to wait: worth another try."""

    transient = True
    retry_after: float | None = None
    """Seconds that the publisher asks to wait, where it says so."""


class PictureError(VigieError):
    """Bytes that are no picture, or one that is not taken; the message goes on from "it"."""
