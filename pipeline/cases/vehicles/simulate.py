"""Simulated registrations of cars: the real schema and units, and a shift that is known.

Nothing here was measured, and no make or approval exists. The same fields give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import CaseError
from pipeline.injections import Change, note_of
from pipeline.sources import Feed, Request
from pipeline.sources.simulation import changed_feed

if TYPE_CHECKING:
    import pandas as pd

MAKES = ("AURORE", "BERLINE", "CYGNE", "DELTA", "ETOILE", "FAUCON", "GALET", "HIRONDELLE")
COUNTRIES = ("DE", "FR", "IT", "ES", "BE", "PL")
FUELS = ("PETROL", "DIESEL", "ELECTRIC", "PETROL/ELECTRIC", "LPG")
SHARES = (0.54, 0.24, 0.11, 0.08, 0.03)
MODES = {"PETROL": "M", "DIESEL": "M", "ELECTRIC": "E", "PETROL/ELECTRIC": "P", "LPG": "B"}
GRAMS_PER_LITRE = {"PETROL": 23.2, "DIESEL": 26.4, "PETROL/ELECTRIC": 23.2, "LPG": 16.4}
"""CO2 in g/km of one litre on 100 km."""
ABSURD_CONSUMPTION = 47.0


@dataclass(frozen=True, kw_only=True)
class VehicleSimulator:
    """`cars` registrations over `days` days, of cars of `approvals` type approvals.

    Cars are registered from Monday to Friday, as nearly all real ones are.
    """

    seed: int = 20_211_231
    cars: int = 2600
    approvals: int = 160
    days: int = 365
    last: datetime = datetime(2021, 12, 31, tzinfo=UTC)
    """Day of the last registration."""
    shift_days: int = 56
    """The shift begins this many days before the end."""
    heavier_by: float = 140.0
    """kg, from the shift on; the tests of the approvals follow their formula."""
    absurd_rows: int = 5
    zero_rows: int = 20
    changes: tuple[Change, ...] = ()
    """Further changes put in on purpose; see `pipeline.injections`."""
    publisher: str = "Vigie (simulation)"
    licence: str = "MIT"
    address: str = ""
    simulated: bool = True

    def __post_init__(self) -> None:
        if self.cars < 10 * self.approvals or self.days <= self.shift_days:
            raise CaseError(
                f"{self.cars} cars of {self.approvals} approvals over {self.days} days can't be "
                f"simulated: take ten cars or more an approval, and over {self.shift_days} days."
            )

    @property
    def shift_at(self) -> datetime:
        return self.last + timedelta(days=1) - timedelta(days=self.shift_days)

    @property
    def note(self) -> str:
        """The disturbances that were put in, in words."""
        return (
            f"Simulated data (seed {self.seed}): {self.cars} cars of {self.approvals} type "
            f"approvals. Put in on purpose: cars registered from {self.shift_at:%Y-%m-%d} on are "
            f"{self.heavier_by:g} kg heavier, and emit more for it; {self.absurd_rows} cars have "
            f"the absurd consumption of {ABSURD_CONSUMPTION:g} l/100km; {self.zero_rows} burn "
            f"fuel and have 0 g/km. {note_of(self.changes)}"
        ).rstrip()

    def fetch(self, request: Request) -> Feed:
        """The simulated rows before `request.as_of`; what is simulated doesn't depend on it."""
        return changed_feed(
            self._frame(), request, time="registered", changes=self.changes, seed=self.seed
        )

    def _frame(self) -> pd.DataFrame:
        """Rows by day of registration."""
        import pandas as pd

        random = np.random.default_rng(self.seed)
        designs = self._designs(random)
        chosen = np.concatenate(
            [np.arange(self.approvals), random.integers(0, self.approvals, self.cars)]
        )[: self.cars]
        random.shuffle(chosen)
        cars = designs.iloc[chosen].reset_index(drop=True)
        first = self.last - timedelta(days=self.days - 1)
        working = np.flatnonzero((first.weekday() + np.arange(self.days)) % 7 < 5)
        day = working[np.sort(random.integers(0, len(working), self.cars))]
        moments = np.datetime64(first.replace(tzinfo=None), "us") + day.astype("timedelta64[D]")
        version = random.integers(1, 5, self.cars)
        late = day >= self.days - self.shift_days
        extra = random.normal(0, 20, self.cars) + np.where(late, self.heavier_by, 0.0)
        cars["mass"] = np.round(cars["mass"] + 15.0 * version + extra)
        cars["test_mass"] = np.round(cars["mass"] * 1.05 + 25)
        cars["registered"] = pd.Series(moments).dt.tz_localize("UTC")
        cars["country"] = random.choice(COUNTRIES, self.cars)
        cars["id"] = np.arange(1, self.cars + 1)
        cars["car"] = [
            f"T{place}|V|{number}" for place, number in zip(chosen, version, strict=True)
        ]
        cars["type_approval"] = cars["approval"] + "*0" + (1 + version // 3).astype(str)
        return self._tested(cars, random)

    def _designs(self, random: np.random.Generator) -> pd.DataFrame:
        """One row a type approval."""
        import pandas as pd

        number = self.approvals
        fuel = random.choice(FUELS, number, p=SHARES)
        size = random.normal(0, 1, number)
        electric = fuel == "ELECTRIC"
        charged = electric | (fuel == "PETROL/ELECTRIC")
        power = np.round(np.exp(4.6 + 0.35 * size + random.normal(0, 0.12, number)))
        return pd.DataFrame(
            {
                "approval": [f"E{1 + n % 20}*2007/46*{n:04}" for n in range(number)],
                "make": np.array(MAKES)[np.arange(number) % len(MAKES)],
                "model": [f"MODEL {n}" for n in range(number)],
                "fuel": fuel,
                "fuel_mode": [MODES[name] for name in fuel],
                "mass": 1420 + 230 * size + np.where(charged, 330, 0),
                "capacity": np.where(electric, np.nan, np.round(np.exp(7.3 + 0.22 * size), -1)),
                "power": power,
                "wheelbase": np.round(2640 + 110 * size),
                "track": np.round(1550 + 35 * size),
                "electric_consumption": np.where(charged, np.round(165 + 20 * size), np.nan),
                "electric_range": np.where(electric, 380.0, np.where(charged, 55.0, np.nan)),
                "drag": random.normal(0, 5, number),
            }
        )

    def _tested(self, cars: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        """CO2 and consumption by a formula of mass, power and fuel, with the design's own drag."""
        effort = 30 + 0.055 * cars["mass"] + 0.14 * cars["power"] + cars["drag"]
        factor = cars["fuel"].map(
            {"PETROL": 1.0, "DIESEL": 0.95, "ELECTRIC": 0.0, "PETROL/ELECTRIC": 0.27, "LPG": 0.88}
        )
        noise = random.normal(0, 2, len(cars))
        co2 = ((effort + noise).clip(lower=20) * factor).round()
        litres = (co2 / cars["fuel"].map(GRAMS_PER_LITRE)).round(1)
        consumption = litres.where(random.random(len(cars)) < 0.6)
        burning = np.flatnonzero((cars["fuel_mode"] == "M").to_numpy())
        consumption.iloc[random.choice(burning, self.absurd_rows, replace=False)] = (
            ABSURD_CONSUMPTION
        )
        co2.iloc[random.choice(burning, self.zero_rows, replace=False)] = 0.0
        return cars.assign(co2=co2, consumption=consumption)
