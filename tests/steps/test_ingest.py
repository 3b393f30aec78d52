from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hand_made import DAYS, FIRST, NEWEST_KNOWN, SCHEMA, Bench, Frame, wave_case, waves

from pipeline.case import find_case
from pipeline.errors import OptionError, SourceError, StateError
from pipeline.records import IngestRecord, ValidateRecord
from pipeline.sources import Request
from pipeline.steps.cutting import cut_feed
from pipeline.store import Store, arrivals
from pipeline.tasks.divisions import Division
from pipeline.tasks.regression import Regression

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROWS = waves(days=3)
HEADER = "Nom du compteur;Comptage horaire;Date et heure de comptage;Coordonnées géographiques"

TIMELESS = wave_case(schema=replace(SCHEMA, time=None, key=("series", "time")))


def table(rows: pd.DataFrame = ROWS) -> pa.Table:
    feed = Frame(rows=rows).fetch(Request(schema=SCHEMA))
    return pa.Table.from_batches(feed.batches, SCHEMA.arrow())


def arrived(bench: Bench, rows: pd.DataFrame | None = None, **parameters: Any) -> IngestRecord:
    """The record of one more ingest."""
    if rows is not None:
        bench.case = wave_case(rows)
    record = bench.do("ingest", **parameters).record
    assert isinstance(record, IngestRecord)
    return record


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_first_feed_is_inserted_whole(bench: Bench) -> None:
    """Every row counts as new, and the table holds them all."""
    found = arrived(bench)

    assert (2 * 24 * DAYS,) * 3 == (found.read, found.inserted, found.observations.rows)
    assert (0, 0, 0, 0) == (found.updated, found.unchanged, found.duplicates, found.conflicting)
    assert (FIRST, NEWEST_KNOWN - HOUR) == (found.oldest, found.newest)
    assert "2,880 rows up to 01 March 2024, 00:00 UTC: 2,880 new" in found.sentence


def test_without_a_date_it_is_when_the_newest_row_became_known(bench: Bench) -> None:
    """The last hour is known an hour after it began, and that is the run's as-of time."""
    assert NEWEST_KNOWN == arrived(bench).as_of


def test_the_same_feed_again_changes_nothing(bench: Bench) -> None:
    """A second ingest finds all rows as they were, and writes no version."""
    first, second = arrived(bench), arrived(bench)

    assert (0, 0, first.inserted) == (second.inserted, second.updated, second.unchanged)
    assert first.observations == second.observations


def test_a_revised_value_is_counted_and_shown(bench: Bench) -> None:
    """What the publisher changed later is told by key, before and after, largest first."""
    arrived(bench, ROWS)
    revised = ROWS.copy()
    revised.loc[[5, 80], "value"] += [1.0, 100.0]

    found = arrived(bench, revised)

    assert (0, 2, len(ROWS) - 2) == (found.inserted, found.updated, found.unchanged)
    assert [100.0, 1.0] == pytest.approx([r.after - r.before for r in found.revisions])
    assert "south 2024-01-01 08:00:00" in found.revisions[0].key
    assert "2 revised" in found.sentence


def test_equal_rows_are_counted_as_duplicates_and_kept_once(bench: Bench) -> None:
    """Two files that overlap hold some hours twice: no harm."""
    found = arrived(bench, pd.concat([ROWS, ROWS.head(7)]))

    assert (7, 0, len(ROWS)) == (found.duplicates, found.conflicting, found.observations.rows)


def test_rows_that_contradict_each_other_are_all_kept_until_a_feed_settles_them(
    bench: Bench,
) -> None:
    """Nobody knows which of two values is right: both stay, for the expectations to find."""
    other = ROWS.head(3).assign(value=-1.0)

    torn = arrived(bench, pd.concat([ROWS, other]))
    settled = arrived(bench, ROWS)

    assert (3, len(ROWS) + 3) == (torn.conflicting, torn.observations.rows)
    assert (3, len(ROWS)) == (settled.withdrawn, settled.observations.rows)


