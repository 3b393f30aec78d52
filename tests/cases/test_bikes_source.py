"""Bicycle counts from files: both layouts in one schema, with the weather of the hour."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cases.bikes.source import CounterFiles
from pipeline.cases.bikes.weather import Readings, interpolated, spread
from pipeline.errors import SourceError
from pipeline.schema import Column, Schema
from pipeline.sources import Request
from pipeline.sources.files import digest

SCHEMA = Schema(
    columns=(
        Column(name="counter", kind="category", description="counter"),
        Column(name="time", kind="time", description="start of the hour", known_ahead=True),
        Column(name="count", kind="integer", description="bicycles"),
        Column(name="latitude", kind="number", description="north", known_ahead=True),
        Column(name="longitude", kind="number", description="east", known_ahead=True),
        Column(name="temperature", kind="number", description="air", nullable=True),
        Column(name="rain", kind="number", description="rain", nullable=True),
        Column(name="wind", kind="number", description="wind", nullable=True),
    ),
    key=("counter", "time"),
    time="time",
    target="count",
)
EXPORT_HEADER = (
    "Identifiant du compteur;Nom du compteur;Comptage horaire;Date et heure de comptage;"
    "Coordonnées géographiques"
)
PARIS = ZoneInfo("Europe/Paris")
EVENING = datetime(2021, 9, 1, 18, tzinfo=UTC)


def fetch(folder: Path, as_of: datetime | None = None) -> pa.Table:
    feed = CounterFiles().fetch(Request(schema=SCHEMA, folder=folder, as_of=as_of))
    return pa.Table.from_batches(feed.batches, SCHEMA.arrow())


def refusal(folder: Path | None) -> str:
    with pytest.raises(SourceError) as caught:
        CounterFiles().fetch(Request(schema=SCHEMA, folder=folder))
    return str(caught.value)


def write_export(folder: Path, *rows: str, name: str = "comptage-velo.csv") -> None:
    lines = "".join(f"{row}\r\n" for row in (EXPORT_HEADER, *rows))
    (folder / name).write_bytes(lines.encode())


def export_row(time: datetime, count: str = "3.0", counter: str = "Pont E-O") -> str:
    return f"1-2;{counter};{count};{time.isoformat()};48.85,2.35"


def write_packaged(folder: Path, hours: Sequence[datetime], name: str = "train.parquet") -> None:
    rows = len(hours)
    columns = {
        "counter_name": pa.array(["Quai O-E"] * rows).dictionary_encode(),
        "bike_count": pa.array([5.0] * rows),
        "date": pa.array(hours, pa.timestamp("us")),
        "latitude": pa.array([48.86] * rows),
        "longitude": pa.array([2.34] * rows),
        "log_bike_count": pa.array([1.79] * rows),
    }
    pq.write_table(pa.table(columns), folder / name)


def write_weather(folder: Path, *rows: str, header: str = "numer_sta,date,ff,t,rr3") -> None:
    text = "".join(f"{row}\n" for row in (header, *rows))
    (folder / "external_data.csv").write_text(text, encoding="utf-8")


def test_the_publishers_export_is_brought_into_the_schema(tmp_path: Path) -> None:
    """Names are stripped, counts are whole, places are two numbers, times are UTC."""
    write_export(tmp_path, "1-2; Pont E-O ;3.0;2021-09-01T03:00:00+02:00;48.85,2.35")

    assert fetch(tmp_path).to_pylist() == [
        {
            "counter": "Pont E-O",
            "time": datetime(2021, 9, 1, 1, tzinfo=UTC),
            "count": 3,
            "latitude": 48.85,
            "longitude": 2.35,
            "temperature": None,
            "rain": None,
            "wind": None,
        }
    ]


def test_packaged_times_are_utc(tmp_path: Path) -> None:
    """Times without a zone keep their hour, over the clock change too."""
    hours = [datetime(2021, 3, 28, hour) for hour in range(5)]
    write_packaged(tmp_path, hours)

    assert fetch(tmp_path)["time"].to_pylist() == [hour.replace(tzinfo=UTC) for hour in hours]


@pytest.mark.parametrize("midnight", [datetime(2021, 3, 28), datetime(2021, 10, 31)])
def test_exported_hours_over_a_clock_change_are_all_there_once(
    tmp_path: Path, midnight: datetime
) -> None:
    """A night of a clock change has 23 or 25 hours in Paris, and 24 instants make 24 rows."""
    start = midnight.replace(tzinfo=PARIS).astimezone(UTC)
    hours = [start + timedelta(hours=hour) for hour in range(24)]
    write_export(tmp_path, *(export_row(hour.astimezone(PARIS)) for hour in hours))

    assert fetch(tmp_path)["time"].to_pylist() == hours


def test_an_export_without_offsets_is_refused(tmp_path: Path) -> None:
    """A local time of the publisher isn't taken as UTC."""
    write_export(tmp_path, export_row(datetime(2021, 10, 31, 2)))

    assert "'2021-10-31T02:00:00' in line 2 isn't a time with its offset" in refusal(tmp_path)


