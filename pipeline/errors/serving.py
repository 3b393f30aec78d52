"""What can't be rendered, packaged, served or predicted."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors.base import VigieError


class SiteError(VigieError):
    """A page that can't be rendered."""


class ServiceError(VigieError):
    """A champion that can't be packaged or served."""


class RecordError(ServiceError):
    """Records of a call that can't be predicted: where, which field, and why."""

    def __init__(self, problems: Iterable[tuple[int, str, str]]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [f"record {place}, {field}: {found}" for place, field, found in self.problems]
        super().__init__("\n".join(lines))
