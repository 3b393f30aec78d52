"""Bicycle counts from the publisher's files: renamed, brought to UTC, with the weather beside.

Two layouts are read. `*.parquet` is how the RAMP challenge "bike_counters" packages the counts,
with times that carry no zone; `comptage*.csv` is the publisher's own export, with an offset.

Times without a zone are UTC. The weekday peak of the packaged counts moves from 06 to 07 when
summer time ends and back when it begins, as the habits of Paris do in UTC. The hour 2020-10-25
00:00 is missing for every counter: it is 02:00 for the first time that night, lost where local
times were converted. The export says the same: its one counter of 2021-09-01 (97 avenue Denfert
Rochereau SO-NE, which the packaged files lack) goes with the packaged counters of that day best
when its times are converted by their offset and the others are taken as UTC: mean correlation
0.80 over 56 counters, against 0.42 and 0.58 an hour to either side; 53 of them agree.
The time is the start of the counted hour in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.cases.bikes.weather import NO_WEATHER, Weather, read_weather
from pipeline.errors import SourceError
from pipeline.sources import ROWS_PER_BATCH, Feed, Part, Request
from pipeline.sources.delimited import CsvFormat, read_csv
from pipeline.sources.files import digest, list_files
from pipeline.sources.parquet import ParquetFormat, read_parquet
from pipeline.sources.values import (
    INTEGER,
    NUMBER,
    OFFSET,
    POINT,
    TEXT,
    UTC_TIME,
    ZONED_TIME,
    Field,
    trimmed,
)

PACKAGED_NAMES = "*.parquet"
EXPORT_NAMES = "comptage*.csv"
WEATHER_NAME = "external_data.csv"

PACKAGED = ParquetFormat(
    title="bicycle counts (RAMP bike_counters)",
    fields=(
        Field(header="counter_name", name="counter", kind=TEXT),
        Field(header="date", name="time", kind=UTC_TIME),
        Field(header="bike_count", name="count", kind=INTEGER),
        Field(header="latitude", name="latitude", kind=NUMBER),
        Field(header="longitude", name="longitude", kind=NUMBER),
    ),
)


def _by_the_clock_of_paris(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """In UTC; refuses an offset that Paris does not have at that time, unless it is zero."""
    times = ZONED_TIME.convert(values)
    texts = trimmed(pc.cast(values, pa.string()))
    clock = pc.cast(pc.replace_substring_regex(texts, OFFSET + "$", ""), pa.timestamp("us"))
    in_paris = pc.local_timestamp(pc.cast(times, pa.timestamp("us", tz="Europe/Paris")))
    known = pc.or_(pc.equal(clock, in_paris), pc.equal(clock, pc.local_timestamp(times)))
    if not pc.all(known, min_count=0).as_py():
        raise pa.ArrowInvalid("an offset that Paris does not have at that time")
    return times


PARIS_TIME = replace(
    ZONED_TIME,
    wanted="a time with its offset from UTC, that of Paris on its day or zero",
    remedy="write times such as 2021-09-01T03:00:00+02:00; where the offset is that of another "
    "season, see whether day and month were exchanged",
    convert=_by_the_clock_of_paris,
)
EXPORT = CsvFormat(
    title="bicycle counts (export of opendata.paris.fr)",
    delimiter=";",
    fields=(
        Field(header="Nom du compteur", name="counter", kind=TEXT),
        Field(header="Date et heure de comptage", name="time", kind=PARIS_TIME),
        Field(header="Comptage horaire", name="count", kind=INTEGER),
        Field(header="Coordonnées géographiques", name="place", kind=POINT),
    ),
)


@dataclass(frozen=True, kw_only=True)
class CounterFiles:
    """Counts and weather from a folder of files; the weather file may be missing."""

    publisher: str = "Ville de Paris, opendata.paris.fr"
    licence: str = "ODbL 1.0"
    address: str = (
        "https://opendata.paris.fr/explore/dataset/comptage-velo-donnees-compteurs/information/"
    )
    simulated: bool = False
    note: str = (
        "Observed weather stands in for a weather forecast: what a forecast of bicycles gains "
        "from it is an upper bound. Weather: Météo-France, SYNOP station Paris-Orly, Licence "
        "Ouverte."
    )

    def fetch(self, request: Request) -> Feed:
        """All rows of all files before `request.as_of`, as read: also what two files both hold.

        Every file is read before the first batch is handed out. Raises `SourceError`.
        """
        folder = _folder(request)
        counts = [
            *_read_all(folder, PACKAGED_NAMES, lambda path: read_parquet(path, PACKAGED)),
            *_read_all(folder, EXPORT_NAMES, _read_export),
        ]
        if not counts:
            raise _no_counts(folder)
        weather, weather_parts = _weather(folder)
        tables = [observations(table, weather, request) for _, table in counts]
        return Feed(
            parts=(*(part for part, _ in counts), *weather_parts),
            batches=tuple(
                batch
                for table in tables
                for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH)
            ),
        )


def _folder(request: Request) -> Path:
    if request.folder is None:
        raise SourceError.for_unnamed_folder("the files of the bicycle counters")
    return request.folder


def _read_all(
    folder: Path, pattern: str, read: Callable[[Path], pa.Table]
) -> list[tuple[Part, pa.Table]]:
    tables = [(path, read(path)) for path in list_files(folder, pattern)]
    return [
        (Part(name=path.name, sha256=digest(path), rows=table.num_rows), table)
        for path, table in tables
    ]


def _read_export(path: Path) -> pa.Table:
    return with_coordinates(read_csv(path, EXPORT))


def with_coordinates(table: pa.Table) -> pa.Table:
    """The export's point as latitude and longitude, in degrees."""
    place = table["place"]
    return (
        table.drop_columns(["place"])
        .append_column("latitude", pc.struct_field(place, "latitude"))
        .append_column("longitude", pc.struct_field(place, "longitude"))
    )


def _no_counts(folder: Path) -> SourceError:
    wanted = [
        f"{PACKAGED_NAMES} ({PACKAGED.title})",
        f"{EXPORT_NAMES} ({EXPORT.title})",
    ]
    found = [path.name for path in list_files(folder, "*")]
    return SourceError.for_no_files(folder, wanted, found)


def _weather(folder: Path) -> tuple[Weather, list[Part]]:
    """Weather of the folder; unknown at all times when the folder has no file of it."""
    paths = list_files(folder, WEATHER_NAME)
    if not paths:
        return NO_WEATHER, []
    weather, rows = read_weather(paths[0])
    return weather, [Part(name=paths[0].name, sha256=digest(paths[0]), rows=rows)]


def observations(counts: pa.Table, weather: Weather, request: Request) -> pa.Table:
    """The rows that are not newer than asked for, as the schema has them."""
    if request.as_of is not None:
        moment = pa.scalar(request.as_of, pa.timestamp("us", tz="UTC"))
        newer = pc.fill_null(pc.greater_equal(counts["time"], moment), False)
        counts = counts.filter(pc.invert(newer))
    hours = counts["time"].to_numpy().astype("datetime64[us]")
    columns = {
        **{name: counts[name] for name in counts.column_names},
        "counter": pc.utf8_trim_whitespace(counts["counter"]),
        **weather.at(np.asarray(hours)),
    }
    schema = request.schema.arrow()
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
