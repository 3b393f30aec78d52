"""The base of all errors, and those of options and cases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

Failure = Literal["error", "timeout", "output", "died", "interrupted", "start"]
"""How a step ended without doing its work: its code raised an error, it took too long, it showed
too much, its kernel died, somebody interrupted it, or its kernel did not start."""


class VigieError(Exception):
    """Base of all errors that Vigie raises on purpose; shown to the user without a traceback."""

    exit_code: ClassVar[int] = 4
    failure: Failure = "error"

    @classmethod
    def for_problems(cls, heading: str, problems: Iterable[str]) -> Self:
        """One error for all problems of one thing, sorted, a line each."""
        return cls("\n".join([heading, *(f"  - {problem}" for problem in sorted(problems))]))


class OptionError(VigieError):
    """A parameter or a command-line value that can't be used."""

    exit_code = 2

    @classmethod
    def for_unknown_case(cls, name: str, known: Iterable[str]) -> Self:
        return cls(f"There is no case {name!r}. Choose one of: {', '.join(sorted(known))}.")

    @classmethod
    def for_missing_mode(cls, case: str, mode: str, known: Iterable[str]) -> Self:
        return cls(
            f"Case {case!r} has no source {mode!r}. Choose one of: {', '.join(sorted(known))}."
        )


class CaseError(VigieError):
    """A case folder whose declarations don't fit together."""

    @classmethod
    def for_missing_declaration(cls, module: str) -> Self:
        return cls(
            f"{module} has no CASE. Every folder of pipeline/cases declares "
            "one: CASE = Case(...) in its __init__.py."
        )
