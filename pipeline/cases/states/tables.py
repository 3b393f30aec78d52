"""The publisher's two formats in one schema: million metric tons of CO2, one row a value.

A workbook counts metric tons by who runs the plant; the API counts million metric tons by the
sector that uses the energy. They are two accounts of overlapping things, told apart in a column,
and never added. All totals of both are kept, and marked as no parts.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.cases.states.areas import ENERGY, FUELS, NATIONS, PLANTS, SECTORS, SUMS
from pipeline.schema import Schema
from pipeline.sources.delimited import CsvFormat
from pipeline.sources.eia import EiaSeries
from pipeline.sources.values import INTEGER, NUMBER, TEXT, Field
from pipeline.sources.workbook import SheetFormat

UNIT = "million metric tons of CO2"
TONS_PER_MEGATON = 1_000_000

WORKBOOK = SheetFormat(
    title="emissions of power plants by state (EIA workbook)",
    sheet="State Emissions",
    fields=(
        Field(header="Year", name="year", kind=INTEGER),
        Field(header="State", name="state", kind=TEXT),
        Field(header="Producer Type", name="producer", kind=TEXT),
        Field(header="Energy Source", name="fuel", kind=TEXT),
        Field(header="CO2 (Metric Tons)", name="tons", kind=NUMBER),
    ),
)
API_FIELDS = (
    Field(header="period", name="year", kind=INTEGER),
    Field(header="sectorId", name="sector", kind=TEXT),
    Field(header="fuelId", name="fuel", kind=TEXT),
    Field(header="stateId", name="state", kind=TEXT),
    Field(header="value", name="co2", kind=NUMBER),
    Field(header="value-units", name="unit", kind=TEXT),
)
PAGES = CsvFormat(
    title="CO2 emissions by state (EIA API v2 as CSV)", delimiter=",", fields=API_FIELDS
)
SERIES = EiaSeries(
    route="co2-emissions/co2-emissions-aggregates",
    title="CO2 emissions by state (EIA API v2)",
    fields=API_FIELDS,
    key=("period", "stateId", "sectorId", "fuelId"),
)


def of_plants(table: pa.Table) -> pa.Table:
    """Rows of the workbook, with the publisher's own names."""
    return _marked(
        {
            "state": _renamed(table["state"], NATIONS),
            "producer": pc.utf8_trim_whitespace(table["producer"]),
            "fuel": pc.utf8_trim_whitespace(table["fuel"]),
            "year": table["year"],
            "co2": pc.divide(table["tons"], float(TONS_PER_MEGATON)),
        },
        PLANTS,
    )


def of_energy(table: pa.Table) -> pa.Table:
    """Rows of the API; codes that are unknown stay as they are, for an expectation to find."""
    return _marked(
        {
            "state": _renamed(table["state"], NATIONS),
            "producer": _renamed(table["sector"], SECTORS),
            "fuel": _renamed(table["fuel"], FUELS),
            "year": table["year"],
            "co2": table["co2"],
        },
        ENERGY,
    )


def unit_problems(table: pa.Table) -> list[str]:
    """Units other than million metric tons; a value in another would be off by orders."""
    found = {str(unit).strip() for unit in table["unit"].unique().to_pylist()} - {UNIT}
    return [
        f"column 'value-units' holds {unit!r}, {UNIT!r} is expected: ask for that unit"
        for unit in sorted(found)
    ]


def observations(rows: pa.Table, schema: Schema, as_of: datetime | None) -> pa.Table:
    """The rows that are not newer than asked for, as the schema has them.

    A year that no calendar has, such as 0, gives a row without a time.
    """
    years = rows["year"].to_pylist()
    times = [
        datetime(year, 1, 1, tzinfo=UTC) if year is not None and 1 <= year <= 9999 else None
        for year in years
    ]
    table = rows.drop_columns(["year"]).append_column(
        "time", pa.array(times, pa.timestamp("us", tz="UTC"))
    )
    if as_of is not None:
        moment = pa.scalar(as_of, pa.timestamp("us", tz="UTC"))
        newer = pc.fill_null(pc.greater_equal(table["time"], moment), False)
        table = table.filter(pc.invert(newer))
    return table.select(schema.names).cast(schema.arrow())


def _marked(columns: dict[str, pa.ChunkedArray], account: str) -> pa.Table:
    rows = pa.table(columns)
    is_sum = pc.is_in(rows["fuel"], pa.array(sorted(SUMS["fuel"])))
    for name in ("producer", "state"):
        is_sum = pc.or_(is_sum, pc.is_in(rows[name], pa.array(sorted(SUMS[name]))))
    part = pc.and_(pc.invert(is_sum), account == PLANTS)
    accounts = pa.array([account] * rows.num_rows, pa.string())
    return rows.append_column("account", accounts).append_column("part", part)


def _renamed(values: pa.ChunkedArray, names: dict[str, str]) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(values)
    place = pc.index_in(trimmed, pa.array(list(names)))
    return pc.coalesce(pc.take(pa.array(list(names.values())), place), trimmed)
