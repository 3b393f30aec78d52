"""Exports of portals that run on Opendatasoft, by range of time.

The interface is the Explore API v2.1 (help.opendatasoft.com): `exports/csv` takes a `where` in its
own query language, the columns in `select`, and gives labels of the portal as headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import SourceError
from pipeline.sources import Part
from pipeline.sources.address import Address
from pipeline.sources.columns import column_problems, holds_times
from pipeline.sources.delimited import CsvFormat, read_csv
from pipeline.sources.http import Fetched, HttpClient, Wanted

CSV_TYPES = ("text/csv", "application/csv", "application/octet-stream", "text/plain")


@dataclass(frozen=True, kw_only=True)
class OpendatasoftExport:
    """A data set of a portal; `form` says which columns are wanted, by their labels."""

    site: str
    dataset: str
    form: CsvFormat
    select: tuple[str, ...]
    """Names of the wanted columns in queries, which aren't their labels."""
    time: str
    """Name in queries of the column that a range is asked of."""
    language: str = "fr"
    most_bytes: int = 1_000_000_000

    def address(self, since: datetime, until: datetime) -> Address:
        """Rows from `since` up to, not including, `until`; both carry a zone."""
        return Address(
            url=f"{self.site}/api/explore/v2.1/catalog/datasets/{self.dataset}/exports/csv",
            parameters=(
                ("where", f"{self.time} >= {_literal(since)} AND {self.time} < {_literal(until)}"),
                ("select", ",".join(self.select)),
                ("order_by", self.time),
                ("lang", self.language),
                ("timezone", "UTC"),
                ("use_labels", "true"),
                ("delimiter", self.form.delimiter),
            ),
        )

    def fetch(
        self, client: HttpClient, since: datetime, until: datetime, step: timedelta
    ) -> Iterator[tuple[Part, pa.Table]]:
        """The rows of the range in stretches of `step`, oldest first; raises `SourceError`."""
        start = since
        while start < until:
            end = min(start + step, until)
            wanted = Wanted(
                address=self.address(start, end),
                what=self.form.title,
                types=CSV_TYPES,
                most_bytes=self.most_bytes,
            )
            fetched = client.fetch(wanted)
            table = self._table(fetched)
            self._require_asked(fetched, table, start, end)
            yield (
                Part(name=fetched.address, sha256=fetched.sha256, rows=table.num_rows),
                table,
            )
            start = end

    def _require_asked(
        self, fetched: Fetched, table: pa.Table, since: datetime, until: datetime
    ) -> None:
        """Times outside of what was asked for: day and month exchanged, another zone or range."""
        (name,) = (f.name for f in self.form.fields if holds_times(f.kind))
        ends = pc.min_max(table[name]).as_py()
        if ends["min"] is not None and not since <= ends["min"] <= ends["max"] < until:
            found = f"{ends['min']:%Y-%m-%d %H:%M} to {ends['max']:%Y-%m-%d %H:%M}"
            asked = f"{since:%Y-%m-%d %H:%M} to before {until:%Y-%m-%d %H:%M}"
            problem = f"its times are {found} UTC where {asked} was asked for"
            raise SourceError.for_page(fetched.address, self.form.title, [problem])

    def _table(self, fetched: Fetched) -> pa.Table:
        """A stretch without rows is no error: its header still has to be the right one."""
        try:
            header = _only_a_header(fetched.path, self.form)
            if header is None:
                return read_csv(fetched.path, self.form)
        except SourceError as error:
            told = str(error).replace(str(fetched.path), fetched.address)
            raise SourceError(told) from error
        problems = column_problems(header, self.form.fields)
        if problems:
            raise SourceError.for_page(fetched.address, self.form.title, problems)
        return pa.table(
            {
                field.name: field.kind.convert(pa.chunked_array([pa.array([], pa.string())]))
                for field in self.form.fields
            }
        )


def _literal(moment: datetime) -> str:
    return f"date'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"


def _only_a_header(path: Path, form: CsvFormat) -> list[str] | None:
    """Names in the first line of a file that has no other; `None` where there are rows."""
    with path.open("rb") as file:
        line, rest = file.readline(), file.readline()
    if rest.strip() or not line.strip():
        return None
    names = line.decode("utf-8-sig", "replace").strip().split(form.delimiter)
    return [name.strip('"') for name in names]
