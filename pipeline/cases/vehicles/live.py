"""Newly registered cars from the European Environment Agency's database, over SQL, page by page.

A year has over ten million rows; every fiftieth is asked for, by its number. The agency keeps a
table a year, and names it anew when it publishes another version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipeline.cases.vehicles.source import (
    ADDRESS,
    EEA,
    FIELDS,
    LICENCE,
    PUBLISHER,
    ROWS_PER_BATCH,
    observations,
)
from pipeline.errors import SourceError
from pipeline.sources import Feed, Request
from pipeline.sources.cache import cache_of
from pipeline.sources.discodata import DiscodataTable
from pipeline.sources.http import HttpClient, Patience

COLUMNS = {
    "registered": "Dr",
    "country": "MS",
    "type_approval": "TAN",
    "mass": "M (kg)",
    "capacity": "Ec (cm3)",
    "power": "Ep (KW)",
    "electric_consumption": "Z (Wh/km)",
    "electric_range": "Zr",
    "consumption": "Fc",
}
"""Where the database calls a column otherwise than the CSV files do."""

NEWEST = DiscodataTable(
    table="[CO2Emission].[latest].[co2cars_2025Pv31]",
    title=EEA.title,
    fields=tuple(replace(each, header=COLUMNS.get(each.name, each.header)) for each in FIELDS),
)


@dataclass(frozen=True, kw_only=True)
class VehicleFeed:
    """One year, a part of its rows that is spread evenly over all of them."""

    table: DiscodataTable = NEWEST
    year: int = 2025
    one_in: int = 50
    most_rows: int = 1_000_000
    patience: Patience = field(default_factory=Patience)
    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False

    @property
    def note(self) -> str:
        """Which table, and which of its rows."""
        return (
            f"{self.table.table} of discodata.eea.europa.eu, every row whose number is a multiple "
            f"of {self.one_in}. Values of the WLTP test as manufacturers declare them; provisional "
            "data may change."
        )

    def fetch(self, request: Request) -> Feed:
        """All rows of the part, each time: the agency revises them. Raises `SourceError`."""
        where = f"[Year] = {self.year} AND [ID] % {self.one_in} = 0"
        with (
            cache_of(request) as cache,
            HttpClient(cache=cache, patience=self.patience) as client,
        ):
            pages = [
                (part, observations(table, request))
                for part, table in self.table.fetch(client, where, most_rows=self.most_rows)
            ]
        if not pages:
            raise SourceError(
                f"{self.table.table} of {self.table.site} has no row of {self.year}. The agency "
                "may have published another version: name its table in the case's live source."
            )
        return Feed(
            parts=tuple(part for part, _ in pages),
            batches=tuple(
                batch
                for _, table in pages
                for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH)
            ),
        )
