"""Newly registered cars from the European Environment Agency's database, over SQL, page by page.

A year has over ten million rows; every fiftieth is asked for, by its number. The agency keeps a
table a year, and names it anew when it publishes another version: `EEA_TABLE` names the one to ask.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace

from pipeline.cases.vehicles.source import (
    ADDRESS,
    EEA,
    FIELDS,
    LICENCE,
    PUBLISHER,
    observations,
)
from pipeline.errors import SourceError
from pipeline.sources import ROWS_PER_BATCH, Feed, Request
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

TABLE_NAME = "EEA_TABLE"
"""Environment variable: name of another table than the newest that was known."""
KNOWN = "co2cars_2025Pv31"
WHERE = "[CO2Emission].[latest]"
SHAPE = re.compile(r"co2cars_(?P<year>20[0-9]{2})[A-Za-z0-9]*")
REMEDY = (
    f"the agency names a year's table anew with each version: look for the newest of {WHERE} at "
    f"https://discodata.eea.europa.eu and set {TABLE_NAME}, such as {TABLE_NAME}={KNOWN}"
)
NEWEST = DiscodataTable(
    table=f"{WHERE}.[{KNOWN}]",
    title=EEA.title,
    fields=tuple(replace(each, header=COLUMNS.get(each.name, each.header)) for each in FIELDS),
    remedy=REMEDY,
)


@dataclass(frozen=True, kw_only=True)
class VehicleFeed:
    """One year, a part of its rows that is spread evenly over all of them."""

    table: DiscodataTable = NEWEST
    """Asked unless `EEA_TABLE` names another; the year is in its name."""
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
        asked, _ = self._asked()
        return (
            f"{asked.table} of discodata.eea.europa.eu, every row whose number is a multiple "
            f"of {self.one_in}. Values of the WLTP test as manufacturers declare them; provisional "
            "data may change."
        )

    def fetch(self, request: Request) -> Feed:
        """All rows of the part, each time: the agency revises them. Raises `SourceError`."""
        asked, year = self._asked()
        where = f"[Year] = {year} AND [ID] % {self.one_in} = 0"
        with (
            cache_of(request) as cache,
            HttpClient(cache=cache, patience=self.patience) as client,
        ):
            pages = [
                (part, observations(table, request))
                for part, table in asked.fetch(client, where, most_rows=self.most_rows)
            ]
        if not pages:
            raise SourceError(
                f"{asked.table} of {asked.site} has no row of {year}. Perhaps {REMEDY}."
            )
        return Feed(
            parts=tuple(part for part, _ in pages),
            batches=tuple(
                batch
                for _, table in pages
                for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH)
            ),
        )

    def _asked(self) -> tuple[DiscodataTable, int]:
        """The table to ask, and its year; raises `SourceError` for a name that is none."""
        named = os.environ.get(TABLE_NAME, "").strip()
        table = replace(self.table, table=f"{WHERE}.[{named}]") if named else self.table
        shape = SHAPE.fullmatch(named or table.table.rpartition("[")[2].rstrip("]"))
        if shape is None:
            raise SourceError(
                f"{TABLE_NAME} is {named!r}, which is no table of new cars: {REMEDY}."
            )
        return table, int(shape["year"])
