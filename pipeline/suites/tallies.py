"""One expectation's results over stretches of rows, added up to what the whole would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pipeline.records import Finding
from pipeline.suites import findings, reading

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult

NULLS = frozenset({"expect_column_values_to_be_null", "expect_column_values_to_not_be_null"})


@dataclass(kw_only=True)
class Tally:
    """How many rows there are, how many fail, and by which values."""

    column: str
    shown: str
    by_show: bool
    mostly: float
    of_nulls: bool
    rows: int = 0
    missing: int = 0
    unexpected: int = 0
    seen: dict[str, None] = field(default_factory=dict)
    """Words of failing values, or of the column that is shown, in the order of the rows."""
    ends: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Nothing counted yet."""
        column = ", ".join(reading.subjects(entry))
        show = entry["meta"].get("show")
        return cls(
            column=column,
            shown=show or column,
            by_show=bool(show),
            mostly=float(entry["kwargs"].get("mostly", 1)),
            of_nulls=entry["type"] in NULLS,
        )

    def count(self, result: ExpectationValidationResult, frame: pd.DataFrame) -> None:
        """Adds how many rows a stretch has, how many lack a value, and their range."""
        self.rows += int(result.result.get("element_count", 0))
        self.missing += int(result.result.get("missing_count") or 0)
        if self.column in frame:
            self.ends += findings.ends(frame[self.column])

    def collect(self, result: ExpectationValidationResult, frame: pd.DataFrame) -> list[int]:
        """Adds the failing rows of a stretch; gives their positions in it."""
        self.unexpected += int(result.result.get("unexpected_count", 0))
        positions = findings.positions(result)
        if positions and self.shown in frame:
            values = frame[self.shown].iloc[positions].dropna().drop_duplicates()
            # Of its own values a finding shows a few: those beyond aren't held.
            room = len(values) if self.by_show else findings.SHOWN_VALUES + 1 - len(self.seen)
            if room > 0:
                self.seen |= dict.fromkeys(findings.words(value) for value in values)
        return positions

    @property
    def success(self) -> bool:
        """As Great Expectations has it: the share of good values, missing ones left out."""
        judged = self.rows if self.of_nulls else self.rows - self.missing
        return not judged or (judged - self.unexpected) / judged >= self.mostly

    def finding(self, one: Finding) -> Finding:
        """The finding of any stretch, with the numbers of all."""
        return one.model_copy(
            update={
                "success": self.success,
                "evaluated": self.rows,
                "unexpected": self.unexpected,
                "observed": self._observed(),
            }
        )

    def _observed(self) -> str:
        told = f"{self.unexpected:,} of {self.rows:,} rows"
        if self.unexpected:
            return findings.failing_words(told, list(self.seen), whole=self.by_show)
        return f"{told}{findings.range_words(self.ends)}"
