"""Tables of the European Environment Agency over SQL (discodata.eea.europa.eu), in pages.

A request takes `query`, the page `p` from 1, and `nrOfHits` rows a page; the answer is an object
with `results`, or with `errors`. There is no total: the first page without rows is the end, and
a page before it that was not full, but for the last, has been cut. The service refuses a query
whose columns have no names of their own, so all are given one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources import Part
from pipeline.sources.address import Address
from pipeline.sources.http import MEGABYTE, Fetched, HttpClient, Wanted
from pipeline.sources.pages import columns_of, read_json, row_problems
from pipeline.sources.values import Field


@dataclass(frozen=True, kw_only=True)
class DiscodataTable:
    """A table, the columns wanted of it, and the whole number by which its rows are ordered."""

    table: str
    """As SQL has it, such as "[CO2Emission].[latest].[co2cars]"."""
    title: str
    fields: tuple[Field, ...]
    """Their headers are the columns of the table, their names those that answers have."""
    order: str = "id"
    """Name of the field that numbers the rows."""
    site: str = "https://discodata.eea.europa.eu"
    page: int = 50_000
    remedy: str = ""
    """What to do when the service refuses the query, as it does for a table that is gone."""

    def address(self, where: str, page: int) -> Address:
        """One page; the order makes pages neither overlap nor leave a gap."""
        columns = ", ".join(f"[{field.header}] AS [{field.name}]" for field in self.fields)
        order = next(field.header for field in self.fields if field.name == self.order)
        return Address(
            url=f"{self.site}/sql",
            parameters=(
                (
                    "query",
                    f"SELECT {columns} FROM {self.table} WHERE {where} ORDER BY [{order}]",
                ),
                ("p", str(page)),
                ("nrOfHits", str(self.page)),
            ),
        )

    def fetch(
        self, client: HttpClient, where: str, *, most_rows: int
    ) -> Iterator[tuple[Part, pa.Table]]:
        """The rows where a condition in SQL holds, page by page, at most `most_rows`.

        Raises `SourceError` for an answer with errors, other columns, or pages that overlap or
        were cut.
        """
        newest, read, number = -1, 0, 1
        while read < most_rows:
            fetched, rows = self._page(client, where, number, newest)
            if not rows:
                return
            if read != (number - 1) * self.page:
                raise SourceError.for_page(fetched.address, self.title, [self._gap(number, read)])
            kept = rows[: most_rows - read]
            table, refused = columns_of(kept, self._answered)
            if refused:
                raise SourceError.for_page(fetched.address, self.title, refused)
            yield Part(name=fetched.address, sha256=fetched.sha256, rows=len(kept)), table
            read += len(kept)
            newest, number = int(rows[-1][self.order]), number + 1

    @property
    def _answered(self) -> list[Field]:
        """The fields with the names that answers have."""
        return [replace(field, header=field.name) for field in self.fields]

    def _page(
        self, client: HttpClient, where: str, number: int, newest: int
    ) -> tuple[Fetched, list[dict[str, Any]]]:
        """One page, whose rows come after `newest`."""
        wanted = Wanted(
            address=self.address(where, number),
            what=self.title,
            types=("application/json",),
            most_bytes=256 * MEGABYTE,
        )
        fetched = client.fetch(wanted)
        page = read_json(fetched, self.title)
        rows = page.get("results")
        refusals = _errors(page)
        remedy = [self.remedy] if refusals and self.remedy else []
        problems = [*refusals, *remedy, *self._problems(rows, self._answered)]
        if problems or not isinstance(rows, list):
            raise SourceError.for_page(fetched.address, self.title, problems)
        places = [newest, *(int(row[self.order]) for row in rows)]
        if any(later <= sooner for sooner, later in pairwise(places)):
            told = f"its rows don't go on in order of {self.order!r} after {newest}"
            raise SourceError.for_page(fetched.address, self.title, [told])
        return fetched, rows

    def _gap(self, number: int, read: int) -> str:
        return (
            f"the {number - 1} pages before it have {read:,} rows where "
            f"{(number - 1) * self.page:,} were asked for, and yet it has rows: some are missing "
            "between. Run again later; if it stays so, the service gives fewer rows a page now"
        )

    def _problems(self, rows: object, answered: list[Field]) -> list[str]:
        if not isinstance(rows, list):
            return ["it has no 'results'"]
        if len(rows) > self.page:
            return [f"it has {len(rows):,} rows where {self.page:,} were asked for"]
        problems = row_problems(rows, answered)
        unordered = [row for row in rows if not _is_whole(row, self.order)]
        if unordered and not problems:
            problems.append(f"{len(unordered)} rows have no whole number in {self.order!r}")
        return problems


def _errors(page: Mapping[str, Any]) -> list[str]:
    found = page.get("errors") or []
    entries = found if isinstance(found, list) else [found]
    return [
        f"it says {entry.get('error', entry) if isinstance(entry, dict) else entry!r}"
        for entry in entries
    ]


def _is_whole(row: object, name: str) -> bool:
    value = row.get(name) if isinstance(row, Mapping) else None
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