def test_rows_newer_than_the_date_are_left_out_and_counted(bench: Bench) -> None:
    """As of noon, the hour from eleven is known and the one from twelve is not."""
    found = arrived(bench, ROWS, as_of="2024-01-02T12:00")

    assert datetime(2024, 1, 2, 11, tzinfo=UTC) == found.newest
    assert (2 * 36, 2 * 36) == (found.inserted, found.not_yet_known)
    assert datetime(2024, 1, 2, 12, tzinfo=UTC) == found.as_of


def test_the_days_asked_for_reach_back_from_the_date(bench: Bench) -> None:
    """One day before midnight are 24 hours of each series; what was left out is counted."""
    found = arrived(bench, ROWS, as_of="2024-01-03", days=1)

    assert datetime(2024, 1, 2, tzinfo=UTC) == found.oldest
    assert (48, 48, 48) == (found.inserted, found.outside_days, found.not_yet_known)
    assert {"days": 1} == found.parameters


def test_a_date_before_all_rows_is_refused_with_the_range_of_the_feed(bench: Bench) -> None:
    """The error says from when to when there are rows, and what to do."""
    with pytest.raises(SourceError) as caught:
        arrived(bench, ROWS, as_of="2023-12-31")

    assert "known as of 2023-12-31T00:00:00+00:00" in str(caught.value)
    assert "from 2024-01-01T00:00:00+00:00 to 2024-01-03T23:00:00+00:00" in str(caught.value)
    assert "Choose a later --as-of" in str(caught.value)


def test_a_feed_that_leaves_out_what_is_newer_itself_gives_the_same_advice() -> None:
    """The real sources cut by date too, and then offer nothing: it is the date that is wrong."""
    with pytest.raises(SourceError, match=r"no row before 2023-12-31.*Choose a later --as-of"):
        cut_feed(
            table(ROWS.head(0)), wave_case(), as_of=datetime(2023, 12, 31, tzinfo=UTC), days=None
        )


@pytest.mark.parametrize("rows", [0, 4])
def test_a_feed_without_times_is_refused(rows: int) -> None:
    """Without a single time nothing can be said of when it was known."""
    timeless = ROWS.assign(time=ROWS["time"].where(ROWS.index < 0)).head(rows)

    with pytest.raises(SourceError, match=f"{rows} rows and none has a time in column 'time'"):
        cut_feed(table(timeless), wave_case(), as_of=None, days=None)


def test_a_row_dated_after_today_does_not_move_the_run_into_the_future() -> None:
    """The run's as-of time is the clock's at the latest, and the row is left out and counted."""
    rows = ROWS.copy()
    rows.loc[rows.index[-1], "time"] = pd.Timestamp("2999-01-01", tz="UTC")
    cut = cut_feed(table(rows), wave_case(), as_of=None, days=None, latest=FIRST + 365 * DAY)

    assert FIRST + 365 * DAY == cut.as_of
    assert 1 == cut.not_yet_known


def test_rows_without_a_time_stay_for_the_expectations_to_judge() -> None:
    """They are neither too new nor too old; nothing is dropped without a trace."""
    torn = ROWS.assign(time=ROWS["time"].where(ROWS.index != 3))

    cut = cut_feed(table(torn), wave_case(), as_of=FIRST + 2 * DAY, days=1)

    assert 48 + 1 == cut.rows.num_rows
    assert len(ROWS) == cut.rows.num_rows + cut.not_yet_known + cut.outside_days


def test_rows_without_a_time_column_are_known_when_they_are_read() -> None:
    """All of them are kept, and the run is as of the time of reading."""
    now = datetime(2024, 5, 1, tzinfo=UTC)

    cut = cut_feed(table(), TIMELESS, as_of=None, days=None, latest=now)

    assert (table().num_rows, 0, 0) == (cut.rows.num_rows, cut.not_yet_known, cut.outside_days)
    assert now == cut.as_of


@pytest.mark.parametrize(
    ("as_of", "days"), [(datetime(2024, 4, 30, tzinfo=UTC), None), (None, 30)], ids=["past", "days"]
)
def test_a_past_of_rows_without_a_time_column_is_refused(
    as_of: datetime | None, days: int | None
) -> None:
    """What can't be cut by time can't be seen as of an earlier date."""
    now = datetime(2024, 5, 1, tzinfo=UTC)

    with pytest.raises(SourceError, match=r"carry no time.*without as_of and without days"):
        cut_feed(table(), TIMELESS, as_of=as_of, days=days, latest=now)


