"""Hourly weather of a place from Open-Meteo's archive of reanalyses (open-meteo.com), keyless.

Times are asked for in UTC, wind in m/s. The newest days are not in the archive yet: null.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources import Part
from pipeline.sources.address import Address
from pipeline.sources.http import MEGABYTE, HttpClient, Wanted
from pipeline.sources.pages import columns_of, read_json, row_problems
from pipeline.sources.values import NUMBER, UTC_TIME, Field

WHAT = "hourly weather (Open-Meteo archive)"
UNITS = {
    "time": "iso8601",
    "temperature_2m": "°C",
    "precipitation": "mm",
    "wind_speed_10m": "m/s",
}
FIELDS = (
    Field(header="time", name="time", kind=UTC_TIME),
    Field(header="temperature_2m", name="temperature", kind=NUMBER, optional=True),
    Field(header="precipitation", name="rain", kind=NUMBER, optional=True),
    Field(header="wind_speed_10m", name="wind", kind=NUMBER, optional=True),
)


@dataclass(frozen=True, kw_only=True)
class OpenMeteo:
    """A place, in degrees north and east."""

    latitude: float
    longitude: float
    site: str = "https://archive-api.open-meteo.com"

    def fetch(self, client: HttpClient, since: datetime, until: datetime) -> tuple[Part, pa.Table]:
        """Time, temperature (°C), rain (mm of the hour that *ends* at the time) and wind (m/s).

        Whole days in UTC that cover the range and the hour after it; raises `SourceError`.
        """
        last = until.astimezone(UTC) + timedelta(hours=1)
        address = Address(
            url=f"{self.site}/v1/archive",
            parameters=(
                ("latitude", str(self.latitude)),
                ("longitude", str(self.longitude)),
                ("start_date", f"{since.astimezone(UTC):%Y-%m-%d}"),
                ("end_date", f"{last:%Y-%m-%d}"),
                ("hourly", ",".join(name for name in UNITS if name != "time")),
                ("wind_speed_unit", "ms"),
                ("timezone", "UTC"),
            ),
        )
        wanted = Wanted(
            address=address, what=WHAT, types=("application/json",), most_bytes=64 * MEGABYTE
        )
        fetched = client.fetch(wanted)
        page = read_json(fetched, WHAT)
        hourly, units = page.get("hourly"), page.get("hourly_units")
        problems = _problems(hourly, units)
        if problems or not isinstance(hourly, dict):
            raise SourceError.for_page(fetched.address, WHAT, problems)
        names = list(UNITS)
        rows = [
            dict(zip(names, row, strict=True))
            for row in zip(*(hourly[name] for name in names), strict=True)
        ]
        table, refused = columns_of(rows, FIELDS)
        if refused or row_problems(rows, FIELDS):
            raise SourceError.for_page(
                fetched.address, WHAT, [*refused, *row_problems(rows, FIELDS)]
            )
        part = Part(name=fetched.address, sha256=fetched.sha256, rows=table.num_rows)
        return part, table


def _problems(hourly: object, units: object) -> list[str]:
    """Quantities that are missing, of another length, or in another unit."""
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        return ["it has no 'hourly' with 'hourly_units'"]
    missing = [f"it lacks 'hourly.{name}'" for name in UNITS if name not in hourly]
    other = [
        f"'{name}' is in {units.get(name)!r}, {unit!r} is expected"
        for name, unit in UNITS.items()
        if units.get(name) != unit
    ]
    lengths = {len(hourly[name]) for name in UNITS if isinstance(hourly.get(name), list)}
    uneven = ["its quantities are of different lengths"] if len(lengths) > 1 else []
    return [*missing, *other, *uneven]
