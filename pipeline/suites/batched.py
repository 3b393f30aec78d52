"""A suite over more rows than fit into memory, with the findings that the whole would give.

Expectations that judge each row on its own see batches, and their counts are added up. Those of
uniqueness see the rows that agree with another, those of a lowest, highest or different value see
these values. Any other sees its own columns whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from pipeline import suites
from pipeline.records import Finding
from pipeline.store.changes import quoted
from pipeline.store.scans import Scan

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult

Derive = Callable[["pd.DataFrame"], "pd.DataFrame"]
Entry = dict[str, Any]
REASON = "reason"
ALONE = ("count", "different", "unique", "whole")

EACH_ROW = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_regex",
        "expect_multicolumn_sum_to_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
UNIQUE = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})
EXTREME = frozenset({"expect_column_max_to_be_between", "expect_column_min_to_be_between"})
DIFFERENT = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_unique_value_count_to_be_between",
    }
)
WHOLE_TABLE = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})
NULLS = frozenset({"expect_column_values_to_be_null", "expect_column_values_to_not_be_null"})


@dataclass(frozen=True, kw_only=True)
class BatchedVerdict:
    """What a suite found, in the order of its file."""

    findings: tuple[Finding, ...]
    failing: pa.Table
    """Key of each row that failed a row expectation, and `reason`: the names, comma-separated."""


@dataclass(kw_only=True)
class Tally:
    """One expectation's results, batch by batch."""

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
    def of(cls, entry: Entry) -> Self:
        column = ", ".join(suites.subjects(entry))
        show = entry["meta"].get("show")
        return cls(
            column=column,
            shown=show or column,
            by_show=bool(show),
            mostly=float(entry["kwargs"].get("mostly", 1)),
            of_nulls=entry["type"] in NULLS,
        )

    def add(self, result: ExpectationValidationResult, frame: pd.DataFrame) -> list[int]:
        """Adds a batch; gives the positions of its failing rows."""
        found = result.result
        self.rows += int(found.get("element_count", 0))
        self.missing += int(found.get("missing_count") or 0)
        self.unexpected += int(found.get("unexpected_count", 0))
        positions = suites.positions(result)
        if positions and self.shown in frame:
            values = frame[self.shown].iloc[positions].dropna().drop_duplicates()
            self.seen |= dict.fromkeys(suites.words(value) for value in values)
        if self.column in frame:
            self.ends += suites.ends(frame[self.column])
        return positions

    @property
    def success(self) -> bool:
        """As Great Expectations has it: the share of good values, missing ones left out."""
        judged = self.rows if self.of_nulls else self.rows - self.missing
        return not judged or (judged - self.unexpected) / judged >= self.mostly

    def finding(self, one: Finding) -> Finding:
        """The finding of any batch, with the numbers of all."""
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
            return suites.failing_words(told, list(self.seen), whole=self.by_show)
        return f"{told}{suites.range_words(self.ends)}"


def check_batches(
    rows: Scan, suite: Path, *, parameters: Mapping[str, object], derive: Derive
) -> BatchedVerdict:
    """Judges rows as `check` does; `derive` adds columns to any stretch of whole rows.

    Raises `SuiteError` as `check` does.
    """
    whole = suites.read(suite)
    values = {**whole.suite_parameters, **parameters}
    suites.require_parameters(suite, whole, values)
    judge = Judge(rows=rows, suite=suite, values=values, derive=derive)
    entries = suites.entries(suite)
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(judge.way(entry), []).append(entry)
    found = [
        *judge.by_batch(groups.get("batch", [])),
        *judge.by_extremes(groups.get("extreme", [])),
        *(judge.alone(entry, way) for way in ALONE for entry in groups.get(way, [])),
    ]
    order = [suites.name_of(entry) for entry in entries]
    return BatchedVerdict(
        findings=tuple(sorted(found, key=lambda finding: order.index(finding.name))),
        failing=_reasons(judge.failing, rows.key, order),
    )


