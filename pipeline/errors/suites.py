"""What is wrong with a suite of expectations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pipeline.errors.base import VigieError


class SuiteError(VigieError):
    """A suite file that can't be used, or an expectation that could not be evaluated."""

    @classmethod
    def for_unreadable(cls, path: Path, error: Exception) -> Self:
        return cls(
            f"{path} can't be read as JSON: {error}. "
            "Put a suite there in Great Expectations' own format."
        )

    @classmethod
    def for_malformed(cls, path: Path, problems: Iterable[str]) -> Self:
        return cls.for_problems(f"{path} can't be used as a suite. Mend it in the file:", problems)

    @classmethod
    def for_missing_parameters(
        cls, path: Path, missing: Iterable[str], given: Iterable[str]
    ) -> Self:
        return cls.for_problems(
            f"{path} asks for parameters that the run doesn't give. Choose of "
            f"{sorted(given)!r}, or write a value in their place:",
            [repr(name) for name in missing],
        )

    @classmethod
    def for_unevaluated(cls, path: Path, problems: Iterable[str]) -> Self:
        return cls.for_problems(
            f"Expectations of {path} could not be evaluated. "
            "Mend the expectation, or the column that it looks at:",
            problems,
        )
