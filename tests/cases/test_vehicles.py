"""The vehicles case: its files and their traps, its checks, its simulator and its models."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.case import find_case
from pipeline.cases.vehicles import CASE, candidates
from pipeline.cases.vehicles.checks import check_columns
from pipeline.cases.vehicles.features import TailpipeRegressor
from pipeline.cases.vehicles.simulate import ABSURD_CONSUMPTION, VehicleSimulator
from pipeline.cases.vehicles.source import VehicleFiles
from pipeline.errors import CaseError, SourceError
from pipeline.injections import Sudden
from pipeline.models import dump_model, load_model
from pipeline.sources import Request
from pipeline.store import project
from pipeline.suites import check

AS_OF = datetime(2022, 1, 1, tzinfo=UTC)
CAR = {
    "ID": "7",
    "Date of registration": "2021-07-29",
    "Country": "DE",
    "Mk": " skoda ",
    "Cn": "OCTAVIA",
    "Tan": "e8*2007/46*0355*07",
    "T": "NX",
    "Va": "aclaax0",
    "Ve": "N1",
    "Ft": "petrol",
    "Fm": "M",
    "m (kg)": "1313.0",
    "Mt": "1424.0",
    "ec (cm3)": "999.0",
    "ep (KW)": "81.0",
    "W (mm)": "2667.0",
    "At1 (mm)": "1531.0",
    "z (Wh/km)": "",
    "Electric range (km)": "",
    "Fuel consumption ": "5.3",
    "Ewltp (g/km)": "120.0",
}


def write(folder: Path, *changes: dict[str, str], name: str = "eea_2021.csv") -> Path:
    """A file with a car for each of `changes`, numbered from 1."""
    path = folder / name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(CAR))
        writer.writeheader()
        for number, change in enumerate(changes, 1):
            writer.writerow(CAR | {"ID": str(number)} | change)
    return path


def read(folder: Path, as_of: datetime | None = None) -> pd.DataFrame:
    feed = VehicleFiles().fetch(Request(schema=CASE.schema, folder=folder, as_of=as_of))
    return pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()


def test_spellings_are_brought_together_and_the_extension_is_parted(tmp_path: Path) -> None:
    """Makes, fuels and approvals in capitals without outer blanks; one approval, two extensions."""
    write(tmp_path, {}, {"Mk": "Skoda", "Tan": "E8*2007/46*0355*11", "Cn": ""})

    found = read(tmp_path)

    assert ["SKODA", "SKODA"] == found["make"].tolist()
    assert ["E8*2007/46*0355"] * 2 == found["approval"].tolist()
    assert ["E8*2007/46*0355*07", "E8*2007/46*0355*11"] == found["type_approval"].tolist()
    assert "NX|ACLAAX0|N1" == found["car"].iloc[0]
    assert "PETROL" == found["fuel"].iloc[0]
    assert pd.isna(found["model"].iloc[1])


def test_rows_after_the_date_asked_for_are_left_and_undated_ones_kept(tmp_path: Path) -> None:
    """A car without a date is for the expectations to judge."""
    write(tmp_path, {}, {"Date of registration": "2021-09-01"}, {"Date of registration": ""})

    found = read(tmp_path, as_of=datetime(2021, 8, 1, tzinfo=UTC))

    assert [1, 3] == found["id"].tolist()


@pytest.mark.parametrize(
    ("header", "renamed", "told"),
    [
        ("Fuel consumption ", "Fuel consumption", None),
        ("Ewltp (g/km)", "Ewltp (g/mile)", r"'Ewltp \(g/km\)' is missing.*is close"),
        ("m (kg)", "mass", r"'m \(kg\)' is missing"),
    ],
)
def test_a_renamed_column_is_told(
    tmp_path: Path, header: str, renamed: str, told: str | None
) -> None:
    """A column that must be there is missed; one that may be absent is null."""
    path = write(tmp_path, {})
    path.write_text(path.read_text().replace(header, renamed))

    if told is None:
        assert read(tmp_path)["consumption"].isna().all()
        return
    with pytest.raises(SourceError, match=told):
        read(tmp_path)


def test_a_folder_without_such_a_file_says_what_it_holds(tmp_path: Path) -> None:
    """The error names the pattern and what was found."""
    (tmp_path / "nrcan.csv").write_text("MODEL,MAKE\n")

    with pytest.raises(SourceError, match=r"\*eea\*\.csv.*Found: 'nrcan.csv'"):
        read(tmp_path)


def checked(*changes: dict[str, Any]) -> pd.DataFrame:
    sizes = {"mass": 1300.0, "test_mass": 1430.0, "wheelbase": 2600.0, "track": 1550.0}
    engine = {"power": 80.0, "capacity": 1200.0, "fuel": "PETROL", "fuel_mode": "M", "co2": 120.0}
    rows = pd.DataFrame([{"id": 1, **sizes, **engine, **c} for c in changes])
    litres = rows["consumption"].fillna(5.0) if "consumption" in rows else 5.0
    days = rows.get("registered", "2021-07-29")
    rows = rows.assign(registered=pd.to_datetime(days, utc=True))
    return check_columns(rows.assign(consumption=litres), AS_OF)


def test_electric_and_burned_co2_are_told_apart() -> None:
    """Each row has one of them; a row without a fuel is judged as one that burns."""
    found = checked({}, {"fuel": "ELECTRIC", "co2": 3.0}, {"fuel": None})

    assert [120.0, None, 120.0] == found["burned_co2"].astype(object).where(
        found["burned_co2"].notna(), None
    ).tolist()
    assert [3.0] == found["electric_co2"].dropna().tolist()


def test_co2_of_a_litre_is_told_of_cars_that_are_not_charged() -> None:
    """A plug-in hybrid's litres and grams come from different weights of the test."""
    found = checked({}, {"fuel_mode": "P"}, {"consumption": 0.0})

    assert pytest.approx(24.0) == found["co2_per_litre"].iloc[0]
    assert found["co2_per_litre"].iloc[1:].isna().all()