def test_every_file_is_a_part_with_its_digest_and_rows(tmp_path: Path) -> None:
    """A record can say which bytes the observations were made from."""
    write_packaged(tmp_path, [datetime(2021, 9, 1, hour) for hour in range(3)])
    write_export(tmp_path, export_row(EVENING))
    write_weather(tmp_path, "7149,2021-09-01 00:00:00,3.0,285.15,0.0")
    feed = CounterFiles().fetch(Request(schema=SCHEMA, folder=tmp_path))

    assert [(part.name, part.rows, part.sha256) for part in feed.parts] == [
        ("train.parquet", 3, digest(tmp_path / "train.parquet")),
        ("comptage-velo.csv", 1, digest(tmp_path / "comptage-velo.csv")),
        ("external_data.csv", 1, digest(tmp_path / "external_data.csv")),
    ]


def test_batches_have_exactly_the_schema(tmp_path: Path) -> None:
    """Each batch can be appended to the table of the case as it is."""
    write_packaged(tmp_path, [datetime(2021, 9, 1)])
    write_export(tmp_path, export_row(EVENING))
    batches = list(CounterFiles().fetch(Request(schema=SCHEMA, folder=tmp_path)).batches)

    assert [batch.schema.equals(SCHEMA.arrow()) for batch in batches] == [True, True]


def test_rows_of_both_layouts_come_as_they_were_read(tmp_path: Path) -> None:
    """The same counter and hour twice, negative and absurd counts: not the source's to judge."""
    write_export(tmp_path, *(export_row(EVENING, count) for count in ("3.0", "3.0", "-1", "99999")))
    write_export(tmp_path, export_row(EVENING, ""), export_row(EVENING), name="Comptage2.csv")

    assert fetch(tmp_path)["count"].to_pylist() == [None, 3, 3, 3, -1, 99999]


def test_nothing_newer_than_the_run_is_read(tmp_path: Path) -> None:
    """An hour that starts at the time of the run is newer; one without a time is kept."""
    hours = [EVENING + timedelta(hours=hour) for hour in range(-1, 2)]
    write_export(tmp_path, *(export_row(hour) for hour in hours), "1-2;Pont E-O;3.0;;48.85,2.35")

    assert fetch(tmp_path, as_of=EVENING)["time"].to_pylist() == [hours[0], None]


def test_a_run_before_all_rows_finds_none(tmp_path: Path) -> None:
    """An early `as_of` gives an empty feed of the right schema, and no error."""
    write_export(tmp_path, export_row(EVENING))

    assert fetch(tmp_path, as_of=EVENING - timedelta(days=1)).num_rows == 0


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """The option that names the folder is told."""
    assert "No folder is named" in refusal(None)
    assert "There is no folder" in refusal(tmp_path / "absent")


def test_a_folder_without_counts_says_what_is_looked_for(tmp_path: Path) -> None:
    """Both layouts and what was found instead."""
    write_weather(tmp_path, "7149,2021-09-01 00:00:00,3.0,285.15,0.0")
    message = refusal(tmp_path)

    assert "*.parquet (bicycle counts (RAMP bike_counters))" in message
    assert "comptage*.csv (bicycle counts (export of opendata.paris.fr))" in message
    assert "Found: 'external_data.csv'." in message


def test_a_file_of_another_case_is_refused(tmp_path: Path) -> None:
    """A file with the right name and other columns isn't read."""
    (tmp_path / "comptage.csv").write_text("period,stateId,value\n2019,CA,1.5\n", encoding="utf-8")

    assert "it has none of the expected columns" in refusal(tmp_path)


def test_weather_is_brought_to_the_hour(tmp_path: Path) -> None:
    """Kelvin to °C and wind linear in between; rain over the three hours before its time."""
    write_packaged(tmp_path, [datetime(2021, 9, 1, hour) for hour in range(7)])
    write_weather(
        tmp_path,
        "7149,2021-09-01 06:00:00,1.0,279.15,-0.1",
        "7149,2021-09-01 00:00:00,4.0,273.15,9.0",
        "7149,2021-09-01 03:00:00,1.0,276.15,1.5",
        "7149,2021-09-01 03:00:00,1.0,276.15,1.5",
    )
    table = fetch(tmp_path)

    assert table["temperature"].to_pylist() == pytest.approx([0, 1, 2, 3, 4, 5, 6])
    assert table["wind"].to_pylist() == pytest.approx([4, 3, 2, 1, 1, 1, 1])
    assert table["rain"].to_pylist() == pytest.approx([0.5, 0.5, 0.5, 0, 0, 0, None])


