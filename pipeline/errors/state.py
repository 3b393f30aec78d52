"""What is wrong with a home folder, or who else works on it."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pipeline.errors.base import VigieError


class StateError(VigieError):
    """A home folder that can't be read or written, or that holds something unexpected."""

    @classmethod
    def for_mixed_sources(cls, home: Path, case: str, held: str, asked: str) -> Self:
        return cls(
            f"{home} holds {held!r} data of case {case!r}, and this run asks for {asked!r}. "
            "Real and simulated data are never mixed in one home: name another with --home "
            "(or VIGIE_HOME)."
        )

    @classmethod
    def for_missing_record(cls, case: str, step: str, home: Path) -> Self:
        return cls(
            f"{home} has no record of step {step!r} of case {case!r}. "
            f"Run the steps before it first: vigie run {case} --home {home}."
        )

    @classmethod
    def for_failed_write(cls, path: Path, error: Exception) -> Self:
        found = getattr(error, "strerror", None) or str(error)
        refused = getattr(error, "errno", None) in (errno.EROFS, errno.EACCES, errno.EPERM)
        remedy = "Let this user write there" if refused else "Free some space"
        return cls(
            f"{path} can't be written: {found}. What was there before is unchanged. "
            f"{remedy} or choose another folder with --home, then run again."
        )

    @classmethod
    def for_damaged_file(cls, path: Path, found: str) -> Self:
        return cls(
            f"{path} is damaged: {found}. Put the file back from a copy, or remove the run "
            "folder that holds it and run again."
        )

    @classmethod
    def for_later_version(cls, path: Path, found: str) -> Self:
        return cls(
            f"{path} was written by a later version of Vigie: it has {found}. Update Vigie here, "
            "or name another home with --home. Nothing was changed."
        )

    @classmethod
    def for_other_columns(cls, path: Path, held: Iterable[str], wanted: Iterable[str]) -> Self:
        return cls(
            f"{path} holds columns {', '.join(held)}, and the case now has "
            f"{', '.join(wanted)}. Begin a new home with --home, or remove the table and run again."
        )

    @classmethod
    def for_lost_case(cls, case: str, lease: float) -> Self:
        return cls(
            f"Another run has taken case {case!r} over: this one gave no sign of life for "
            f"{lease:.0f} s, as after a sleep. See how the other ends: vigie status."
        )


class HeldError(StateError):
    """A case that another run is working on."""

    exit_code = 5

    @classmethod
    def for_held_case(cls, case: str, owner: str) -> Self:
        return cls(
            f"Case {case!r} is being run by {owner}. Wait until it has ended, or run another case."
        )
