"""Runs the expectations of one suite over a scan, each in its way, and keeps the failing rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.records import Finding
from pipeline.schema import Column
from pipeline.store.changes import COPY
from pipeline.store.failing import Failing
from pipeline.store.scans import PLACE, Scan
from pipeline.suites import findings, reading, running
from pipeline.suites.condensing import different, means, released, touches
from pipeline.suites.findings import finding, positions
from pipeline.suites.screening import (
    Suspicion,
    any_of,
    clears,
    judges_texts,
    of_values,
    suspicion,
)
from pipeline.suites.tallies import Tally
from pipeline.suites.ways import DIFFERENT, EACH_ROW, EXTREME, way_of

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult

Derive = Callable[["pd.DataFrame"], "pd.DataFrame"]
Entry = dict[str, Any]
MOST_TEXTS = 100_000
"""Different texts of a column up to which each is judged once."""
MOST_FAILING_TEXTS = 2_000


@dataclass(kw_only=True)
class Judge:
    """Runs entries of one suite over the rows, each in its way, and keeps the failing rows."""

    rows: Scan
    suite: Path
    values: Mapping[str, object]
    derive: Derive
    failing: Failing

    def findings(self, entries: list[Entry]) -> Iterator[Finding]:
        """One for each expectation, by the way in which it is judged."""
        import pandas as pd

        self.rows.told(self._looked_at(entries))
        suspicions = {reading.name_of(e): s for e in entries if (s := self._suspicion(e))}
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            way = way_of(entry, derived=self._derived([entry]))
            if reading.name_of(entry) in suspicions:
                way = "clear" if self._cleared(entry) else "suspicion"
            groups.setdefault(way, []).append(entry)
        yield from self.by_suspicion(groups.get("clear", []), [])
        suspected = groups.get("suspicion", [])
        yield from self.by_suspicion(suspected, [suspicions[reading.name_of(e)] for e in suspected])
        yield from self.by_batch(groups.get("batch", []))
        yield from self.by_extremes(groups.get("extreme", []))
        for entry in groups.get("count", []):
            yield from self._told(pd.DataFrame(index=range(self.rows.count)), [entry])
        for entry in groups.get("different", []):
            different = self.rows.different(entry["kwargs"]["column"])
            yield from self._told(different.to_pandas(), [entry])
        for entry in groups.get("unique", []):
            names = reading.subjects(entry)
            repeated = self.rows.repeated(names, self._columns([entry]))
            yield self._finding(((table, table.to_pandas()) for table in repeated), entry)
        for entry in groups.get("whole", []):
            whole = self.rows.whole(self._columns([entry]))
            yield self._finding([(whole, whole.to_pandas())], entry)
        yield from self.by_means(groups.get("mean", []))
        yield from self.by_derived(groups.get("derived", []))

    def by_suspicion(self, entries: list[Entry], suspicions: list[Suspicion]) -> Iterator[Finding]:
        """Expectations of which SQL tells the rows that may fail: only these are judged.

        Without a suspicion no row is.
        """
        if not entries:
            return
        tallies = self._counted(entries)
        for table in self._suspects(entries, any_of(suspicions)):
            frame = self._gapped(table.to_pandas())
            results = running.evaluate(frame, self.suite, entries, self.values)
            self._collect(entries, results, tallies, table, frame)
        for entry, result in zip(entries, results, strict=True):
            yield tallies[reading.name_of(entry)].finding(finding(result, frame))

    def by_batch(self, entries: list[Entry]) -> Iterator[Finding]:
        """Other expectations that look at one row at a time."""
        if not entries:
            return
        tallies = {reading.name_of(entry): Tally.of(entry) for entry in entries}
        for table, frame in self._tables(entries):
            results = running.evaluate(frame, self.suite, entries, self.values)
            for entry, result in zip(entries, results, strict=True):
                tallies[reading.name_of(entry)].count(result, frame)
            self._collect(entries, results, tallies, table, frame)
        for entry, result in zip(entries, results, strict=True):
            yield tallies[reading.name_of(entry)].finding(finding(result, frame))

    def by_extremes(self, entries: list[Entry]) -> Iterator[Finding]:
        """Expectations of lowest and highest values: two rows tell as much as all."""
        if entries:
            yield from self._told(self.rows.extremes(self._asked(entries)).to_pandas(), entries)

    def by_means(self, entries: list[Entry]) -> Iterator[Finding]:
        """Expectations of a mean: its own value tells as much as all that it is the mean of.

        One that lies so near to an end that the order of summing could decide sees the column.
        """
        if not entries:
            return
        found = means(self._frames(entries), self._asked(entries))
        for entry in entries:
            (name,) = reading.subjects(entry)
            if touches(entry, self.values, found[name].iloc[0]):
                yield from self.by_derived([entry])
            else:
                yield from self._told(found[[name]], [entry])

    def by_derived(self, entries: list[Entry]) -> Iterator[Finding]:
        """Expectations that compare what was derived over all rows: it is held, and no more.

        Of those that look at different, lowest or highest values, only these values are held.
        """
        if not entries:
            return
        tells_rows = any(entry["severity"] == "warning" for entry in entries)
        few = not tells_rows and all(entry["type"] in DIFFERENT | EXTREME for entry in entries)
        if few:
            for entry in entries:
                yield from self._told(
                    different(self._frames([entry]), self._asked([entry])), [entry]
                )
            return
        import pandas as pd

        places: list[pa.Table] = []
        held: list[pd.DataFrame] = []
        for table, frame in self._tables(entries):
            places.append(table.select([PLACE] if tells_rows else []))
            held.append(frame[self._asked(entries)])
        whole = pa.concat_tables(places), pd.concat(held, ignore_index=True)
        yield from (self._finding([whole], entry) for entry in entries)

    def _tables(self, entries: list[Entry]) -> Iterator[tuple[pa.Table, pd.DataFrame]]:
        """All rows in batches: as they are stored, and with what is derived."""
        for batch in released(self.rows.batches(self._columns(entries))):
            table = pa.Table.from_batches([batch])
            yield table, self._frame(table, entries)

    def _frames(self, entries: list[Entry]) -> Iterator[pd.DataFrame]:
        return (frame for _, frame in self._tables(entries))

    def _suspicion(self, entry: Entry) -> Suspicion | None:
        names = reading.subjects(entry)
        if len(names) != 1 or entry["type"] not in EACH_ROW or self._derived([entry]):
            return None
        column = self.rows.schema.column(names[0])
        told = suspicion(entry, column, self.values)
        if told is None and judges_texts(entry, column):
            return self._suspicion_by_text(entry, column)
        return told

    def _suspicion_by_text(self, entry: Entry, column: Column) -> Suspicion | None:
        """Each text judged once; `None` where too many differ, or too many fail."""
        texts = self.rows.different(column.name, most=MOST_TEXTS + 1)
        if texts.num_rows > MOST_TEXTS:
            return None
        alone = {**entry, "meta": {**entry["meta"], "show": None}}
        (result,) = running.evaluate(texts.to_pandas(), self.suite, [alone], self.values)
        found = texts[column.name].take(pa.array(positions(result), pa.int64())).to_pylist()
        return of_values(column, found) if len(found) <= MOST_FAILING_TEXTS else None

    def _looked_at(self, entries: list[Entry]) -> list[str]:
        """Columns of which the lowest, highest or missing values will be asked."""
        kinds = EACH_ROW | EXTREME
        names = [name for e in entries if e["type"] in kinds for name in reading.subjects(e)]
        return [name for name in dict.fromkeys(names) if name in self.rows.schema.names]

    def _cleared(self, entry: Entry) -> bool:
        """Whether what is known of the whole column says that no row fails."""
        (name,) = reading.subjects(entry)
        return clears(entry, self.values, self.rows.told([name])[name])

    def _counted(self, entries: list[Entry]) -> dict[str, Tally]:
        """Tallies of all rows, with none failing yet."""
        tallies = {}
        for entry in entries:
            (column,) = reading.subjects(entry)
            told = self.rows.told([column])[column]
            tally = Tally.of(entry)
            tally.rows, tally.missing = told.rows, told.missing
            ends: list[Any] = [] if told.lowest is None else [told.lowest, told.highest]
            tally.ends = [float(end) for end in ends] if self._is_gapped(column) else ends
            tallies[reading.name_of(entry)] = tally
        return tallies

    def _is_gapped(self, name: str) -> bool:
        """Whether pandas makes doubles of the column's whole numbers, since some are missing."""
        integers = (
            name in self.rows.schema.names and self.rows.schema.column(name).kind == "integer"
        )
        return integers and self.rows.told([name])[name].missing > 0

    def _gapped(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Some rows with the types that their columns have among all rows."""
        gapped = [name for name in frame.columns if self._is_gapped(name)]
        return frame.astype(dict.fromkeys(gapped, "float64")) if gapped else frame

    def _suspects(self, entries: list[Entry], suspicion: Suspicion) -> Iterator[pa.Table]:
        """The rows that may fail, in batches; an empty one where none may."""
        columns = self._columns(entries)
        if suspicion.never:
            yield self.rows.nothing(columns)
            return
        none = True
        found = self.rows.batches(columns, where=suspicion.sql, values=suspicion.values)
        for batch in released(found):
            none = False
            yield pa.Table.from_batches([batch])
        if none:
            yield self.rows.nothing(columns)

    def _finding(self, tables: Iterable[tuple[pa.Table, pd.DataFrame]], entry: Entry) -> Finding:
        """A finding over rows, as places and as what is judged.

        Each table holds all that is to be compared with one another.
        """
        tally, name = Tally.of(entry), reading.name_of(entry)
        for table, frame in tables:
            (result,) = running.evaluate(frame, self.suite, [entry], self.values)
            tally.count(result, frame)
            self._collect([entry], [result], {name: tally}, table, frame)
        told = finding(result, frame)
        if not findings.judges_rows(result):
            return told.model_copy(update={"evaluated": self.rows.count})
        tally.rows = self.rows.count
        return tally.finding(told)

    def _told(self, frame: pd.DataFrame, entries: list[Entry]) -> Iterator[Finding]:
        """Findings of values in place of rows."""
        for result in running.evaluate(frame, self.suite, entries, self.values):
            told = finding(result, frame)
            yield told.model_copy(update={"evaluated": self.rows.count})

    def _collect(
        self,
        entries: list[Entry],
        results: list[ExpectationValidationResult],
        tallies: dict[str, Tally],
        table: pa.Table,
        frame: pd.DataFrame,
    ) -> None:
        """Adds a table's failing rows to tallies, and notes their places for the quarantine."""
        for entry, result in zip(entries, results, strict=True):
            name = reading.name_of(entry)
            failing = tallies[name].collect(result, frame)
            if failing and entry["severity"] == "warning":
                self.failing.note(table[PLACE].to_numpy()[failing], name)

    def _asked(self, entries: list[Entry]) -> list[str]:
        return list(dict.fromkeys(name for entry in entries for name in reading.asked(entry)))

    def _columns(self, entries: list[Entry]) -> list[str]:
        """What has to be read for entries; all columns where something is derived from them."""
        if self._derived(entries):
            return [*self.rows.schema.names, COPY, PLACE]
        tells_rows = any(entry["severity"] == "warning" for entry in entries)
        return [*([PLACE] if tells_rows else []), *self._asked(entries)]

    def _derived(self, entries: list[Entry]) -> bool:
        return not set(self._asked(entries)) <= set(self.rows.schema.names)

    def _frame(self, table: pa.Table, entries: list[Entry]) -> pd.DataFrame:
        frame: pd.DataFrame = table.to_pandas()
        if not self._derived(entries):
            return frame
        return self.derive(frame.drop(columns=PLACE))
