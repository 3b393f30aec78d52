"""What happens to real files that were spoilt: the list of mutations, each with its verdict.

An extract of a real file is mutated, read, cut and judged as a run does it. A verdict is *refused*
(the source says what is wrong), *stopped* (a gate, or too many rows failed), *quarantined* (no row
that is left, and that a model learns from, differs from the unspoilt extract), *harmless* (the same
rows are left), or *apart* (other rows are left, but all of them sums or another account, which no
model learns from and no trend counts). What no check of a file can tell is a list of its own.
"""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import workbook

from pipeline import suites
from pipeline.case import find_case
from pipeline.cases.states.tables import WORKBOOK
from pipeline.errors import SourceError
from pipeline.sources import Request
from pipeline.sources.workbook import read_sheet
from pipeline.steps.cutting import cut_feed
from pipeline.store import project

Rows = list[list[Any]]
Change = Callable[[Rows], Rows]
Bytes = Callable[[bytes], bytes]
LATEST = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("WV", "ND", "TX", "CA", "OH")
PARQUET, EXPORT, CARS, RATED, BOOK, PAGE, JSON = (
    "bikes.parquet",
    "comptage.csv",
    "eea.csv",
    "nrcan.csv",
    "emission_annual.xlsx",
    "page.csv",
    "page.json",
)
CASE_OF = {
    PARQUET: "bikes",
    EXPORT: "bikes",
    CARS: "vehicles",
    RATED: "ratings",
    BOOK: "states",
    PAGE: "states",
    JSON: "states",
}


@dataclass(frozen=True)
class Verdict:
    """What became of a file, and the words or names that say so."""

    kind: str
    told: str = ""


@pytest.fixture(scope="session")
def extracts(data_folder: Path) -> dict[str, Rows]:
    """Some rows of each file, header first, as its format has them."""
    return {
        **_bikes(data_folder / "bikes"),
        CARS: _cars(data_folder / "vehicles"),
        RATED: _rated(data_folder / "vehicles"),
        **_states(data_folder / "states"),
    }


