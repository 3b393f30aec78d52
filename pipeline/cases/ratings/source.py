"""Canada's fuel consumption ratings by model year, as CSV files, one row a rated model.

The publisher's header has two lines and hundreds of empty columns beside it, and the last line has
no end. Spellings are brought together; nothing is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources import Feed, Request
from pipeline.sources.delimited import CsvFormat
from pipeline.sources.folders import csv_feed
from pipeline.sources.values import INTEGER, NUMBER, TEXT, Field, plain_capitals

NAMES = "*nrcan*.csv"
PUBLISHER = "Natural Resources Canada"
LICENCE = "Open Government Licence - Canada"
ADDRESS = "https://open.canada.ca/data/en/dataset/98f1a129-f628-4ce4-b24d-6f16bf24dd64"
UPPER = ("make", "model", "vehicle_class", "transmission", "fuel")
FIRST_WORD = r"^(?P<word>\S+)"

NRCAN = CsvFormat(
    title="fuel consumption ratings (NRCan)",
    delimiter=",",
    fields=(
        Field(header="MODEL YEAR", name="model_year", kind=INTEGER),
        Field(header="MAKE", name="make", kind=TEXT),
        Field(header="MODEL # = high output engine", name="model", kind=TEXT),
        Field(header="VEHICLE CLASS", name="vehicle_class", kind=TEXT),
        Field(header="ENGINE SIZE (L)", name="engine_size", kind=NUMBER),
        Field(header="CYLINDERS", name="cylinders", kind=INTEGER),
        Field(header="TRANSMISSION", name="transmission", kind=TEXT),
        Field(header="FUEL TYPE", name="fuel", kind=TEXT),
        Field(header="FUEL CONSUMPTION CITY (L/100 km)", name="city", kind=NUMBER),
        Field(header="HWY (L/100 km)", name="highway", kind=NUMBER),
        Field(header="COMB (L/100 km)", name="combined", kind=NUMBER),
        Field(header="CO2 EMISSIONS (g/km)", name="co2", kind=NUMBER),
    ),
    header_lines=2,
    may_lack_end=True,
)


@dataclass(frozen=True, kw_only=True)
class RatingFiles:
    """All files whose names hold "nrcan" and end in .csv, of the case's folder or of `vehicles`."""

    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False
    also_in: tuple[str, ...] = ("vehicles",)
    """They are a second feed about cars: who has both may keep them in one folder."""
    note: str = (
        "Ratings by model year, from two test cycles (city and highway), as published up to model "
        "year 2014; ratings of the five-cycle test that came after are others."
    )

    def fetch(self, request: Request) -> Feed:
        """All rows that begin before `request.as_of`, as they are read.

        Raises `SourceError`, also while batches are taken.
        """
        return csv_feed(
            request, NAMES, NRCAN, observations, what="the files of fuel consumption ratings"
        )


def observations(read: pa.Table, request: Request) -> pa.Table:
    """The publisher's rows in the schema of the case, those not newer than asked for."""
    plain = {name: plain_capitals(read[name]) for name in UPPER}
    word = pc.struct_field(pc.extract_regex(plain["model"], FIRST_WORD), "word")
    columns = {
        **{name: read[name] for name in read.column_names},
        **plain,
        "family": pc.binary_join_element_wise(plain["make"], word, " "),
        "begins": _first_day(read["model_year"]),
    }
    schema = request.schema.arrow()
    table = pa.table({name: columns[name] for name in schema.names}).cast(schema)
    if request.as_of is None:
        return table
    moment = pa.scalar(request.as_of, schema.field("begins").type)
    return table.filter(pc.fill_null(pc.less(table["begins"], moment), True))


def _first_day(years: pa.ChunkedArray) -> pa.ChunkedArray:
    """1 January of a year of four digits; of any other nothing, for the expectations to find."""
    four = pc.and_(pc.greater_equal(years, 1000), pc.less_equal(years, 9999))
    texts = pc.cast(pc.if_else(four, years, pa.scalar(None, pa.int64())), pa.string())
    days = pc.binary_join_element_wise(texts, "01-01", "-")
    return pc.cast(pc.cast(days, pa.timestamp("us")), pa.timestamp("us", tz="UTC"))
