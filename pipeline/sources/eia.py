"""What the US Energy Information Administration offers: its API v2, in pages (eia.gov/opendata).

A page holds at most 5,000 rows of `response.total`; values are texts since version 2.1.6.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources import Part
from pipeline.sources.address import Address
from pipeline.sources.http import MEGABYTE, Fetched, HttpClient, Wanted
from pipeline.sources.pages import Row, columns_of, read_json, row_problems
from pipeline.sources.values import Field

KEY_NAME = "EIA_API_KEY"
PAGE = 5_000


def api_key() -> str:
    """The key in the environment; empty when there is none."""
    return os.environ.get(KEY_NAME, "").strip()


@dataclass(frozen=True, kw_only=True)
class EiaSeries:
    """One route of the API, whole: all rows of all pages, or an error."""

    route: str
    title: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    """Fields by which rows are sorted and told apart."""
    frequency: str = "annual"
    site: str = "https://api.eia.gov"
    page: int = PAGE

    def address(self, offset: int, key: str) -> Address:
        """One page of rows, sorted so that pages neither overlap nor leave a gap."""
        sort = [
            pair
            for place, name in enumerate(self.key)
            for pair in (
                (f"sort[{place}][column]", name),
                (f"sort[{place}][direction]", "asc"),
            )
        ]
        return Address(
            url=f"{self.site}/v2/{self.route}/data/",
            parameters=(
                ("frequency", self.frequency),
                ("data[0]", "value"),
                *sort,
                ("offset", str(offset)),
                ("length", str(self.page)),
            ),
            secrets={"api_key": key},
        )

    def fetch(self, client: HttpClient, key: str) -> Iterator[tuple[Part, pa.Table]]:
        """Page by page; raises `SourceError` for pages that don't add up to the stated total."""
        seen: set[tuple[Any, ...]] = set()
        total: int | None = None
        while total is None or len(seen) < total:
            wanted = Wanted(
                address=self.address(len(seen), key),
                what=self.title,
                types=("application/json",),
                most_bytes=64 * MEGABYTE,
            )
            fetched = client.fetch(wanted)
            rows, stated = rows_of(fetched, self.title, self.fields)
            expected = stated if total is None else total
            problems = self._paging_problems(rows, len(seen), stated, expected)
            keys = {tuple(row[name] for name in self.key) for row in rows}
            if len(keys) < len(rows) or keys & seen:
                problems.append("it repeats rows: the data changed while they were fetched")
            table, refused = columns_of(rows, self.fields)
            if problems or refused:
                raise SourceError.for_page(fetched.address, self.title, [*problems, *refused])
            total, seen = expected, seen | keys
            part = Part(name=fetched.address, sha256=fetched.sha256, rows=len(rows))
            yield part, table

    def _paging_problems(
        self, rows: Sequence[Row], offset: int, stated: int, expected: int
    ) -> list[str]:
        due = min(self.page, expected - offset)
        problems = []
        if stated != expected:
            problems.append(f"it states {stated:,} rows in all, an earlier page {expected:,}")
        if len(rows) != due:
            problems.append(
                f"it has {len(rows):,} rows from {offset:,} on where {due:,} are due of "
                f"{expected:,}: the page is truncated"
            )
        if not expected:
            problems.append("it states that there are no rows")
        return problems


def rows_of(fetched: Fetched, title: str, fields: Sequence[Field]) -> tuple[list[Row], int]:
    """The rows of a page of the API, and how many rows it states that there are in all."""
    page = read_json(fetched, title)
    if "error" in page:
        said = fetched.without_secrets(f"it says {page['error']!r}")
        raise SourceError.for_page(fetched.address, title, [said])
    response = page.get("response")
    rows = response.get("data") if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(rows, list):
        raise SourceError.for_page(fetched.address, title, ["it has no 'response.data'"])
    stated = str(response.get("total", len(rows)))
    problems = row_problems(rows, fields)
    if not stated.isdecimal():
        problems.append(f"its 'response.total' is {stated!r}, a number is expected")
    if problems:
        raise SourceError.for_page(fetched.address, title, problems)
    return rows, int(stated)