def _bikes(folder: Path) -> dict[str, Rows]:
    table = pq.read_table(folder / "test.parquet").to_pandas()
    table["counter_name"] = table["counter_name"].astype(str)
    table = table[table["date"] >= "2021-08-20"]
    *packed, exported = sorted(table["counter_name"].unique())[:4]
    chosen = table[table["counter_name"].isin(packed)]
    names = ["counter_name", "date", "bike_count", "latitude", "longitude"]
    packaged = [names, *([row[name] for name in names] for row in chosen.to_dict("records"))]
    with (folder / "comptage-velo-donnees-compteurs.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file, delimiter=";"))
    assert {EN, EC, ET, EP} <= set(header)
    # The publisher's file holds one day; its layout is given three weeks of another counter.
    hours = table[table["counter_name"] == exported].to_dict("records")
    export = [[EN, EC, ET, EP], *(_exported(hour) for hour in hours)]
    return {PARQUET: packaged, EXPORT: export}


def _exported(hour: dict[str, Any]) -> list[str]:
    """As the portal writes it: the clock of Paris with its offset."""
    local = pd.Timestamp(hour["date"], tz="UTC").tz_convert("Europe/Paris")
    place = f"{hour['latitude']},{hour['longitude']}"
    return [hour["counter_name"], f"{hour['bike_count']:.1f}", local.isoformat(), place]


def _cars(folder: Path) -> Rows:
    with (folder / "eea_2021_sample.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = list(csv.reader(file))
    dated = header.index("Date of registration")
    return [header, *[line for line in lines if line[dated]][:900]]


def _rated(folder: Path) -> Rows:
    """A row in twelve, of all years; a name holds both of its lines."""
    with (folder / "nrcan_my2000_2014.csv").open(encoding="utf-8", newline="") as file:
        upper, lower, *lines = [line[:13] for line in csv.reader(file)]
    return [[f"{a}|{b}" for a, b in zip(upper, lower, strict=True)], *lines[::12]]


def _states(folder: Path) -> dict[str, Rows]:
    sheet = read_sheet(folder / "emission_annual.xlsx", WORKBOOK).to_pylist()
    header = [field.header for field in WORKBOOK.fields]
    names = [field.name for field in WORKBOOK.fields]
    book = [row for row in sheet if row["state"] in STATES and row["year"] >= 2011]
    with (folder / "co2_emissions_aggregates.csv").open(encoding="utf-8", newline="") as file:
        title, *lines = list(csv.reader(file))
    place, year = title.index("stateId"), title.index("period")
    page = [line[1:] for line in lines if line[place] in STATES and line[year] != "2016"]
    return {
        BOOK: [header, *([row[name] for name in names] for row in book)],
        PAGE: [title[1:], *page],
        JSON: [title[1:], *page],
    }


def rendered(name: str, rows: Rows) -> bytes:
    """The bytes of a file of that name."""
    if name == PARQUET:
        columns = list(zip(*rows[1:], strict=True)) or [()] * len(rows[0])
        table = pa.Table.from_arrays([pa.array(list(c)) for c in columns], names=rows[0])
        sink = io.BytesIO()
        pq.write_table(table, sink)
        return bytes(sink.getvalue())
    if name == BOOK:
        return workbook({"State Emissions": rows})
    if name == JSON:
        data = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
        return json.dumps({"response": {"total": str(len(data)), "data": data}}).encode()
    if name == RATED:
        rows = [*map(list, zip(*(names.split("|") for names in rows[0]), strict=True)), *rows[1:]]
    text = io.StringIO()
    csv.writer(text, delimiter=";" if name == EXPORT else ",").writerows(rows)
    return text.getvalue().encode()


def left(folder: Path, case_name: str) -> tuple[pd.DataFrame, list[str], dict[str, int]]:
    """The rows that a model would see, the gates that stopped the run, and how many rows each
    expectation sent to quarantine.
    """
    case = find_case(case_name)
    feed = case.source("files").fetch(Request(schema=case.schema, folder=folder))
    read = pa.Table.from_batches(feed.batches, case.schema.arrow())
    cut = cut_feed(read, case, as_of=None, days=None, latest=LATEST)
    table = cut.rows.to_pandas().drop_duplicates(ignore_index=True)
    verdict = suites.check(
        case.check_columns(table, cut.as_of),
        project.suite(case_name),
        parameters={"fresh_since": cut.as_of - case.gates.fresh},
    )
    failing = verdict.reasons()
    stops = [finding.name for finding in verdict.stopped_by]
    if len(failing) / len(table) > case.gates.most_quarantined:
        stops.append("too many rows")
    kept = table.drop(index=list(failing)).drop(columns="id", errors="ignore")
    return kept, stops, {name: len(positions) for name, positions in verdict.failing.items()}


def keys(rows: pd.DataFrame) -> set[tuple[Any, ...]]:
    plain = rows.astype(object).where(rows.notna(), None)
    return set(plain.itertuples(index=False, name=None))


def write(folder: Path, extracts: dict[str, Rows], name: str, content: bytes) -> Path:
    """A folder with the file, and beside it those that its case needs to have enough rows."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = {EXPORT: PARQUET, PAGE: BOOK, JSON: BOOK}.get(name)
    if beside:
        (folder / beside).write_bytes(rendered(beside, extracts[beside]))
    (folder / name).write_bytes(content)
    return folder


@dataclass(frozen=True)
class Whole:
    """What is left of an extract as it is, and what was set aside even so."""

    rows: set[tuple[Any, ...]]
    parts: set[tuple[Any, ...]]
    """Of these, those that a model learns from."""
    failing: dict[str, int]


@pytest.fixture(scope="session")
def unspoilt(
    extracts: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Whole]:
    known: dict[str, Whole] = {}

    def of(name: str) -> Whole:
        if name not in known:
            folder = write(
                tmp_path_factory.mktemp("whole"), extracts, name, rendered(name, extracts[name])
            )
            rows, stopped, failing = left(folder, CASE_OF[name])
            assert not stopped, f"{name}: {stopped}"
            parts = find_case(CASE_OF[name]).schema.parts
            learned = rows[rows[parts].astype(bool)] if parts else rows
            known[name] = Whole(keys(rows), keys(learned), failing)
        return known[name]

    return of


def verdict_of(folder: Path, name: str, whole: Whole) -> Verdict:
    """Only an expectation that fails otherwise than for the extract as it is tells anything."""
    try:
        rows, stopped, failing = left(folder, CASE_OF[name])
    except SourceError as error:
        return Verdict("refused", str(error))
    found, parts = keys(rows), find_case(CASE_OF[name]).schema.parts
    told = sorted(n for n, count in failing.items() if count != whole.failing.get(n, 0))
    if stopped:
        return Verdict("stopped", ", ".join([*stopped, *told]))
    learned = keys(rows[rows[parts].astype(bool)]) if parts else found
    kinds = {
        "harmless": found == whole.rows,
        "quarantined": found < whole.rows or learned < whole.parts,
        "apart": learned == whole.parts,
    }
    kind = next((kind for kind, holds in kinds.items() if holds), "unnoticed")
    return Verdict(kind, ", ".join([f"{len(learned - whole.parts)} new rows", *told]))


# Mutations: functions of the rows, header first, or of the bytes.


def at(rows: Rows, column: str) -> int:
    return rows[0].index(column)


def drop(column: str) -> Change:
    return lambda rows: [[v for i, v in enumerate(r) if i != at(rows, column)] for r in rows]


def rename(column: str, new: str) -> Change:
    return lambda rows: [[new if v == column else v for v in rows[0]], *rows[1:]]


def double(column: str) -> Change:
    return lambda rows: [[*r, r[at(rows, column)]] for r in rows]


def swap(one: str, other: str) -> Change:
    """The names of two columns change places, their values stay."""
    names = {one: other, other: one}
    return lambda rows: [[names.get(v, v) for v in rows[0]], *rows[1:]]


def reorder(rows: Rows) -> Rows:
    return [list(reversed(r)) for r in rows]


def each(column: str, change: Callable[[Any], Any], first: int | None = None) -> Change:
    """The values of a column changed where there is one, in all rows or the first few."""

    def changed(rows: Rows) -> Rows:
        place = at(rows, column)
        for row in rows[1 : None if first is None else first + 1]:
            if row[place] not in ("", None):
                row[place] = change(row[place])
        return rows

    return changed


def times(factor: float) -> Callable[[Any], Any]:
    return lambda value: type(value)(float(value) * factor)


def times_text(factor: float) -> Callable[[str], str]:
    return lambda value: f"{float(value) * factor:.6g}"


def no_second_line(content: bytes) -> bytes:
    first, _, rest = content.split(b"\r\n", 2)
    return first + b"\r\n" + rest


def put(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def slide(column: str) -> Change:
    """A column's values a row lower than they belong."""

    def changed(rows: Rows) -> Rows:
        place = at(rows, column)
        values = [row[place] for row in rows[1:]]
        for row, value in zip(rows[1:], [values[-1], *values[:-1]], strict=True):
            row[place] = value
        return rows

    return changed


def again(count: int, change: Change = lambda rows: rows) -> Change:
    """The first rows once more at the end, changed."""
    return lambda rows: rows + change(copy.deepcopy(rows[: count + 1]))[1:]


def text(old: str, new: str, count: int = -1) -> Bytes:
    return lambda content: content.decode().replace(old, new, count).encode()


def encoded(name: str) -> Bytes:
    return lambda content: content.decode().encode(name)


def first_value(rows: Rows) -> Rows:
    return [rows[0]]


def shifted(rows: Rows) -> Rows:
    """Names moved a column to the right, the last one first."""
    return [[rows[0][-1], *rows[0][:-1]], *rows[1:]]


def day_first(value: str) -> str:
    year, month, day = value[:10].split("-")
    return f"{day}/{month}/{year}{value[10:]}"


def exchanged(value: str) -> str:
    """Day and month in each other's place, where that is a date."""
    year, month, day = value[:10].split("-")
    return f"{year}-{day}-{month}{value[10:]}" if int(day) <= 12 else value


def in_utc(value: str) -> str:
    return datetime.fromisoformat(value).astimezone(UTC).isoformat()


def only(column: str, beginning: str) -> Change:
    """Of the rows those whose value begins so."""
    return lambda rows: [
        rows[0],
        *[r for r in rows[1:] if r[at(rows, column)].startswith(beginning)],
    ]


def where(
    holds: Callable[[dict[str, Any]], bool], column: str, change: Callable[[Any], Any]
) -> Change:
    """The values of a column changed in some rows, where there is one."""

    def changed(rows: Rows) -> Rows:
        place = at(rows, column)
        for row in rows[1:]:
            if holds(dict(zip(rows[0], row, strict=True))) and row[place] not in ("", None):
                row[place] = change(row[place])
        return rows

    return changed


def either(one: str, other: str) -> Callable[[str], str]:
    """One value for the other."""
    return lambda value: {one: other, other: one}.get(value, value)


def year_again(year: int, named: int) -> Change:
    """The rows of a year in place of those of another."""

    def changed(rows: Rows) -> Rows:
        kept = [row for row in rows if row[0] != named]
        return kept + [[named, *row[1:]] for row in rows[1:] if row[0] == year]

    return changed


def day_again(day: str, named: str) -> Change:
    """The counts of a day once more on the next."""

    def changed(rows: Rows) -> Rows:
        kept = [rows[0], *(row for row in rows[1:] if str(row[1])[:10] != named)]
        copies = [row for row in rows[1:] if str(row[1])[:10] == day]
        return kept + [[row[0], row[1] + timedelta(days=1), *row[2:]] for row in copies]

    return changed


def exchanged_moment(value: datetime) -> datetime:
    return value.replace(month=value.day, day=value.month) if value.day <= 12 else value


N, C, T = "counter_name", "bike_count", "date"
EN, EC, ET, EP = (
    "Nom du compteur",
    "Comptage horaire",
    "Date et heure de comptage",
    "Coordonnées géographiques",
)
E, M, D = "Ewltp (g/km)", "m (kg)", "Date of registration"
R, Y, L = "CO2 EMISSIONS |(g/km)", "MODEL|YEAR", "ENGINE SIZE|(L)"
CITY, HIGHWAY, COMBINED = (
    "FUEL CONSUMPTION|CITY (L/100 km)",
    "|HWY (L/100 km)",
    "|COMB (L/100 km)",
)
MODEL, CLASS = "MODEL|# = high output engine", "VEHICLE CLASS|"
TONS, FUEL, TYPE = "CO2 (Metric Tons)", "Energy Source", "Producer Type"
MUTATIONS: list[tuple[str, str, Change | None, Bytes | None, str, str]] = []


def rows_of(name: str, what: str, change: Change, kind: str, told: str = "") -> None:
    MUTATIONS.append((name, what, change, None, kind, told))


def bytes_of(name: str, what: str, change: Bytes, kind: str, told: str = "") -> None:
    MUTATIONS.append((name, what, None, change, kind, told))


rows_of(PARQUET, "count column dropped", drop(C), "refused", "column 'bike_count' is missing")
rows_of(PARQUET, "time column dropped", drop(T), "refused", "column 'date' is missing")
rows_of(
    PARQUET,
    "counter column renamed",
    rename(N, "compteur"),
    "refused",
    "column 'counter_name' is missing",
)
rows_of(
    PARQUET,
    "latitude and longitude swapped",
    swap("latitude", "longitude"),
    "stopped",
    "latitude-in-paris",
)
rows_of(PARQUET, "columns in another order", reorder, "harmless")
rows_of(
    PARQUET, "counts in thousands", each(C, times(0.001)), "refused", "write whole numbers such as"
)
rows_of(PARQUET, "counts times 1000", each(C, times(1000.0)), "stopped", "count-within-range")
rows_of(PARQUET, "counts as texts with NaN", each(C, put("NaN")), "refused", "column 'bike_count'")
rows_of(PARQUET, "some counts missing", each(C, put(None), 20), "quarantined", "count-given")
rows_of(
    PARQUET, "some counts negative", each(C, put(-3.0), 20), "quarantined", "count-within-range"
)
rows_of(PARQUET, "counts with a fraction", each(C, put(3.5), 20), "refused", "column 'bike_count'")
rows_of(PARQUET, "counters stuck at zero", each(C, put(0.0)), "stopped", "not-stuck-at-zero")
rows_of(
    PARQUET,
    "times off the hour",
    each(T, lambda t: t + timedelta(minutes=17), 20),
    "quarantined",
    "hour-on-the-grid",
)
rows_of(
    PARQUET,
    "times in the far future",
    each(T, lambda t: t + timedelta(days=36500), 20),
    "stopped",
    "fresh",
)
rows_of(
    PARQUET, "times as numbers", each(T, lambda t: int(t.timestamp())), "refused", "column 'date'"
)
rows_of(PARQUET, "counters stuck at twelve", each(C, put(12.0)), "stopped", "not-stuck-at-a-count")
rows_of(PARQUET, "one counter's name for all", each(N, put("Pont")), "stopped", "key-unique")
# The publisher's rows are not in order of time: counts a row lower are those of other hours.
rows_of(PARQUET, "counts a row lower", slide(C), "stopped", "quiet-at-night")
# A Parquet file says nothing about the zone of its times, and the night still is at night. But half
# of the morning's rise comes at a quarter past seven in Paris, all year.
rows_of(
    PARQUET,
    "times an hour late",
    each(T, lambda t: t + timedelta(hours=1)),
    "stopped",
    "morning-on-time",
)
rows_of(
    PARQUET,
    "times an hour early",
    each(T, lambda t: t - timedelta(hours=1)),
    "stopped",
    "morning-on-time",
)
rows_of(
    PARQUET,
    "times in the zone of Paris",
    each(T, lambda t: t + timedelta(hours=2)),
    "stopped",
    "quiet-at-night",
)
rows_of(
    PARQUET,
    "day and month exchanged",
    each(T, exchanged_moment),
    "stopped",
    "volume-like-last-week",
)
rows_of(
    PARQUET,
    "a day is that before",
    day_again("2021-09-07", "2021-09-08"),
    "quarantined",
    "not-a-copy-of-the-day-before",
)
rows_of(
    PARQUET,
    "some places moved",
    each("latitude", lambda v: v + 0.02, 20),
    "quarantined",
    "counter-stays-in-its-place",
)
rows_of(PARQUET, "some times missing", each(T, put(None), 20), "quarantined", "time-given")
rows_of(PARQUET, "rows repeated", again(50), "harmless")
rows_of(
    PARQUET,
    "rows repeated with other counts",
    again(20, each(C, lambda n: n + 7)),
    "quarantined",
    "key-unique",
)
rows_of(PARQUET, "header only", first_value, "refused", "no rows")
rows_of(
    PARQUET, "place in radians", each("latitude", times(0.0174533)), "stopped", "latitude-in-paris"
)
rows_of(PARQUET, "counter names with blanks", each(N, lambda n: f" {n} "), "harmless")
bytes_of(PARQUET, "cut in the middle", lambda b: b[: len(b) // 2], "refused", "truncated")
bytes_of(
    PARQUET,
    "a web page instead",
    put(b"<!DOCTYPE html><html><body>Error</body></html>"),
    "refused",
    "an HTML page",
)
bytes_of(PARQUET, "empty", put(b""), "refused", "it is empty")
rows_of(
    EXPORT,
    "time column dropped",
    drop(ET),
    "refused",
    "column 'Date et heure de comptage' is missing",
)
rows_of(
    EXPORT,
    "count column twice",
    double(EC),
    "refused",
    "column 'Comptage horaire' is there 2 times",
)
rows_of(
    EXPORT, "names shifted by a column", shifted, "refused", "column 'Date et heure de comptage'"
)
rows_of(EXPORT, "times without a zone", each(ET, lambda t: t[:19]), "refused", "no time zone")
rows_of(
    EXPORT,
    "times of the same moments in UTC",
    each(ET, in_utc),
    "harmless",
)
rows_of(EXPORT, "days first", each(ET, day_first), "refused", "column 'Date et heure de comptage'")
rows_of(EXPORT, "day and month exchanged", each(ET, exchanged), "refused", "day and month")
rows_of(
    EXPORT,
    "day and month exchanged, in UTC",
    lambda rows: each(ET, exchanged)(each(ET, in_utc)(rows)),
    "stopped",
    "more-than-a-day-alone",
)
rows_of(
    EXPORT,
    "a single day, day and month exchanged, in UTC",
    lambda rows: each(ET, exchanged)(each(ET, in_utc)(only(ET, "2021-09-01")(rows))),
    "quarantined",
    "more-than-a-day-alone",
)
rows_of(
    EXPORT,
    "a single day, day and month exchanged within summer",
    lambda rows: each(ET, exchanged)(only(ET, "2021-09-06")(rows)),
    "quarantined",
    "more-than-a-day-alone",
)
rows_of(
    EXPORT, "counts spelled n/a", each(EC, put("n/a"), 2), "refused", "column 'Comptage horaire'"
)
rows_of(EXPORT, "counts with a decimal comma", each(EC, put("3,0")), "refused", "decimal comma")
rows_of(EXPORT, "counts with grouped digits", each(EC, put("1 203")), "refused", "grouped")
rows_of(
    EXPORT,
    "place with longitude first",
    each(EP, lambda p: ",".join(reversed(p.split(",")))),
    "stopped",
    "latitude-in-paris",
)
rows_of(EXPORT, "counts negative", each(EC, put("-1"), 3), "quarantined", "count-within-range")
rows_of(EXPORT, "header only", first_value, "refused", "no rows")
bytes_of(EXPORT, "another separator", text(";", "\t"), "refused", "its separator")
bytes_of(EXPORT, "in Latin-1", encoded("latin-1"), "refused", "isn't UTF-8")
bytes_of(EXPORT, "in UTF-16", encoded("utf-16"), "refused", "UTF-16")
bytes_of(EXPORT, "with a byte order mark", encoded("utf-8-sig"), "harmless")
bytes_of(
    EXPORT,
    "one line in Latin-1",
    lambda b: b + "Tour Eiffel é;1;2021-09-01T03:00:00+02:00;48.85,2.3\r\n".encode("latin-1"),
    "refused",
    "isn't UTF-8",
)
bytes_of(EXPORT, "last line cut", lambda b: b[:-20], "refused", "truncated")
bytes_of(
    EXPORT,
    "a quote never closed",
    text("\r\n", '\r\n"', 1),
    "refused",
    "quotes out of place",
)
bytes_of(EXPORT, "empty", put(b""), "refused", "it is empty")
rows_of(CARS, "CO2 column dropped", drop(E), "refused", "is close: rename")
rows_of(CARS, "CO2 column renamed", rename(E, "Enedc2 (g/km)"), "refused", "is close: rename")
rows_of(CARS, "mass and CO2 swapped", swap(E, M), "stopped", "co2-in-grams-per-km")
rows_of(
    CARS, "power and capacity swapped", swap("ep (KW)", "ec (cm3)"), "stopped", "capacity-plausible"
)
rows_of(CARS, "wheelbase and mass swapped", swap("W (mm)", M), "stopped", "mass-in-kilograms")
rows_of(CARS, "columns in another order", reorder, "harmless")
rows_of(CARS, "mass twice", double(M), "refused", "column 'm (kg)' is there 2 times")
rows_of(CARS, "names shifted by a column", shifted, "refused", "column 'z (Wh/km)'")
rows_of(
    CARS,
    "CO2 in kilograms",
    each(E, lambda v: str(float(v) / 1000)),
    "stopped",
    "co2-in-grams-per-km",
)
rows_of(
    CARS,
    "CO2 of some cars times 1000",
    each(E, lambda v: str(float(v) * 1000), 50),
    "stopped",
    "co2-in-grams-per-km",
)
rows_of(
    CARS, "mass in tonnes", each(M, lambda v: str(float(v) / 1000)), "stopped", "mass-in-kilograms"
)
rows_of(
    CARS,
    "capacity in litres",
    each("ec (cm3)", lambda v: str(float(v) / 1000), 50),
    "stopped",
    "capacity-plausible",
)
rows_of(
    CARS,
    "wheelbase in metres",
    each("W (mm)", lambda v: str(float(v) / 1000), 50),
    "quarantined",
    "wheelbase-plausible",
)
rows_of(CARS, "CO2 spelled NaN", each(E, put("NaN"), 5), "refused", "column 'Ewltp (g/km)'")
rows_of(CARS, "CO2 spelled NULL", each(E, put("NULL"), 5), "refused", "column 'Ewltp (g/km)'")
rows_of(CARS, "CO2 empty", each(E, put(""), 20), "quarantined", "co2-given")
rows_of(CARS, "CO2 negative", each(E, lambda v: f"-{v}", 50), "quarantined", "co2-of-burned-fuel")
rows_of(CARS, "CO2 constant", each(E, put("120")), "stopped", "co2-varies")
rows_of(CARS, "CO2 a row lower", slide(E), "stopped", "co2-of-burned-fuel")
rows_of(CARS, "days first", each(D, day_first), "refused", "column 'Date of registration'")
rows_of(
    CARS, "day and month exchanged", each(D, exchanged), "stopped", "registered-on-working-days"
)
rows_of(CARS, "rows repeated", again(50), "harmless")
rows_of(
    CARS,
    "numbers repeated with other CO2",
    again(20, each(E, lambda v: str(float(v) + 9))),
    "quarantined",
    "id-unique",
)
rows_of(CARS, "fuel in lower case", each("Ft", str.lower), "harmless")
rows_of(
    CARS,
    "fuel in another language",
    each("Ft", put("BENZIN"), 30),
    "quarantined",
    "fuel-known",
)
rows_of(
    CARS,
    "numbers with a decimal comma",
    each(M, lambda v: v.replace(".", ",")),
    "refused",
    "decimal comma",
)
rows_of(
    CARS,
    "type approvals all one",
    each("Tan", put("E1*2007/46*0001*01")),
    "stopped",
    "many-approvals",
)
rows_of(CARS, "a hundred rows only", lambda rows: rows[:101], "stopped", "enough-rows")
bytes_of(CARS, "another separator", text(",", ";"), "refused", "its separator")
bytes_of(CARS, "last line cut", lambda b: b[:-30], "refused", "truncated")
rows_of(
    CARS,
    "a line with a field too many",
    lambda rows: [*rows[:9], [*rows[9], "x"], *rows[10:]],
    "refused",
    "line 10 has 39 fields",
)
rows_of(CARS, "mass and test mass swapped", swap(M, "Mt"), "stopped", "")
rows_of(
    CARS,
    "CO2 of some cars in kilograms",
    each(E, times_text(0.001), 30),
    "quarantined",
    "co2-of-burned",
)
rows_of(CARS, "power in horse power", each("ep (KW)", times_text(1.36)), "stopped", "kilowatts")
rows_of(CARS, "mass in pounds", each(M, times_text(2.2046)), "stopped", "mass-in-kilograms")
rows_of(CARS, "wheelbase and track swapped", swap("W (mm)", "At1 (mm)"), "stopped", "longer-than")
rows_of(CARS, "capacity and mass swapped", swap("ec (cm3)", M), "stopped", "masses-agree")
rows_of(CARS, "make and model swapped", swap("Mk", "Cn"), "stopped", "makes-are-names")
rows_of(
    CARS, "approval and make swapped", swap("Tan", "Mk"), "stopped", "approvals-have-their-form"
)
rows_of(
    CARS,
    "petrol and diesel exchanged",
    each("Ft", either("PETROL", "DIESEL")),
    "stopped",
    "diesel-is",
)
rows_of(CARS, "CO2 of the former test", swap(E, "Enedc (g/km)"), "stopped", "petrol-is-petrol")
rows_of(CARS, "all registered on one day", each(D, put("2021-06-30")), "stopped", "many-days")
rows_of(
    CARS,
    "consumption in miles a gallon",
    each("Fuel consumption ", lambda v: f"{235.2 / float(v):.4g}"),
    "stopped",
    "co2-agrees-with-consumption",
)
rows_of(RATED, "CO2 column dropped", drop(R), "refused", "CO2 EMISSIONS (g/km)")
rows_of(RATED, "CO2 column twice", double(R), "refused", "is there 2 times")
rows_of(RATED, "names shifted by a column", shifted, "refused", "column 'MODEL YEAR'")
rows_of(RATED, "columns in another order", reorder, "harmless")
rows_of(RATED, "city and highway swapped", swap(CITY, HIGHWAY), "stopped", "")
rows_of(RATED, "city and combined swapped", swap(CITY, COMBINED), "stopped", "")
rows_of(RATED, "engine and cylinders swapped", swap(L, "CYLINDERS|"), "refused", "")
rows_of(RATED, "CO2 in kilograms", each(R, times_text(0.001)), "stopped", "co2-in-grams-per-km")
rows_of(RATED, "CO2 in grams a mile", each(R, times_text(1.609)), "stopped", "")
rows_of(RATED, "engines in cm3", each(L, times_text(1000)), "stopped", "engine-in-litres")
rows_of(RATED, "CO2 a row lower", slide(R), "stopped", "co2-agrees-with-consumption")
rows_of(RATED, "CO2 spelled n/a", each(R, put("n/a"), 5), "refused", "column 'CO2 EMISSIONS")
rows_of(RATED, "years of two digits", each(Y, lambda y: y[2:]), "refused", "none has a time")
rows_of(RATED, "rows repeated", again(50), "harmless")
rows_of(RATED, "rows repeated with other CO2", again(9, each(R, times_text(2))), "quarantined", "")
rows_of(RATED, "decimal commas", each(L, lambda v: v.replace(".", ",")), "refused", "decimal comma")
rows_of(RATED, "fuel in words", each("FUEL|TYPE", put("Regular"), 9), "quarantined", "fuel-known")
bytes_of(RATED, "the second header line gone", no_second_line, "refused", "")
bytes_of(RATED, "in UTF-16", encoded("utf-16"), "refused", "UTF-16")
bytes_of(RATED, "last line cut", lambda b: b[:-8], "refused", "")
bytes_of(RATED, "another separator", text(",", ";"), "refused", "its separator")
rows_of(RATED, "make and model swapped", swap("MAKE|", MODEL), "stopped", "few-makes")
rows_of(RATED, "class and make swapped", swap(CLASS, "MAKE|"), "stopped", "class-known")
rows_of(RATED, "class and model swapped", swap(CLASS, MODEL), "stopped", "class-known")
rows_of(RATED, "petrol and diesel exchanged", each("FUEL|TYPE", either("X", "D")), "stopped", "")
rows_of(RATED, "engines a row lower", slide(L), "stopped", "engine-agrees-with-cylinders")
rows_of(RATED, "cylinders a row lower", slide("CYLINDERS|"), "stopped", "engines-agree")
rows_of(BOOK, "tons column dropped", drop(TONS), "refused", "column 'CO2 (Metric Tons)' is missing")
rows_of(BOOK, "tons in thousands", each(TONS, times(0.001)), "stopped", "unit-is-million-tons")
rows_of(BOOK, "tons times 1000", each(TONS, times(1000)), "stopped", "unit-is-million-tons")
rows_of(
    BOOK,
    "one year times 1000",
    lambda rows: [[*r[:-1], r[-1] * 1000 if r[0] == 2015 else r[-1]] for r in rows],
    "stopped",
    "unit-is-million-tons",
)
rows_of(BOOK, "state and fuel swapped", swap("State", FUEL), "stopped", "fuel-known")
rows_of(BOOK, "year and tons swapped", swap("Year", TONS), "stopped", "fresh")
rows_of(
    BOOK,
    "totals named as a part",
    lambda rows: [
        [*r[:3], "All Coal and Gas" if r[3] == "All Sources" else r[3], r[4]] for r in rows
    ],
    "stopped",
    "fuel-known",
)
rows_of(BOOK, "names in capitals", each(FUEL, str.upper), "stopped", "fuel-known")
rows_of(BOOK, "tons below zero", each(TONS, lambda v: -v - 1, 30), "stopped", "not-below-zero")
rows_of(BOOK, "rows repeated", again(50), "harmless")
rows_of(
    BOOK,
    "rows repeated with other tons",
    again(20, each(TONS, lambda v: v + 1000)),
    "quarantined",
    "key-unique",
)
rows_of(
    BOOK,
    "last year half there",
    lambda rows: [r for i, r in enumerate(rows) if i % 2 or r[0] != max(x[0] for x in rows[1:])],
    "quarantined",
    "year-complete",
)
rows_of(
    BOOK, "years of two digits", each("Year", lambda y: y % 100), "stopped", "year-has-four-digits"
)
rows_of(
    BOOK,
    "a title above the header",
    lambda rows: [["Emissions", None, None, None, None], *rows],
    "refused",
    "none of the expected columns",
)
bytes_of(BOOK, "a text file instead", put(b"Year,State\n2020,TX\n"), "refused", "a text file")
rows_of(BOOK, "tons a row lower", slide(TONS), "stopped", "parts-add-up-to-their-totals")
rows_of(BOOK, "the last year once more", year_again(2022, 2023), "apart", "not-a-copy")
rows_of(BOOK, "last year is the one before", year_again(2021, 2022), "quarantined", "not-a-copy")
rows_of(
    BOOK,
    "two states exchanged in a year",
    where(lambda row: row["Year"] == 2022, "State", either("TX", "CA")),
    "quarantined",
    "state-like-the-year-before",
)
rows_of(
    BOOK,
    "two fuels exchanged in a year",
    where(lambda row: row["Year"] == 2022, FUEL, either("Coal", "Natural Gas")),
    "stopped",
    "fuels-like-the-year-before",
)
rows_of(
    BOOK,
    "coal of a state twice in a year",
    where(
        lambda row: row["Year"] == 2015 and row["State"] == "WV" and row[FUEL] == "Coal",
        TONS,
        times(2),
    ),
    "quarantined",
    "parts-add-up-to-their-totals",
)
rows_of(
    PAGE,
    "unit is thousand tons",
    each("value-units", put("thousand metric tons of CO2")),
    "refused",
    "column 'value-units'",
)
rows_of(PAGE, "an unknown sector", each("sectorId", put("XX"), 10), "quarantined", "producer-known")
rows_of(
    PAGE,
    "total of fuels named as coal",
    each("fuelId", lambda fuel: {"TO": "CO", "CO": "TO"}.get(fuel, fuel)),
    "apart",
)
rows_of(PAGE, "total of sectors named as one", each("sectorId", put("CC")), "stopped", "")
rows_of(PAGE, "values times 1000", each("value", times_text(1000)), "apart")
rows_of(PAGE, "value spelled --", each("value", put("--"), 3), "refused", "column 'value'")
rows_of(PAGE, "value column dropped", drop("value"), "refused", "column 'value' is missing")
rows_of(PAGE, "values empty", each("value", put(""), 10), "quarantined", "value-given")
rows_of(
    JSON,
    "unit is thousand tons",
    each("value-units", put("thousand metric tons of CO2")),
    "refused",
    "column 'value-units'",
)
rows_of(JSON, "value column dropped", drop("value"), "refused", "column 'value' is missing")
rows_of(JSON, "value spelled NaN", each("value", put("NaN"), 3), "refused", "column 'value'")
bytes_of(JSON, "cut in the middle", lambda b: b[: len(b) // 2], "refused", "truncated")
bytes_of(
    JSON, "an error instead", put(b'{"error": "API key missing"}'), "refused", "API key missing"
)


BEYOND: tuple[tuple[str, str, Change], ...] = (
    (BOOK, "short tons: all values grow alike", each(TONS, times(1.1023))),
    (
        BOOK,
        "producers exchanged: plants were sold in bulk, too",
        each(TYPE, either("Electric Utility", "IPP NAICS-22 Non-Cogen")),
    ),
    (RATED, "all model years one late", each(Y, lambda year: str(int(year) + 1))),
    (RATED, "regular and premium petrol: both burn alike", each("FUEL|TYPE", either("X", "Z"))),
    (RATED, "classes of the row before: each is one of its make", slide(CLASS)),
    (CARS, "front and rear axles: tracks differ by millimetres", swap("At1 (mm)", "At2 (mm)")),
    (
        PARQUET,
        "one counter's clock an hour late: the morning is that of all",
        where(lambda row: row[N].startswith("18 quai"), T, lambda t: t + timedelta(hours=1)),
    ),
)
"""What is plausible in itself, whatever is compared within the file: a person has to know. Where
rows are held already, ingest tells how many were revised."""


def _id(entry: tuple[Any, ...]) -> str:
    return f"{entry[0]}: {entry[1]}"


@pytest.mark.parametrize("entry", MUTATIONS, ids=_id)
def test_a_spoilt_file_does_not_go_unnoticed_into_a_model(
    entry: tuple[str, str, Change | None, Bytes | None, str, str],
    extracts: dict[str, Rows],
    unspoilt: Callable[[str], Whole],
    tmp_path: Path,
) -> None:
    name, _, of_rows, of_content, kind, told = entry
    rows = copy.deepcopy(extracts[name])
    content = rendered(name, of_rows(rows) if of_rows else rows)
    folder = write(
        tmp_path / "data", extracts, name, of_content(content) if of_content else content
    )

    verdict = verdict_of(folder, name, unspoilt(name))

    assert kind == verdict.kind, verdict
    assert told in verdict.told, verdict


def test_the_list_has_at_least_sixty_mutations_and_none_goes_unnoticed() -> None:
    assert len(MUTATIONS) >= 60
    assert len(MUTATIONS) == len({_id(entry) for entry in MUTATIONS})
    assert {"refused", "stopped", "quarantined", "harmless", "apart"} == {
        entry[4] for entry in MUTATIONS
    }


@pytest.mark.parametrize("entry", BEYOND, ids=_id)
def test_what_a_file_can_not_tell_is_known(
    entry: tuple[str, str, Change],
    extracts: dict[str, Rows],
    unspoilt: Callable[[str], Whole],
    tmp_path: Path,
) -> None:
    """As soon as one of these is noticed, it belongs into the list of mutations."""
    name, _, change = entry
    spoilt = rendered(name, change(copy.deepcopy(extracts[name])))

    folder = write(tmp_path / "data", extracts, name, spoilt)

    assert "unnoticed" == verdict_of(folder, name, unspoilt(name)).kind
