"""Columns that let the expectations of the ratings case ask whether a row's numbers agree.

Everything here is pure, keeps the order of the rows, and looks at one row at a time.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

GRAMS_PER_LITRE = {"X": 23.0, "Z": 23.0, "D": 27.0, "E": 16.0, "N": 18.9}
"""CO2 in g/km of one litre on 100 km, as the publisher computes it (found in its own rows)."""
CITY_SHARE = 0.55


def check_columns(table: pd.DataFrame, _as_of: datetime) -> pd.DataFrame:
    """The table with three more columns, rows in the order they came in.

    - `co2_to_litres`: g/km over what the combined consumption gives with the fuel's grams a litre;
      about 1.
    - `combined_to_parts`: combined consumption over 55 % of that in the city and 45 % of that on
      the highway; about 1.
    - `litres_a_cylinder`: engine size over the number of cylinders.
    """
    grams = table["fuel"].map(GRAMS_PER_LITRE).astype("float64")
    given = table["combined"].where(table["combined"] > 0)
    parts = CITY_SHARE * table["city"] + (1 - CITY_SHARE) * table["highway"]
    return table.assign(
        co2_to_litres=table["co2"] / (given * grams),
        combined_to_parts=given / parts.where(parts > 0),
        litres_a_cylinder=table["engine_size"] / table["cylinders"].where(table["cylinders"] > 0),
    )
