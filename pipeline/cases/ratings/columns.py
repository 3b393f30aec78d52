"""The columns of a rated model: what Canada publishes, under names of one's own, with units."""

from __future__ import annotations

from pipeline.schema import Column

COLUMNS = (
    Column(
        name="begins",
        kind="time",
        description="1 January of the model year, UTC; cars of a model year are sold from the "
        "autumn before on",
    ),
    Column(name="model_year", kind="integer", description="model year", known_ahead=True),
    Column(name="make", kind="category", description="make, upper case", known_ahead=True),
    Column(name="model", kind="text", description="name of the model, with its drive and engine"),
    Column(
        name="family",
        kind="category",
        description="make and first word of the model; cars of one family are on one side of "
        "every fold",
    ),
    Column(
        name="vehicle_class",
        kind="category",
        description="size of the car or kind of truck; other classes from 2013 on",
        known_ahead=True,
    ),
    Column(name="engine_size", kind="number", unit="l", description="capacity", known_ahead=True),
    Column(name="cylinders", kind="integer", description="how many", known_ahead=True),
    Column(
        name="transmission",
        kind="category",
        description="A automatic, AM automated manual, AS automatic with select shift, AV "
        "continuously variable, M manual; and the number of gears",
        known_ahead=True,
    ),
    Column(
        name="fuel",
        kind="category",
        description="X regular gasoline, Z premium gasoline, D diesel, E ethanol (E85), N natural "
        "gas",
        known_ahead=True,
    ),
    Column(
        name="city",
        kind="number",
        unit="l/100km",
        description="fuel consumption in the city",
        known_ahead=True,
        nullable=True,
    ),
    Column(
        name="highway",
        kind="number",
        unit="l/100km",
        description="fuel consumption on the highway",
        known_ahead=True,
        nullable=True,
    ),
    Column(
        name="combined",
        kind="number",
        unit="l/100km",
        description="55 % in the city, 45 % on the highway",
        known_ahead=True,
        nullable=True,
    ),
    Column(
        name="co2",
        kind="number",
        unit="g/km",
        description="CO2 from the tailpipe, 55 % in the city, 45 % on the highway",
    ),
)