@dataclass(kw_only=True)
class Judge:
    """Runs entries of one suite over the rows, each in its way, and keeps the failing rows."""

    rows: Scan
    suite: Path
    values: Mapping[str, object]
    derive: Derive
    failing: list[pa.Table] = field(default_factory=list)
    """Keys, with `name` of the expectation that they failed."""

    def way(self, entry: Entry) -> str:
        """How an expectation is judged; what is derived, or of no known kind, is judged whole."""
        kind, derived = entry["type"], self._derived([entry])
        if kind in EACH_ROW:
            return "batch"
        if kind in WHOLE_TABLE:
            return "count"
        for way, kinds in (("extreme", EXTREME), ("different", DIFFERENT), ("unique", UNIQUE)):
            if kind in kinds and not derived:
                return way
        return "whole"

    def by_batch(self, entries: list[Entry]) -> Iterator[Finding]:
        """Expectations that look at one row at a time."""
        if not entries:
            return
        tallies = {suites.name_of(entry): Tally.of(entry) for entry in entries}
        columns = self._columns(entries)
        for batch in self.rows.batches(columns):
            frame = self._frame(pa.Table.from_batches([batch]), entries)
            results = suites.evaluate(frame, self.suite, entries, self.values)
            for entry, result in zip(entries, results, strict=True):
                name = suites.name_of(entry)
                positions = tallies[name].add(result, frame)
                self._keep(entry, pa.Table.from_batches([batch]), positions)
        for entry, result in zip(entries, results, strict=True):
            yield tallies[suites.name_of(entry)].finding(suites.finding(result, frame))

    def by_extremes(self, entries: list[Entry]) -> Iterator[Finding]:
        """Expectations of lowest and highest values: two rows tell as much as all."""
        if entries:
            frame = self.rows.extremes(self._columns(entries, key=False)).to_pandas()
            yield from self._findings(frame, entries)

    def alone(self, entry: Entry, way: str) -> Finding:
        """One expectation, over the rows that it needs."""
        import pandas as pd

        if way == "count":
            return next(self._findings(pd.DataFrame(index=range(self.rows.count)), [entry]))
        columns = self._columns([entry])
        if way == "different":
            frame = self.rows.different(entry["kwargs"]["column"]).to_pandas()
            return next(self._findings(frame, [entry]))
        if way == "unique":
            table = self.rows.repeated(suites.subjects(entry), columns)
        else:
            table = self.rows.whole(columns)
        frame = self._frame(table, [entry])
        (result,) = suites.evaluate(frame, self.suite, [entry], self.values)
        self._keep(entry, table, suites.positions(result))
        tally = Tally.of(entry)
        tally.add(result, frame)
        told = suites.finding(result, frame)
        if not suites.judges_rows(result):
            return told.model_copy(update={"evaluated": self.rows.count})
        tally.rows = self.rows.count
        return tally.finding(told)

    def _findings(self, frame: pd.DataFrame, entries: list[Entry]) -> Iterator[Finding]:
        for result in suites.evaluate(frame, self.suite, entries, self.values):
            found = suites.finding(result, frame)
            yield found.model_copy(update={"evaluated": self.rows.count})

    def _columns(self, entries: list[Entry], *, key: bool = True) -> list[str]:
        """What has to be read for entries; all columns where something is derived from them."""
        if self._derived(entries):
            return [*self.rows.schema.names, *self.rows.key[-1:]]
        asked = [name for entry in entries for name in suites.asked(entry)]
        return list(dict.fromkeys([*(self.rows.key if key else ()), *asked]))

    def _derived(self, entries: list[Entry]) -> bool:
        known = set(self.rows.schema.names)
        return any(not set(suites.asked(entry)) <= known for entry in entries)

    def _frame(self, table: pa.Table, entries: list[Entry]) -> pd.DataFrame:
        frame: pd.DataFrame = table.to_pandas()
        return self.derive(frame) if self._derived(entries) else frame

    def _keep(self, entry: Entry, table: pa.Table, positions: list[int]) -> None:
        if positions and entry["severity"] == "warning":
            keys = table.select(list(self.rows.key)).take(pa.array(positions, pa.int64()))
            names = pa.repeat(pa.scalar(suites.name_of(entry)), keys.num_rows)
            self.failing.append(keys.append_column("name", names))


def _reasons(failing: list[pa.Table], key: tuple[str, ...], order: list[str]) -> pa.Table:
    """Each key once, with the names of what it failed, in the order of the suite."""
    if not failing:
        return pa.table({**{name: pa.array([]) for name in key}, REASON: pa.array([], pa.string())})
    import duckdb

    names = ", ".join(quoted(list(key)))
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("failing", pa.concat_tables(failing))
        database.register("suite", pa.table({"name": order, "place": range(len(order))}))
        query = (
            f"SELECT {names}, string_agg(suite.name, ', ' ORDER BY place) AS {REASON} "
            f"FROM failing JOIN suite USING (name) GROUP BY {names}"
        )
        typed = pa.schema([failing[0].schema.field(name) for name in key])
        found = database.sql(query).to_arrow_table()
        return found.cast(typed.append(pa.field(REASON, pa.string())))
