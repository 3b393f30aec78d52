"""Bicycle counts and weather from their publishers, by range of time.

Only hours that are new are asked for, and the week before them, which the publishers may still
complete: counts arrive late, and the weather archive lags by some days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipeline.cases.bikes.source import EXPORT, observations, with_coordinates
from pipeline.cases.bikes.weather import HOUR, Weather, readings
from pipeline.sources import ROWS_PER_BATCH, Feed, Request
from pipeline.sources.cache import cache_of
from pipeline.sources.http import HttpClient, Patience
from pipeline.sources.opendatasoft import OpendatasoftExport
from pipeline.sources.openmeteo import OpenMeteo

COUNTS = OpendatasoftExport(
    site="https://opendata.paris.fr",
    dataset="comptage-velo-donnees-compteurs",
    form=EXPORT,
    select=("nom_compteur", "sum_counts", "date", "coordinates"),
    time="date",
)
ORLY = OpenMeteo(latitude=48.7167, longitude=2.3842)
"""Where the weather station of the files stands."""


@dataclass(frozen=True, kw_only=True)
class CounterFeed:
    """Counts of the Ville de Paris, and the weather at Paris-Orly as a reanalysis has it."""

    counts: OpendatasoftExport = COUNTS
    weather: OpenMeteo = ORLY
    patience: Patience = field(default_factory=Patience)
    longest: timedelta = timedelta(days=400)
    """How far back the first request goes; the portal offers some thirteen months."""
    overlap: timedelta = timedelta(days=7)
    step: timedelta = timedelta(days=31)
    """Stretch of one request."""
    publisher: str = "Ville de Paris, opendata.paris.fr; weather: Open-Meteo.com"
    licence: str = "ODbL 1.0 (counts); CC BY 4.0 (weather)"
    address: str = (
        "https://opendata.paris.fr/explore/dataset/comptage-velo-donnees-compteurs/information/"
    )
    simulated: bool = False
    note: str = (
        "Weather is a reanalysis (Open-Meteo archive, grid cell of Paris-Orly), made days after "
        "the hour: the candidate that is fed with it shows what a perfect weather forecast would "
        "gain. The newest days have no weather yet, and are asked for again in the next runs."
    )

    def fetch(self, request: Request) -> Feed:
        """The hours up to `request.as_of`; raises `SourceError`."""
        until = request.as_of or datetime.now(UTC)
        start = until - self.longest
        if request.since is not None:
            start = max(start, request.since - self.overlap)
        start = start.replace(minute=0, second=0, microsecond=0)
        with (
            cache_of(request) as cache,
            HttpClient(cache=cache, patience=self.patience) as client,
        ):
            weather_part, observed = self.weather.fetch(client, start, until)
            counts = list(self.counts.fetch(client, start, until, self.step))
        weather = _weather(observed)
        tables = [observations(with_coordinates(rows), weather, request) for _, rows in counts]
        return Feed(
            parts=(*(part for part, _ in counts), weather_part),
            batches=tuple(
                batch
                for table in tables
                for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH)
            ),
        )


def _weather(observed: pa.Table) -> Weather:
    return Weather(
        temperature=readings(observed, "temperature"),
        rain=readings(observed, "rain"),
        wind=readings(observed, "wind"),
        rain_window=HOUR,
    )
