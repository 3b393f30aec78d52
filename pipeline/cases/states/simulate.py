"""Simulated emissions of power plants: the real schema and units, totals beside their parts, and
disturbances that are known.

Nothing here was measured. The same fields give the same bytes; the clock is never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.cases.states.areas import ALL_PRODUCERS, ALL_SOURCES, NATION, PLANTS
from pipeline.errors import CaseError
from pipeline.sources import Feed, Request
from pipeline.sources.simulation import feed_of

STATES = ("AL", "CA", "FL", "GA", "IL", "IN", "KY", "MI", "NY", "OH", "PA", "TX", "WV", "WY")
PRODUCERS = ("Electric Utility", "IPP NAICS-22 Non-Cogen", "Industrial Cogen")
PRODUCER_SHARES = (0.62, 0.3, 0.08)
LEVELS = {"Coal": 32.0, "Natural Gas": 9.0, "Petroleum": 2.0, "Other": 0.15}
"""Mean emissions of a state in the first year, in million metric tons."""
DRIFTS = {"Coal": -0.03, "Natural Gas": 0.045, "Petroleum": -0.06, "Other": 0.0}
"""Mean change of a year, as a logarithm, before the shift."""
COMMON = 0.02
"""Spread of what happens to a fuel in all states in a year, such as its price."""
OWN = 0.05
"""Spread of what happens to one series in a year."""
NEGATIVE = -12e-6

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EmissionSimulator:
    """Years up to `last_year`; from `shift_year` on coal closes down, and gas takes its place."""

    seed: int = 19_900_101
    first_year: int = 1990
    last_year: int = 2022
    shift_year: int = 2020
    shift_coal: float = 0.78
    shift_gas: float = 1.12
    """Factors of each year from `shift_year` on, beside what happens anyway."""
    wrong_total: float = 1.5
    """Million metric tons by which one published total is too high."""
    publisher: str = "Vigie (simulation)"
    licence: str = "MIT"
    address: str = ""
    simulated: bool = True

    def __post_init__(self) -> None:
        if not self.first_year < self.shift_year <= self.last_year:
            raise CaseError(
                f"These emissions can't be simulated: the shift of {self.shift_year} lies outside "
                f"{self.first_year + 1} to {self.last_year}. Choose a year within."
            )

    @property
    def note(self) -> str:
        """The disturbances that were put in, in words."""
        return (
            f"Simulated data (seed {self.seed}): {len(STATES)} states, {len(PRODUCERS)} types of "
            f"producer, {len(LEVELS)} fuels, {self.first_year} to {self.last_year}. Put in on "
            f"purpose: from {self.shift_year} on coal changes by "
            f"{100 * (self.shift_coal - 1):+.0f} % a year and gas by "
            f"{100 * (self.shift_gas - 1):+.0f} %; in {self.last_year - 1} the published total of "
            f"{STATES[0]} is {self.wrong_total} million metric tons higher than its parts; one "
            "value is below zero."
        )

    def fetch(self, request: Request) -> Feed:
        """The simulated rows before `request.as_of`; what is simulated doesn't depend on it."""
        return feed_of(self._table(), request, time="time")

    def _table(self) -> pa.Table:
        """Rows by year, then by state, producer and fuel, each total after its parts."""
        years = np.arange(self.first_year, self.last_year + 1)
        values = self._with_totals(self._parts(np.random.default_rng(self.seed)))
        states, producers = (*STATES, NATION), (*PRODUCERS, ALL_PRODUCERS)
        fuels = (*LEVELS, ALL_SOURCES)
        places = np.indices(values.shape).reshape(4, -1)
        is_part = (
            (places[1] < len(STATES)) & (places[2] < len(PRODUCERS)) & (places[3] < len(LEVELS))
        )
        times = [datetime(int(year), 1, 1, tzinfo=UTC) for year in years]
        return pa.table(
            {
                "state": np.array(states)[places[1]],
                "producer": np.array(producers)[places[2]],
                "fuel": np.array(fuels)[places[3]],
                "time": pa.array([times[place] for place in places[0]]),
                "co2": values.ravel(),
                "account": [PLANTS] * values.size,
                "part": is_part,
            }
        )

    def _parts(self, random: np.random.Generator) -> Numbers:
        """Shape (years, states, producers, fuels); random walks of logarithms."""
        years = self.last_year - self.first_year + 1
        shape = (years, len(STATES), len(PRODUCERS), len(LEVELS))
        sizes = np.exp(random.normal(0.0, 0.6, (len(STATES), 1, len(LEVELS))))
        level = np.array(list(LEVELS.values())) * np.array(PRODUCER_SHARES)[:, None] * sizes
        steps = random.normal(0.0, OWN, shape)
        steps += random.normal(0.0, COMMON, (years, 1, 1, len(LEVELS)))
        steps += np.array(list(DRIFTS.values()))
        shifted = np.arange(years) + self.first_year >= self.shift_year
        for fuel, factor in (("Coal", self.shift_coal), ("Natural Gas", self.shift_gas)):
            steps[shifted, :, :, list(LEVELS).index(fuel)] += np.log(factor)
        steps[0] = 0.0
        values: Numbers = np.round(level * np.exp(np.cumsum(steps, axis=0)), 6)
        values[years // 2, 1, -1, -1] = NEGATIVE
        return values

    def _with_totals(self, parts: Numbers) -> Numbers:
        """Along each axis but the years, one more place that holds the sum of the others."""
        values = parts
        for axis in (1, 2, 3):
            total = values.sum(axis=axis, keepdims=True)
            values = np.concatenate([values, total], axis=axis)
        values = np.round(values, 6)
        values[-2, 0, -1, -1] += self.wrong_total
        return values
