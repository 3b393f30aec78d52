"""Simulated bicycle counters: the real schema and units, and disturbances that are known.

Nothing here was measured. The same fields give the same bytes; the clock is never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.cases.bikes.habits import DIRECTIONS, SITES, Calendar
from pipeline.cases.bikes.riders import simulate_counts
from pipeline.cases.bikes.skies import simulate_skies
from pipeline.errors import CaseError
from pipeline.injections import Change, change_columns, note_of
from pipeline.sources import Feed, Request
from pipeline.sources.simulation import feed_of

PARIS = ZoneInfo("Europe/Paris")
ABSURD_COUNT = 99_999


@dataclass(frozen=True, kw_only=True)
class CounterSimulator:
    """Hourly counts of `counters` counters over `days` whole days in UTC, up to `last`.

    The counts are those of `simulate_counts`, with the disturbances that `note` tells of.
    """

    seed: int = 20_240_929
    counters: int = 12
    days: int = 300
    last: datetime = datetime(2024, 9, 29, 23, tzinfo=UTC)
    """Start of the last simulated hour."""
    shift_days: int = 21
    """The shift begins this many days before the end."""
    shift_share: float = 0.5
    shift_factor: float = 0.65
    stuck_days: int = 6
    stuck_days_before_end: int = 75
    absurd_rows: int = 4
    changes: tuple[Change, ...] = ()
    """Further changes put in on purpose; see `pipeline.injections`."""
    publisher: str = "Vigie (simulation)"
    licence: str = "MIT"
    address: str = ""
    simulated: bool = True

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.counters <= len(SITES) * len(DIRECTIONS):
            most = len(SITES) * len(DIRECTIONS)
            problems.append(f"counters is {self.counters!r}: choose 1 to {most}")
        if self.days <= self.stuck_days_before_end:
            least = self.stuck_days_before_end + 1
            problems.append(f"days is {self.days!r}: choose {least} or more")
        if not 0 <= self.shift_share <= 1:
            problems.append(f"shift_share is {self.shift_share!r}: choose 0 to 1")
        if self.shift_factor < 0:
            problems.append(f"shift_factor is {self.shift_factor!r}: choose 0 or more")
        if problems:
            raise CaseError.for_problems("These bicycle counters can't be simulated:", problems)

    @property
    def start(self) -> datetime:
        """Start of the first simulated hour."""
        return self.last + timedelta(hours=1) - timedelta(days=self.days)

    @property
    def shift_at(self) -> datetime:
        return self.last + timedelta(hours=1) - timedelta(days=self.shift_days)

    @property
    def stuck_from(self) -> datetime:
        return self.last + timedelta(hours=1) - timedelta(days=self.stuck_days_before_end)

    @property
    def stuck_until(self) -> datetime:
        return self.stuck_from + timedelta(days=self.stuck_days)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the counters: two directions a site."""
        return tuple(
            f"{SITES[number // 2].name} {DIRECTIONS[number % 2]}" for number in range(self.counters)
        )

    @property
    def shifted(self) -> tuple[str, ...]:
        """The counters whose volume changes at `shift_at`: the first ones, whole sites."""
        return self.names[: round(self.shift_share * self.counters)]

    @property
    def stuck(self) -> str:
        """The counter that reports zero from `stuck_from` to `stuck_until`."""
        return self.names[-1]

    @property
    def note(self) -> str:
        """The disturbances that were put in, in words."""
        change = round(100 * (self.shift_factor - 1))
        return (
            f"Simulated data (seed {self.seed}): {self.counters} counters, "
            f"{self.start:%Y-%m-%d} to {self.last:%Y-%m-%d}. Put in on purpose: from "
            f"{self.shift_at:%Y-%m-%d %H:%M} UTC, works on the street change the volume of "
            f"{len(self.shifted)} of {self.counters} counters by {change:+d} % "
            f"({', '.join(self.shifted)}); {self.stuck} reports zero from "
            f"{self.stuck_from:%Y-%m-%d} for {self.stuck_days} days; {self.absurd_rows} rows "
            f"hold the absurd count {ABSURD_COUNT}. {note_of(self.changes)}"
        ).rstrip()

    def fetch(self, request: Request) -> Feed:
        """The simulated rows before `request.as_of`; what is simulated doesn't depend on it."""
        return feed_of(self._changed(self._table()), request, time="time")

    def _table(self) -> pa.Table:
        """Rows by time, then by counter."""
        random = np.random.default_rng(self.seed)
        calendar = self._calendar()
        skies = simulate_skies(calendar, random)
        counts = self._disturbed(simulate_counts(self.counters, calendar, skies, random), random)
        sites = [SITES[number // 2] for number in range(self.counters)]
        moments = np.array(self._times(), dtype="datetime64[us]")
        hours = len(moments)
        return pa.table(
            {
                "counter": pa.array(self.names * hours),
                "time": pa.array(np.repeat(moments, self.counters)).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "count": counts.T.ravel(),
                "latitude": np.tile([site.latitude for site in sites], hours),
                "longitude": np.tile([site.longitude for site in sites], hours),
                "temperature": np.repeat(skies.temperature, self.counters),
                "rain": np.repeat(skies.rain, self.counters),
                "wind": np.repeat(skies.wind, self.counters),
            }
        )

    def _changed(self, table: pa.Table) -> pa.Table:
        """The table with `changes`; lost values are nulls."""
        if not self.changes:
            return table
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "time"}
        times = table["time"].cast(pa.timestamp("us")).to_numpy()
        changed = change_columns(columns, self.changes, times=times, seed=self.seed)
        for column in {change.column for change in self.changes}:
            place = table.column_names.index(column)
            values = pa.array(changed[column], from_pandas=True)
            table = table.set_column(place, column, values)
        return table

    def _times(self) -> list[datetime]:
        """Starts of the hours, in UTC without a zone, as numpy wants them."""
        first = self.start.astimezone(UTC).replace(tzinfo=None)
        return [first + timedelta(hours=hour) for hour in range(24 * self.days)]

    def _calendar(self) -> Calendar:
        """Local clock and calendar of the simulated hours."""
        return Calendar.of([time.replace(tzinfo=UTC).astimezone(PARIS) for time in self._times()])

    def _disturbed(
        self, counts: npt.NDArray[np.int64], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Puts in what `note` says."""
        disturbed = counts.copy()
        shift, stuck_from, stuck_until = (
            self._hour(moment) for moment in (self.shift_at, self.stuck_from, self.stuck_until)
        )
        affected = disturbed[: len(self.shifted), shift:]
        affected[:] = np.floor(self.shift_factor * affected + random.random(affected.shape))
        disturbed[-1, stuck_from:stuck_until] = 0
        hours = random.choice(stuck_from, self.absurd_rows, replace=False)
        disturbed[random.integers(0, self.counters, self.absurd_rows), hours] = ABSURD_COUNT
        return disturbed

    def _hour(self, moment: datetime) -> int:
        return int((moment - self.start) / timedelta(hours=1))
