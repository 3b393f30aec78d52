"""The columns of a car: what the agency publishes, under names of one's own, with units."""

from __future__ import annotations

from pipeline.schema import Column

COLUMNS = (
    Column(name="id", kind="integer", description="number of the row at the agency"),
    Column(name="registered", kind="time", description="day of registration, midnight UTC"),
    Column(name="country", kind="category", description="country of registration, two letters"),
    Column(
        name="approval",
        kind="category",
        description="number of the type approval without that of its extension; models of one "
        "approval are on one side of every fold",
    ),
    Column(
        name="type_approval",
        kind="text",
        description="number of the type approval, with its extension",
    ),
    Column(name="car", kind="text", description="type, variant and version: one and the same car"),
    Column(
        name="make",
        kind="category",
        description="make of the car in capitals, else as it was reported: VOLKSWAGEN and "
        "VOLKSWAGEN, VW are two",
        known_ahead=True,
    ),
    Column(name="model", kind="text", description="commercial name", nullable=True),
    Column(name="fuel", kind="category", description="type of fuel", known_ahead=True),
    Column(
        name="fuel_mode",
        kind="category",
        description="M one fuel, B two fuels, F flexible, H hybrid, P plug-in hybrid, E electric",
        known_ahead=True,
    ),
    Column(name="mass", kind="number", unit="kg", description="in running order", known_ahead=True),
    Column(
        name="test_mass",
        kind="number",
        unit="kg",
        description="mass in the WLTP test",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="capacity",
        kind="number",
        unit="cm³",
        description="capacity of the engine; none in an electric car",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="power",
        kind="number",
        unit="kW",
        description="power of the engine",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="wheelbase",
        kind="number",
        unit="mm",
        description="distance of the axles",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="track",
        kind="number",
        unit="mm",
        description="distance of the front wheels",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="electric_consumption",
        kind="number",
        unit="Wh/km",
        description="of cars that are charged",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="electric_range",
        kind="number",
        unit="km",
        description="of cars that are charged",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="consumption",
        kind="number",
        unit="l/100km",
        description="fuel consumption in the WLTP test",
        nullable=True,
        known_ahead=True,
    ),
    Column(
        name="co2",
        kind="number",
        unit="g/km",
        description="CO2 from the tailpipe in the WLTP test, declared",
    ),
)

ELECTRIC = "ELECTRIC"
"""The fuel of a car without any other."""
TECHNICAL = (
    "mass",
    "test_mass",
    "capacity",
    "power",
    "wheelbase",
    "track",
    "electric_consumption",
    "electric_range",
)
FUEL = ("fuel", "fuel_mode")
