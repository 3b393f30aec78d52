"""What a case shows on its page of trends: declared once, checked when the case is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import CaseError, OptionError
from pipeline.schema import Schema
from pipeline.trends.questions import UTC, Aggregate, Bucket, Question


@dataclass(frozen=True, kw_only=True)
class TrendView:
    """One figure: a panel for each value of `panels`, in it a line for each value of `lines`.

    The horizontal axis is the bucket; without one there is a bar for each value of `lines`.
    """

    name: str
    """Of its files; lower-case words joined by underscores."""
    title: str
    bucket: Bucket | None = None
    panels: str | None = None
    lines: str | None = None
    aggregate: Aggregate = "mean"
    column: str = ""
    """What is aggregated; empty: the target."""
    where: tuple[str, ...] = ()
    zone: str = UTC
    """Time zone of the buckets."""
    own_scales: bool = False
    """Each panel has a vertical axis of its own: shapes are compared, not heights."""

    def question(self, schema: Schema) -> Question:
        """What is asked for the figure; raises `OptionError` when the schema has no answer."""
        return Question.of(
            schema,
            by=tuple(name for name in (self.panels, self.lines) if name),
            where=self.where,
            bucket=self.bucket,
            zone=self.zone,
            aggregates=tuple({self.aggregate, "count"}),
            column=self.column,
            limit=100_000,
        )


def check_views(views: tuple[TrendView, ...], schema: Schema, case: str) -> None:
    """Raises `CaseError` with all that is wrong with a case's views."""
    problems = [problem for view in views for problem in _problems(view, schema)]
    names = [view.name for view in views]
    problems += [f"{name!r} names two views" for name in set(names) if names.count(name) > 1]
    if problems:
        raise CaseError.for_problems(f"Case {case!r} has trends that can't be shown:", problems)


def _problems(view: TrendView, schema: Schema) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", view.name):
        yield f"{view.name!r}: write the name as lower-case words joined by underscores"
    if view.bucket is None and view.lines is None:
        yield f"{view.name!r} has no horizontal axis: name a bucket, or a column for the lines"
    try:
        view.question(schema)
    except OptionError as error:
        yield f"{view.name!r}: {error}"