def test_numbers_of_a_car_are_set_beside_each_other() -> None:
    """An electric car has no engine to compare with, and a size of zero is none."""
    found = checked({}, {"fuel": "DIESEL"}, {"fuel": "ELECTRIC"}, {"mass": 0.0, "track": None})

    assert pytest.approx([24.0]) == found["petrol_per_litre"].dropna().tolist()[:1]
    assert pytest.approx([24.0]) == found["diesel_per_litre"].dropna().tolist()
    assert [False, False, True, False] == found["power_per_litre"].isna().tolist()
    assert pytest.approx(80 / 1.2) == found["power_per_litre"].iloc[0]
    assert pytest.approx(1.1) == found["test_to_mass"].iloc[0]
    assert [False] * 3 + [True] == found["test_to_mass"].isna().tolist()
    assert [False] * 3 + [True] == found["wheelbase_to_track"].isna().tolist()


def test_saturdays_and_sundays_are_told_from_working_days() -> None:
    """Nothing is said of a car without a date."""
    found = checked(*({"registered": f"2021-07-{day}"} for day in (30, 31)), {"registered": None})

    assert [0.0, 1.0] == found["on_weekend"].dropna().tolist()
    assert pd.isna(found["on_weekend"].iloc[2])


def test_simulated_cars_are_registered_on_working_days_of_the_whole_year() -> None:
    """Of each weekday but the last two there are about as many."""
    days = sample(VehicleSimulator())["registered"]
    by_weekday = days.dt.day_of_week.value_counts(normalize=True)

    assert {0, 1, 2, 3, 4} == set(by_weekday.index)
    assert by_weekday.between(0.15, 0.25).all()
    assert (days.max() - days.min()).days > 360


def test_a_file_read_twice_under_new_numbers_is_noted() -> None:
    """Every row then has a double; the sample as it is has few."""
    rows = sample(VehicleSimulator())
    doubled = pd.concat([rows, rows.assign(id=rows["id"] + 10_000)], ignore_index=True)

    def outcome(table: pd.DataFrame) -> bool:
        parameters = {"fresh_since": AS_OF - CASE.gates.fresh}
        found = check(check_columns(table, AS_OF), project.suite("vehicles"), parameters=parameters)
        return next(f.success for f in found.findings if f.name == "most-cars-differ")

    assert outcome(rows)
    assert not outcome(doubled)


def sample(simulator: VehicleSimulator) -> pd.DataFrame:
    feed = simulator.fetch(Request(schema=CASE.schema))
    return pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()


def test_the_simulated_shift_is_where_and_as_large_as_the_note_says() -> None:
    """Cars get heavier from the day on, and CO2 follows; nothing changes before."""
    simulator = VehicleSimulator()
    plain = sample(VehicleSimulator(heavier_by=0.0))
    found = sample(simulator)
    late = (found["registered"] >= simulator.shift_at).to_numpy()

    assert f"{simulator.shift_at:%Y-%m-%d}" in simulator.note
    pd.testing.assert_frame_equal(plain[~late], found[~late])
    assert {140.0} == set((found["mass"] - plain["mass"])[late])
    burning = late & (found["fuel_mode"] == "M").to_numpy() & (found["co2"] > 0).to_numpy()
    assert 5 < (found["co2"] - plain["co2"])[burning].mean() < 10


def test_other_changes_can_be_put_into_the_sample() -> None:
    """What `pipeline.injections` offers, told in the note."""
    change = Sudden(column="power", start=datetime(2021, 6, 1, tzinfo=UTC), factor=2.0)
    plain, found = sample(VehicleSimulator()), sample(VehicleSimulator(changes=(change,)))
    late = (found["registered"] >= change.start).to_numpy()

    np.testing.assert_allclose(2 * plain["power"][late], found["power"][late])
    assert "power" in VehicleSimulator(changes=(change,)).note


