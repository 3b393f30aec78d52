"""Newly registered cars from the European Environment Agency's CSV files, one row a car.

Spellings are brought together and the number of the type approval is parted from that of its
extension; nothing is judged. `Fuel consumption ` has a trailing blank in the publisher's header.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources import Feed, Request
from pipeline.sources.delimited import CsvFormat
from pipeline.sources.folders import csv_feed
from pipeline.sources.values import INTEGER, NUMBER, TEXT, UTC_TIME, Field, plain_capitals

NAMES = "*eea*.csv"
PUBLISHER = "European Environment Agency"
LICENCE = "CC BY 4.0"
ADDRESS = "https://co2cars.apps.eea.europa.eu/"

FIELDS = (
    Field(header="ID", name="id", kind=INTEGER),
    Field(header="Date of registration", name="registered", kind=UTC_TIME),
    Field(header="Country", name="country", kind=TEXT),
    Field(header="Mk", name="make", kind=TEXT),
    Field(header="Cn", name="model", kind=TEXT),
    Field(header="Tan", name="type_approval", kind=TEXT),
    Field(header="T", name="type", kind=TEXT),
    Field(header="Va", name="variant", kind=TEXT),
    Field(header="Ve", name="version", kind=TEXT),
    Field(header="Ft", name="fuel", kind=TEXT),
    Field(header="Fm", name="fuel_mode", kind=TEXT),
    Field(header="m (kg)", name="mass", kind=NUMBER),
    Field(header="Mt", name="test_mass", kind=NUMBER, optional=True),
    Field(header="ec (cm3)", name="capacity", kind=NUMBER),
    Field(header="ep (KW)", name="power", kind=NUMBER),
    Field(header="W (mm)", name="wheelbase", kind=NUMBER),
    Field(header="At1 (mm)", name="track", kind=NUMBER, optional=True),
    Field(header="z (Wh/km)", name="electric_consumption", kind=NUMBER, optional=True),
    Field(header="Electric range (km)", name="electric_range", kind=NUMBER, optional=True),
    Field(header="Fuel consumption ", name="consumption", kind=NUMBER, optional=True),
    Field(header="Ewltp (g/km)", name="co2", kind=NUMBER),
)
EEA = CsvFormat(title="CO2 emissions from new cars (EEA)", delimiter=",", fields=FIELDS)
UPPER = ("country", "make", "fuel", "fuel_mode")
EXTENSION = r"\*[0-9]+$"


@dataclass(frozen=True, kw_only=True)
class VehicleFiles:
    """All files of a folder whose names hold "eea" and end in .csv."""

    publisher: str = PUBLISHER
    licence: str = LICENCE
    address: str = ADDRESS
    simulated: bool = False
    note: str = (
        "Values of the WLTP test as manufacturers declare them; provisional data may change. Cars "
        "of countries that report no date of registration (among them the Netherlands, Sweden and "
        "Denmark) are set aside."
    )

    def fetch(self, request: Request) -> Feed:
        """All rows before `request.as_of`, and those without a date, as they are read.

        Raises `SourceError`, also while batches are taken.
        """
        return csv_feed(request, NAMES, EEA, observations, what="the files of new cars")


def observations(read: pa.Table, request: Request) -> pa.Table:
    """The publisher's rows in the schema of the case, those not newer than asked for."""
    if request.as_of is not None:
        moment = pa.scalar(request.as_of, pa.timestamp("us", tz="UTC"))
        newer = pc.fill_null(pc.greater_equal(read["registered"], moment), False)
        read = read.filter(pc.invert(newer))
    approval = plain_capitals(read["type_approval"])
    columns = {
        **{name: read[name] for name in read.column_names},
        **{name: plain_capitals(read[name]) for name in UPPER},
        "type_approval": approval,
        "approval": pc.replace_substring_regex(approval, EXTENSION, ""),
        "car": pc.binary_join_element_wise(
            *(
                pc.fill_null(plain_capitals(read[name]), "")
                for name in ("type", "variant", "version")
            ),
            "|",
        ),
    }
    schema = request.schema.arrow()
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