def test_weather_is_unknown_within_gaps_of_more_than_six_hours(tmp_path: Path) -> None:
    """Nine hours between two readings are not bridged; six are, but for the rain."""
    write_packaged(tmp_path, [datetime(2021, 9, 1, hour) for hour in (2, 5, 6, 7, 12, 15, 16)])
    write_weather(
        tmp_path,
        "7149,2021-09-01 00:00:00,0.0,273.15,0.0",
        "7149,2021-09-01 06:00:00,6.0,279.15,0.0",
        "7149,2021-09-01 15:00:00,6.0,279.15,3.0",
    )
    table = fetch(tmp_path)

    assert table["temperature"].to_pylist() == pytest.approx([2, 5, 6, None, None, 6, None])
    assert table["wind"].to_pylist() == pytest.approx([2, 5, 6, None, None, 6, None])
    assert table["rain"].to_pylist() == pytest.approx([None, 0, None, None, 1, None, None])


def test_malformed_weather_is_an_error(tmp_path: Path) -> None:
    """A missing weather file is no error, but one that can't be read is."""
    write_packaged(tmp_path, [datetime(2021, 9, 1)])
    write_weather(tmp_path, "7149,2021-09-01,3.0,285.15", header="numer_sta,date,ff,temp")
    message = refusal(tmp_path)

    assert "external_data.csv can't be read as weather observations" in message
    assert "column 't' is missing" in message
    assert "column 'rr3' is missing" in message


READINGS = st.dictionaries(
    st.integers(0, 60), st.floats(-50, 50, allow_subnormal=False), min_size=1, max_size=20
)


def as_readings(known: dict[int, float]) -> Readings:
    hours = sorted(known)
    return Readings(
        times=np.datetime64("2021-01-01", "us") + np.array(hours) * np.timedelta64(1, "h"),
        values=np.array([known[hour] for hour in hours]),
    )


HOURS = np.datetime64("2021-01-01", "us") + np.arange(-2, 63) * np.timedelta64(1, "h")


@given(READINGS)
def test_interpolation_is_that_of_a_short_loop(known: dict[int, float]) -> None:
    """Value by value: the neighbours, their distance, and the line between them."""

    def at(hour: int) -> float:
        before = max((time for time in known if time <= hour), default=None)
        after = min((time for time in known if time >= hour), default=None)
        if before is None or after is None or after - before > 6:
            return float("nan")
        share = (hour - before) / ((after - before) or 1)
        return known[before] + share * (known[after] - known[before])

    expected = [at(hour) for hour in range(-2, 63)]

    assert interpolated(as_readings(known), HOURS) == pytest.approx(expected, nan_ok=True)


@given(READINGS)
def test_rain_is_spread_as_by_a_short_loop(known: dict[int, float]) -> None:
    """Value by value: the next amount after the hour has begun, within three hours."""

    def at(hour: int) -> float:
        ends = [time for time in known if hour < time <= hour + 3]
        return known[min(ends)] / 3 if ends else float("nan")

    expected = [at(hour) for hour in range(-2, 63)]

    assert spread(as_readings(known), HOURS) == pytest.approx(expected, nan_ok=True)


@pytest.fixture(scope="module")
def real_bikes() -> Path:
    """Folder of the real counters; the files are not part of the project."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("VIGIE_DATA", beside)) / "bikes"
    if not folder.is_dir():
        pytest.skip(f"the real counts are not at {folder}: name their folder with VIGIE_DATA")
    return folder


@pytest.fixture(scope="module")
def real_counts(real_bikes: Path) -> pa.Table:
    return fetch(real_bikes)


def test_real_counts_are_read_whole(real_counts: pa.Table) -> None:
    """All rows of all files; every hour of the packaged counts has its weather."""
    assert real_counts.num_rows == 455_163 + 41_608 + 21
    assert len(pc.unique(real_counts["counter"])) == 57
    assert real_counts["count"].null_count == 0
    assert real_counts["temperature"].null_count == 0
    assert pc.min_max(real_counts["temperature"]).as_py() == pytest.approx(
        {"min": -5.5, "max": 34.3}
    )


def test_real_exports_and_packaged_counts_agree_on_the_hour(real_counts: pa.Table) -> None:
    """The exported day goes with the packaged counters best without a shift of an hour."""
    rows = real_counts.to_pandas().set_index("time")
    exported = rows.loc[rows["counter"].str.startswith("97 avenue Denfert"), "count"]
    others = rows.pivot_table(index="time", columns="counter", values="count")
    others = others.drop(columns=rows.loc[exported.index[0], "counter"].iloc[-1])

    def likeness(hours: int) -> float:
        shifted = others.reindex(exported.index + timedelta(hours=hours))
        return float(shifted.set_axis(exported.index).corrwith(exported).mean())

    assert max((-2, -1, 0, 1, 2), key=likeness) == 0
    assert likeness(0) == pytest.approx(0.80, abs=0.01)