def test_a_live_feed_is_seen_as_of_now(bench: Bench) -> None:
    """A publisher's forecast for tomorrow is not an observation yet."""
    bench.case = wave_case(sources={"live": Frame(rows=ROWS, simulated=False)})
    run = replace(bench.run("ingest", source="live"), now=lambda: datetime(2024, 1, 2, tzinfo=UTC))
    from pipeline.steps.ingest import ingest

    found = ingest(run, run.settings).record

    assert datetime(2024, 1, 2, tzinfo=UTC) == found.as_of
    assert (48, 96) == (found.inserted, found.not_yet_known)


def test_a_mode_that_the_case_lacks_is_refused(bench: Bench) -> None:
    """A case without files says which sources it has."""
    with pytest.raises(OptionError, match="no source 'files'"):
        arrived(bench, source="files")


def test_real_and_simulated_rows_are_never_mixed(bench: Bench) -> None:
    """A home with simulated rows takes no real ones, and stays as it was."""
    bench.case = wave_case(
        sources={"sample": Frame(rows=ROWS), "files": Frame(rows=ROWS, simulated=False)}
    )
    arrived(bench)
    before = snapshot(bench.store.home / "tables")

    with pytest.raises(StateError, match="never mixed"):
        arrived(bench, source="files", run_id="run-2")

    assert before == snapshot(bench.store.home / "tables")
    assert bench.store.record("waves", "run-2", IngestRecord) is None


def test_where_the_rows_come_from_is_recorded(bench: Bench) -> None:
    """Publisher, licence, note and the digest of each part go with the rows."""
    found = arrived(bench, ROWS)

    assert ("Nobody", "MIT", True) == (found.publisher, found.licence, found.simulated)
    assert [("waves", len(ROWS))] == [(part.name, part.rows) for part in found.parts]


def test_every_column_is_described(bench: Bench) -> None:
    """Unit, gaps and range of each column, in words and numbers."""
    rows = ROWS.assign(wind=ROWS["wind"].where(ROWS.index % 4 > 0), value=range(len(ROWS)))
    bench.case = wave_case(rows.astype({"value": float}))

    described = bench.do("ingest").table("columns").text

    columns = {row["column"]: row for row in csv.DictReader(io.StringIO(described))}
    assert list(SCHEMA.names) == list(columns)
    assert ("25.0", "0.0") == (columns["wind"]["missing (%)"], columns["value"]["missing (%)"])
    assert ("0.0", "143.0") == (columns["value"]["lowest"], columns["value"]["highest"])
    assert "2024-01-03 23:00" == columns["time"]["highest"]
    assert ("2", "") == (columns["series"]["different values"], columns["series"]["lowest"])


def test_columns_without_any_value_are_described_too(bench: Bench) -> None:
    """A column that is wholly missing has no range, and that is no error."""
    bench.case = wave_case(ROWS.assign(wind=float("nan"), value=float("nan")))

    described = bench.do("ingest").table("columns").text

    wind = next(row for row in csv.DictReader(io.StringIO(described)) if row["column"] == "wind")
    assert ("100.0", "", "") == (wind["missing (%)"], wind["lowest"], wind["highest"])


# What users put into the folder of the bikes case.


@pytest.fixture
def bikes(bench: Bench, tmp_path: Path) -> Bench:
    """The case of the bicycle counters, reading files of `data/bikes`."""
    (tmp_path / "data" / "bikes").mkdir(parents=True)
    bench.case = find_case("bikes")
    return bench


def read_files(bikes: Bench, tmp_path: Path, **parameters: Any) -> IngestRecord:
    return arrived(bikes, source="files", data=str(tmp_path / "data"), **parameters)


