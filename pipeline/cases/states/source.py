"""CO2 of US electric power from the publisher's files, and live from the publisher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipeline.cases.states.tables import (
    PAGES,
    SERIES,
    WORKBOOK,
    observations,
    of_energy,
    of_plants,
    unit_problems,
)
from pipeline.errors import SourceError
from pipeline.sources import Feed, Part, Request
from pipeline.sources.address import Address
from pipeline.sources.cache import cache_of
from pipeline.sources.delimited import read_csv
from pipeline.sources.eia import EiaSeries, api_key, rows_of
from pipeline.sources.files import digest, list_files
from pipeline.sources.http import Fetched, HttpClient, Patience, Wanted
from pipeline.sources.pages import columns_of
from pipeline.sources.workbook import read_sheet

WORKBOOK_NAMES = "*.xlsx"
CSV_NAMES = "*.csv"
JSON_NAMES = "*.json"
WORKBOOK_TYPES = (
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
    "application/zip",
)
PUBLISHER = "U.S. Energy Information Administration (EIA)"
LICENCE = "public domain (work of the US government)"
ADDRESS = "https://www.eia.gov/electricity/data/state/"
ACCOUNTS = (
    "Million metric tons of CO2. What power plants emit (EIA-923, EIA-860) is forecast; the "
    "account of all energy by sector (State Energy Data System), where it is there, is checked and "
    "shown beside it, and never added. A year is taken as known when it ends; the publisher takes "
    "some ten months more."
)
Found = tuple[Part, pa.Table]


@dataclass(frozen=True, kw_only=True)
class EmissionFiles:
    """Workbooks, and pages of the API saved as CSV or JSON."""

    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False
    note: str = ACCOUNTS

    def fetch(self, request: Request) -> Feed:
        """All rows of all files, as read: also what two files both hold. Raises `SourceError`."""
        if request.folder is None:
            raise SourceError.for_unnamed_folder("the files of the states' emissions")
        folder = request.folder
        found = [
            *_read_all(folder, WORKBOOK_NAMES, lambda path: of_plants(read_sheet(path, WORKBOOK))),
            *_read_all(folder, CSV_NAMES, _csv_page),
            *_read_all(folder, JSON_NAMES, _json_page),
        ]
        if not found:
            wanted = [
                f"{WORKBOOK_NAMES} ({WORKBOOK.title})",
                f"{CSV_NAMES} ({PAGES.title})",
                f"{JSON_NAMES} ({SERIES.title})",
            ]
            there = [path.name for path in list_files(folder, "*")]
            raise SourceError.for_no_files(folder, wanted, there)
        return _feed(found, request)


@dataclass(frozen=True, kw_only=True)
class EmissionFeed:
    """The publisher's workbook, which needs no key; with one, all pages of its API too."""

    workbook: str = "https://www.eia.gov/electricity/data/state/emission_annual.xlsx"
    series: EiaSeries = SERIES
    patience: Patience = field(default_factory=Patience)
    key: Callable[[], str] = api_key
    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False
    note: str = (
        f"{ACCOUNTS} The account of all energy needs a key of the publisher's API in EIA_API_KEY."
    )

    def fetch(self, request: Request) -> Feed:
        """All years: the publisher revises old ones too. Raises `SourceError`."""
        key = self.key()
        with (
            cache_of(request) as cache,
            HttpClient(cache=cache, patience=self.patience) as client,
        ):
            found = [self._plants(client)]
            if key:
                for part, table in self.series.fetch(client, key):
                    problems = unit_problems(table)
                    if problems:
                        raise SourceError.for_page(part.name, self.series.title, problems)
                    found.append((part, of_energy(table)))
        return _feed(found, request)

    def _plants(self, client: HttpClient) -> Found:
        fetched = client.fetch(
            Wanted(
                address=Address(url=self.workbook),
                what=WORKBOOK.title,
                types=WORKBOOK_TYPES,
                most_bytes=100_000_000,
            )
        )
        try:
            table = read_sheet(fetched.path, WORKBOOK)
        except SourceError as error:
            raise SourceError(str(error).replace(str(fetched.path), fetched.address)) from error
        part = Part(name=fetched.address, sha256=fetched.sha256, rows=table.num_rows)
        return part, of_plants(table)


def _read_all(folder: Path, pattern: str, read: Callable[[Path], pa.Table]) -> list[Found]:
    tables = [(path, read(path)) for path in list_files(folder, pattern)]
    return [
        (Part(name=path.name, sha256=digest(path), rows=table.num_rows), table)
        for path, table in tables
    ]


def _csv_page(path: Path) -> pa.Table:
    table = read_csv(path, PAGES)
    problems = unit_problems(table)
    if problems:
        raise SourceError.for_file(path, PAGES.title, problems)
    return of_energy(table)


def _json_page(path: Path) -> pa.Table:
    """A page as the API answers; one of several says how many rows there are in all, and holds
    fewer.
    """
    fetched = Fetched(address=str(path), path=path, sha256=digest(path), unchanged=False)
    rows, _ = rows_of(fetched, SERIES.title, SERIES.fields)
    table, problems = columns_of(rows, SERIES.fields)
    problems += unit_problems(table) if not problems else []
    if problems:
        raise SourceError.for_file(path, SERIES.title, problems)
    return of_energy(table)


def _feed(found: list[Found], request: Request) -> Feed:
    rows = pa.concat_tables([table for _, table in found])
    table = observations(rows, request.schema, request.as_of)
    return Feed(parts=tuple(part for part, _ in found), batches=tuple(table.to_batches()))