def test_too_few_cars_for_their_approvals_are_refused() -> None:
    """The error says how many are needed."""
    with pytest.raises(CaseError, match="ten cars or more an approval"):
        VehicleSimulator(cars=100)


def test_the_absurd_rows_of_the_sample_go_to_quarantine_and_no_gate_fails() -> None:
    """And so do cars that burn fuel at 0 g/km: nothing else."""
    simulator = VehicleSimulator()
    table = check_columns(sample(simulator), AS_OF)
    verdict = check(
        table,
        project.suite("vehicles"),
        parameters={"fresh_since": AS_OF - CASE.gates.fresh},
    )

    assert not verdict.stopped_by
    expected = (table["burned_co2"] == 0) | (table["consumption"] == ABSURD_CONSUMPTION)
    assert sorted(table.index[expected]) == sorted(verdict.reasons())
    assert simulator.absurd_rows + simulator.zero_rows - expected.sum() in (0, 1)


@pytest.fixture(scope="module")
def cars() -> pd.DataFrame:
    rows = sample(VehicleSimulator(cars=800, approvals=60))
    return rows.reset_index(drop=True)


@pytest.mark.parametrize(
    "build", [each.build for each in CASE.candidates], ids=lambda b: b.__name__
)
def test_a_model_is_stored_without_pickle_and_predicts_the_same(
    build: Any, cars: pd.DataFrame
) -> None:
    """Also where a call lacks every value that may be missing, and names what was never seen."""
    model = build(3)
    for step in (model.model.named_steps["model"],):
        if "n_estimators" in step.get_params():
            step.set_params(n_estimators=5)
    model.fit(cars, cars["co2"].to_numpy())
    asked = cars.head(40).copy()
    bare = [c.name for c in CASE.schema.columns if c.nullable and c.kind == "number"]
    asked.loc[:9, bare] = np.nan
    asked.loc[:4, "fuel"] = "WOOD"
    asked.loc[:4, "make"] = "NEVER SEEN"

    found = model.predict(asked)

    assert np.isfinite(found).all()
    again = load_model(dump_model(model))
    np.testing.assert_array_equal(found, again.predict(asked))


def test_an_electric_car_emits_nothing_and_teaches_nothing(cars: pd.DataFrame) -> None:
    """Whatever an electric row says, the others' predictions are the same."""
    spoiled = cars.assign(co2=cars["co2"].where(cars["fuel"] != "ELECTRIC", 999.0))

    one, other = (
        candidates.linear(0).fit(rows, rows["co2"].to_numpy()).predict(cars)
        for rows in (cars, spoiled)
    )

    np.testing.assert_array_equal(one, other)
    assert 0 == one[(cars["fuel"] == "ELECTRIC").to_numpy()].max()


def test_only_electric_cars_are_answered_without_the_model(cars: pd.DataFrame) -> None:
    """A call of electric cars alone does not reach it."""
    model = candidates.linear(0).fit(cars, cars["co2"].to_numpy())
    electric = cars[cars["fuel"] == "ELECTRIC"]

    assert not model.predict(electric).any()
    assert isinstance(model, TailpipeRegressor)


def test_no_approval_is_on_both_sides(cars: pd.DataFrame) -> None:
    """Neither of a fold nor of the held-out window, and no fold tests what is held out."""
    start = AS_OF - CASE.windows.held_out
    held = CASE.task.held_out(cars, CASE.schema, start=start, end=AS_OF)
    folds = CASE.task.folds(cars, CASE.schema, count=5, length=timedelta(0), end=start)

    for fold in (held, *folds):
        assert not set(cars["approval"].iloc[fold.train]) & set(cars["approval"].iloc[fold.test])
    tested = np.concatenate([fold.test for fold in folds])
    assert len(tested) == len(set(tested))
    assert set(tested) == set(held.train)
    assert (cars["registered"].iloc[held.test] >= start).all()


def test_the_real_file_is_read_and_its_traps_are_set_aside(data_folder: Path) -> None:
    """5,000 cars; countries without dates, no CO2, no approval, 47 l/100 km: in quarantine, each
    with its reason, and nothing else is.
    """
    found = read(data_folder / "vehicles")
    case = find_case("vehicles")
    table = case.check_columns(found, AS_OF)
    verdict = check(
        table, project.suite("vehicles"), parameters={"fresh_since": AS_OF - case.gates.fresh}
    )
    failed = {
        finding.name: finding.unexpected for finding in verdict.findings if not finding.success
    }

    assert 5000 == len(found)
    assert not verdict.stopped_by
    assert {
        "registered-given": 515,
        "approval-given": 13,
        "co2-given": 51,
        "consumption-plausible": 1,
        "longer-than-wide": 2,
        "test-mass-agrees-with-mass": 4,
        "co2-agrees-with-consumption": 4,
    } == failed
    assert 62 <= found["make"].nunique() <= 63