def export(tmp_path: Path, *rows: tuple[str, str], name: str = "comptage.csv") -> None:
    lines = [HEADER, *(f"Pont;{count};{time};48.85,2.35" for time, count in rows)]
    (tmp_path / "data" / "bikes" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_night_with_two_equal_clock_times_has_two_hours(bikes: Bench, tmp_path: Path) -> None:
    """The autumn night of 25 hours keeps all of them, told apart by their offset."""
    local = [("00", "+02"), ("01", "+02"), ("02", "+02"), ("02", "+01"), ("03", "+01")]
    export(
        tmp_path,
        *((f"2020-10-25T{hour}:00:00{zone}:00", str(n)) for n, (hour, zone) in enumerate(local)),
    )

    found = read_files(bikes, tmp_path)
    times = bikes.store.table("bikes", "observations").read()["time"].to_pylist()

    assert (5, 0, 0) == (found.inserted, found.duplicates, found.conflicting)
    assert [datetime(2020, 10, 24, 22, tzinfo=UTC) + n * HOUR for n in range(5)] == sorted(times)


def test_a_night_without_an_hour_has_no_gap_in_utc(bikes: Bench, tmp_path: Path) -> None:
    """The spring night of 23 hours is unbroken."""
    local = [("01", "+01"), ("03", "+02"), ("04", "+02")]
    export(tmp_path, *((f"2021-03-28T{hour}:00:00{zone}:00", "5") for hour, zone in local))

    read_files(bikes, tmp_path)
    times = bikes.store.table("bikes", "observations").read()["time"].to_pylist()

    assert [datetime(2021, 3, 28, hour, tzinfo=UTC) for hour in range(3)] == sorted(times)


def test_files_that_overlap_and_a_revision_are_told_apart(bikes: Bench, tmp_path: Path) -> None:
    """An hour that two files hold alike is a duplicate; next week's other count is a revision."""
    export(tmp_path, ("2021-03-28T10:00:00+02:00", "5"), ("2021-03-28T11:00:00+02:00", "6"))
    export(tmp_path, ("2021-03-28T11:00:00+02:00", "6"), name="comptage-2.csv")

    first = read_files(bikes, tmp_path)
    export(tmp_path, ("2021-03-28T11:00:00+02:00", "60"), name="comptage-2.csv")
    export(tmp_path, ("2021-03-28T10:00:00+02:00", "5"))
    second = read_files(bikes, tmp_path)

    assert (1, 2) == (first.duplicates, first.inserted)
    assert (1, 1) == (second.updated, second.unchanged)
    assert [("Pont 2021-03-28 09:00:00+00", 6.0, 60.0)] == [
        (revision.key, revision.before, revision.after) for revision in second.revisions
    ]


GOOD = "Pont;3;2021-03-28T10:00:00+02:00;48.85,2.35\n"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("comptage.csv", b"", "comptage.csv"),
        ("comptage.csv", b"<!DOCTYPE html><html><body>502</body></html>", "comptage.csv"),
        ("comptage.csv", f"{HEADER.replace(';', ',')}\n{GOOD}".encode(), "comptage.csv"),
        ("comptage.csv", f"{HEADER}\n{GOOD}".replace("Comptage horaire", "n").encode(), "Comptage"),
        ("comptage.csv", f"{HEADER}\n{GOOD}".replace(";3;", ";3,5;").encode(), "Comptage horaire"),
        ("comptage.csv", f"{HEADER}\n{GOOD}".encode("latin-1"), "comptage.csv"),
        ("comptage.csv", f"{HEADER}\n{GOOD}".replace("+02:00", "").encode(), "Date et heure"),
        ("train.parquet", b"PAR1 cut off in the middle", "train.parquet"),
        ("flowers.txt", b"daisy", "flowers.txt"),
    ],
    ids=[
        "empty",
        "html",
        "separator",
        "renamed",
        "decimal comma",
        "encoding",
        "zoneless",
        "truncated",
        "foreign",
    ],
)
def test_a_bad_file_is_named_and_changes_nothing(
    bikes: Bench, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    """What can't be read is an error before anything is written: tables and records stay."""
    export(tmp_path, ("2021-03-28T10:00:00+02:00", "5"), name="comptage.csv")
    read_files(bikes, tmp_path)
    before = snapshot(bikes.store.home)
    folder = tmp_path / "data" / "bikes"
    (folder / "comptage.csv").unlink()
    (folder / name).write_bytes(content)

    with pytest.raises(SourceError) as caught:
        read_files(bikes, tmp_path, run_id="run-2")

    assert told in str(caught.value)
    assert before == snapshot(bikes.store.home)


def test_a_date_before_all_files_is_told_as_such(bikes: Bench, tmp_path: Path) -> None:
    """The error speaks of the date, not of a column of the file."""
    export(tmp_path, ("2021-03-28T10:00:00+02:00", "5"))

    with pytest.raises(SourceError, match="Choose a later --as-of"):
        read_files(bikes, tmp_path, as_of="2020-01-01")


def test_a_folder_that_is_not_there_is_named(bikes: Bench, tmp_path: Path) -> None:
    """A slip in --data is told with the folder that was looked for."""
    with pytest.raises(SourceError, match="nowhere/bikes"):
        arrived(bikes, source="files", data=str(tmp_path / "nowhere"))


def test_files_without_a_folder_are_refused(bikes: Bench) -> None:
    """The source needs --data, and says so."""
    with pytest.raises(SourceError, match="--data"):
        arrived(bikes, source="files")


def test_the_real_counters_arrive_whole(bikes: Bench, data_folder: Path) -> None:
    """Every row of the publisher's three files is in the table: none rejected, none doubled."""
    found = arrived(bikes, source="files", data=str(data_folder))

    assert 455_163 + 41_608 + 21 == found.read == found.inserted == found.observations.rows
    assert (0, 0, 0, 0) == (
        found.duplicates,
        found.conflicting,
        found.not_yet_known,
        found.outside_days,
    )
    assert datetime(2020, 9, 1, 1, tzinfo=UTC) == found.oldest
    assert datetime(2021, 9, 9, 23, tzinfo=UTC) == found.newest


def test_a_large_feed_is_recorded_and_judged_as_a_small_one(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through files and in batches: the same rows, counts, findings and quarantine."""
    rows = ROWS.copy()
    rows.loc[[3, 50], "value"] = [5000.0, np.nan]
    rows = pd.concat([rows, rows.iloc[[7]], rows.iloc[[9]].assign(value=1.0)])
    case = replace(
        wave_case(rows), check_rows_alone=True, gates=replace(wave_case().gates, most_quarantined=1)
    )
    store = Store.at(tmp_path / "other")
    later = (FIRST + 2 * DAY).isoformat()

    def done(large: int, home: Store) -> tuple[IngestRecord, ValidateRecord, pa.Table]:
        monkeypatch.setattr(arrivals, "LARGE", large)
        other = Bench(store=home, case=case)
        other.do("ingest", as_of=later, days=1, run_id="first")
        second = other.do("ingest", run_id="second").record
        checked = other.do("validate", run_id="second").record
        assert isinstance(second, IngestRecord)
        assert isinstance(checked, ValidateRecord)
        kept = home.validated(case.name, case.schema, checked)
        return second, checked, kept

    one, found, kept = done(10**6, bench.store)
    other, same, likewise = done(0, store)

    left_out = {"started", "finished", "run_id", "files"}
    assert one.model_dump(exclude=left_out) == other.model_dump(exclude=left_out)
    assert found.model_dump(exclude=left_out) == same.model_dump(exclude=left_out)
    assert kept.equals(likewise)
    quarantined = [
        home.table("waves", "quarantine")
        .read()
        .sort_by([("series", "ascending"), ("time", "ascending"), ("copy", "ascending")])
        .to_pylist()
        for home in (bench.store, store)
    ]
    assert str(quarantined[0]) == str(quarantined[1])
    assert 4 == len(quarantined[0])


def test_a_large_feed_without_times_is_drawn_by_its_categories(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through files as through memory: the same picture of what arrived, and the same counts."""
    bench.case = replace(
        TIMELESS,
        task=Regression(division=Division(held_out=0.25), segments_by=("series",)),
        sources={"sample": Frame(rows=ROWS)},
    )

    def drawn(run_id: str) -> bytes:
        view = bench.do("ingest", run_id=run_id)
        (volume,) = (file for file in view.record.files if file.name == "volume")
        return (view.folder / volume.path).with_suffix(".csv").read_bytes()

    small = drawn("small")
    monkeypatch.setattr(arrivals, "LARGE", 0)

    assert small == drawn("large")
    assert b"series,rows" in small
