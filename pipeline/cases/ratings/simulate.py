"""Simulated ratings by model year: the real schema and units, a trend, and a shift that is known.

Nothing here was measured, and no make or model exists. The same fields give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.cases.ratings.checks import CITY_SHARE, GRAMS_PER_LITRE
from pipeline.errors import CaseError
from pipeline.injections import Change, note_of
from pipeline.sources import Feed, Request
from pipeline.sources.simulation import changed_feed

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR = 2000
MAKES = ("AURORE", "BERLINE", "CYGNE", "DELTA", "ETOILE", "FAUCON", "GALET", "HIRONDELLE")
CLASSES = ("SUBCOMPACT", "COMPACT", "MID-SIZE", "FULL-SIZE", "SUV", "PICKUP TRUCK - STANDARD")
WEIGHT = {"SUV": 1.22, "PICKUP TRUCK - STANDARD": 1.3}
"""How much more a class consumes than a car with the same engine."""
FUELS, SHARES = ("X", "Z", "E", "D"), (0.57, 0.33, 0.06, 0.04)
THIRST = {"X": 1.0, "Z": 1.03, "E": 1.38, "D": 0.8}
GEARBOXES = ("A4", "A5", "A6", "AS6", "M5", "M6", "AV")
MILES = 282.48
"""l/100 km of one mile per imperial gallon: such a number in the column of litres is absurd."""


@dataclass(frozen=True, kw_only=True)
class RatingSimulator:
    """Ratings of `families` over `years` model years from 2000 on, some models a family."""

    seed: int = 20_140_101
    families: int = 110
    years: int = 15
    yearly: float = 0.008
    """Share by which consumption falls from one model year to the next."""
    shift_years: int = 2
    """The shift begins so many model years before the end."""
    thriftier_by: float = 0.09
    """Share by which all engines consume less from the shift on, beside the trend."""
    absurd_rows: int = 6
    changes: tuple[Change, ...] = ()
    """Further changes put in on purpose; see `pipeline.injections`."""
    publisher: str = "Vigie (simulation)"
    licence: str = "MIT"
    address: str = ""
    simulated: bool = True

    def __post_init__(self) -> None:
        if self.families < len(MAKES) or self.years <= self.shift_years:
            raise CaseError(
                f"{self.families} families over {self.years} model years can't be simulated: take "
                f"{len(MAKES)} families or more, and over {self.shift_years} model years."
            )

    @property
    def shift_at(self) -> int:
        """The first model year of the shift."""
        return FIRST_YEAR + self.years - self.shift_years

    @property
    def note(self) -> str:
        """The disturbances that were put in, in words."""
        return (
            f"Simulated data (seed {self.seed}): {self.families} families of models over "
            f"{self.years} model years; consumption falls by {self.yearly:.1%} a year. Put in on "
            f"purpose: from model year {self.shift_at} on all engines consume another "
            f"{self.thriftier_by:.0%} less; {self.absurd_rows} models have miles per gallon where "
            f"litres belong. {note_of(self.changes)}"
        ).rstrip()

    def fetch(self, request: Request) -> Feed:
        """The simulated rows before `request.as_of`; what is simulated doesn't depend on it."""
        return changed_feed(
            self._frame(), request, time="begins", changes=self.changes, seed=self.seed
        )

    def _frame(self) -> pd.DataFrame:
        """Rows by model year."""
        import pandas as pd

        random = np.random.default_rng(self.seed)
        designs = self._designs(random)
        last = FIRST_YEAR + self.years - 1
        sold = [
            designs.assign(model_year=year)[
                (designs["from_year"] <= year) & (year <= designs["to_year"])
            ]
            for year in range(FIRST_YEAR, last + 1)
        ]
        rows = self._rated(pd.concat(sold, ignore_index=True), random)
        moments = pd.to_datetime(rows["model_year"].astype(str) + "-01-01")
        return rows.assign(begins=moments.dt.tz_localize("UTC"))

    def _designs(self, random: np.random.Generator) -> pd.DataFrame:
        """One row a model: an engine and a gearbox in a family's body."""
        import pandas as pd

        family = np.repeat(np.arange(self.families), random.integers(1, 4, self.families))
        number = len(family)
        size = random.normal(0, 1, self.families)[family]
        body = np.array(CLASSES)[random.integers(0, len(CLASSES), self.families)[family]]
        engine = np.clip(
            np.round(np.exp(0.95 + 0.33 * size + random.normal(0, 0.1, number)), 1), 1, 8
        )
        begun = random.integers(FIRST_YEAR - 8, FIRST_YEAR + self.years, self.families)[family]
        names = np.array(MAKES)[family % len(MAKES)]
        return pd.DataFrame(
            {
                "make": names,
                "model": [f"F{f:03} V{n}" for n, f in enumerate(family)],
                "family": [f"{make} F{f:03}" for make, f in zip(names, family, strict=True)],
                "vehicle_class": body,
                "engine_size": engine,
                "cylinders": np.select([engine < 2.6, engine < 4.0], [4, 6], 8),
                "transmission": random.choice(GEARBOXES, number),
                "fuel": random.choice(FUELS, number, p=SHARES),
                "from_year": begun,
                "to_year": begun + 10,
                "drag": random.normal(0, 0.5, self.families)[family],
            }
        )

    def _rated(self, rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        """Consumption by a formula of engine, class, fuel and year, with the family's own drag."""
        age = rows["model_year"] - FIRST_YEAR
        later = rows["model_year"] >= self.shift_at
        effort = (5.0 + 1.75 * rows["engine_size"] + rows["drag"]) * rows["fuel"].map(THIRST)
        effort *= rows["vehicle_class"].map(WEIGHT).fillna(1.0).astype("float64")
        effort *= (1 - self.yearly) ** age * np.where(later, 1 - self.thriftier_by, 1.0)
        effort += random.normal(0, 0.25, len(rows))
        city, highway = (effort * 1.18).round(1), (effort * 0.78).round(1)
        combined = (CITY_SHARE * city + (1 - CITY_SHARE) * highway).round(1)
        rated = self._in_grams(rows.assign(city=city, highway=highway, combined=combined))
        absurd = random.choice(len(rated), self.absurd_rows, replace=False)
        miles = (MILES / rated["combined"].iloc[absurd]).round(1)
        rated.loc[rated.index[absurd], "combined"] = miles
        return rated

    def _in_grams(self, rows: pd.DataFrame) -> pd.DataFrame:
        grams = rows["fuel"].map(GRAMS_PER_LITRE).astype("float64")
        return rows.assign(co2=(rows["combined"] * grams).round())
