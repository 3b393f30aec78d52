"""Three-hourly weather observations brought to the hour; what isn't known stays unknown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sources.delimited import CsvFormat, read_csv
from pipeline.sources.values import NUMBER, UTC_TIME, Field

ZERO_CELSIUS = 273.15
TRACE = -0.1
"""Precipitation that could be seen and not measured, as Météo-France codes it."""
WIDEST_GAP = np.timedelta64(6, "h")
HOUR = np.timedelta64(1, "h")
RAIN_WINDOW = np.timedelta64(3, "h")

SYNOP = CsvFormat(
    title="weather observations (Météo-France SYNOP)",
    delimiter=",",
    fields=(
        Field(header="date", name="time", kind=UTC_TIME),
        Field(header="t", name="temperature", kind=NUMBER),
        Field(header="rr3", name="rain", kind=NUMBER),
        Field(header="ff", name="wind", kind=NUMBER),
    ),
)

Times = npt.NDArray[np.datetime64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """One quantity at increasing times, without gaps in the values."""

    times: Times
    values: Values


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Air temperature in °C, rain in mm of the window that ends at its time, wind in m/s."""

    temperature: Readings
    rain: Readings
    wind: Readings
    rain_window: np.timedelta64 = RAIN_WINDOW

    def at(self, hours: Times) -> dict[str, pa.Array]:
        """Weather of the hours that start at `hours`, null where it isn't known.

        Temperature and wind are those of the start of the hour. Rain is the mean over the window
        that the hour lies in, in mm/h.
        """
        known = {
            "temperature": interpolated(self.temperature, hours),
            "rain": spread(self.rain, hours, self.rain_window),
            "wind": interpolated(self.wind, hours),
        }
        return {name: pa.array(values, from_pandas=True) for name, values in known.items()}


NOTHING = Readings(times=np.array([], "datetime64[us]"), values=np.array([], float))
NO_WEATHER = Weather(temperature=NOTHING, rain=NOTHING, wind=NOTHING)


def read_weather(path: Path) -> tuple[Weather, int]:
    """Weather of a SYNOP file as CSV (kelvin, times in UTC), and its rows; see `read_csv`."""
    table = read_csv(path, SYNOP)
    kelvin = readings(table, "temperature")
    rain = readings(table, "rain")
    measured = np.where(np.isclose(rain.values, TRACE), 0.0, rain.values)
    weather = Weather(
        temperature=Readings(times=kelvin.times, values=kelvin.values - ZERO_CELSIUS),
        rain=Readings(times=rain.times, values=measured),
        wind=readings(table, "wind"),
    )
    return weather, table.num_rows


def readings(table: pa.Table, name: str) -> Readings:
    """The known values of a column by time; of two for the same time the later row counts."""
    times = table["time"].to_numpy().astype("datetime64[us]")
    values = table[name].to_numpy().astype(float)
    known = np.flatnonzero(~np.isnan(values) & ~np.isnat(times))[::-1]
    unique, first = np.unique(times[known], return_index=True)
    return Readings(times=unique, values=values[known[first]])


def interpolated(of: Readings, hours: Times) -> Values:
    """Linear between neighbours at most `WIDEST_GAP` apart, NaN elsewhere."""
    if of.times.size == 0:
        return np.full(hours.shape, np.nan)
    after = np.searchsorted(of.times, hours, side="left")
    inside = np.clip(after, 0, of.times.size - 1)
    before = np.where(of.times[inside] == hours, inside, inside - 1)
    gap = of.times[inside] - of.times[before]
    bounded = (after < of.times.size) & (before >= 0) & (gap <= WIDEST_GAP)
    share = (hours - of.times[before]) / np.where(gap > np.timedelta64(0, "us"), gap, WIDEST_GAP)
    values = of.values[before] + share * (of.values[inside] - of.values[before])
    return np.where(bounded, values, np.nan)


def spread(of: Readings, hours: Times, window: np.timedelta64 = RAIN_WINDOW) -> Values:
    """An hour's share of the amount whose window contains the hour, NaN where none does."""
    if of.times.size == 0:
        return np.full(hours.shape, np.nan)
    after = np.searchsorted(of.times, hours, side="right")
    inside = np.clip(after, 0, of.times.size - 1)
    covered = (after < of.times.size) & (of.times[inside] - hours <= window)
    return np.where(covered, of.values[inside] / (window / HOUR), np.nan)
