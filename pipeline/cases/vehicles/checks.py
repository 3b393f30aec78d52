"""Columns that let the expectations of the vehicles case ask about fuel, consumption and weekdays.

Everything here is pure, keeps the order of the rows, and looks at one row at a time.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.cases.vehicles.columns import ELECTRIC

if TYPE_CHECKING:
    import pandas as pd

SATURDAY = 5
"""Of a week that begins with Monday as 0."""
CHARGED = ("E", "P")
"""Fuel modes of cars that are charged: what a litre does is not what the test's CO2 tells."""
PER_LITRE = (12.0, 36.0)
"""g/km of one l/100 km that a car may have, as `expectations/vehicles.json` says."""


def check_columns(table: pd.DataFrame, _as_of: datetime) -> pd.DataFrame:
    """The table with nine more columns, rows in the order they came in.

    - `electric_co2`: g/km of electric cars, which must be 0; null for the others.
    - `burned_co2`: g/km of the others, which must be above 0; null for electric cars.
    - `co2_per_litre`: g/km over l/100 km, where both are known and the car is not charged. A litre
      gives about 23 g/km at 1 l/100 km for petrol, 26 for diesel, 16 for liquefied gas.
    - `petrol_per_litre`, `diesel_per_litre`: the same of cars that burn nothing else; null
      where it is not plausible for one car.
    - `power_per_litre`: kW over litres of the engine's capacity, of cars that burn fuel.
    - `test_to_mass`: mass in the test over that in running order.
    - `wheelbase_to_track`: distance of the axles over that of the front wheels.
    - `on_weekend`: 1 for a day of registration that is a Saturday or Sunday, else 0; null without.
    """
    electric = table["fuel"].eq(ELECTRIC).fillna(value=False).astype(bool)
    burned = table["co2"].where(~electric)
    charged = table["fuel_mode"].isin(CHARGED)
    known = table["consumption"].where((table["consumption"] > 0) & ~charged)
    registered = table["registered"]
    weekend = registered.dt.day_of_week.ge(SATURDAY).astype("float64")
    per_litre = burned / known
    plausible = per_litre.where(per_litre.between(*PER_LITRE))
    return table.assign(
        electric_co2=table["co2"].where(electric),
        burned_co2=burned,
        co2_per_litre=per_litre,
        petrol_per_litre=plausible.where(table["fuel"] == "PETROL"),
        diesel_per_litre=plausible.where(table["fuel"] == "DIESEL"),
        power_per_litre=(1000 * table["power"] / _positive(table["capacity"])).where(~electric),
        test_to_mass=table["test_mass"] / _positive(table["mass"]),
        wheelbase_to_track=table["wheelbase"] / _positive(table["track"]),
        on_weekend=weekend.where(registered.notna()),
    )


def _positive(values: pd.Series[float]) -> pd.Series[float]:
    return values.where(values > 0)
