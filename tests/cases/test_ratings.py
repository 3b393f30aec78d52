"""The ratings case: the publisher's file, its checks, its simulator and its models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.cases.ratings import CASE
from pipeline.cases.ratings.checks import GRAMS_PER_LITRE, check_columns
from pipeline.cases.ratings.simulate import RatingSimulator
from pipeline.cases.ratings.source import RatingFiles
from pipeline.errors import CaseError, SourceError
from pipeline.injections import Sudden
from pipeline.models import dump_model, load_model
from pipeline.records import Finding
from pipeline.sources import Request
from pipeline.sources.folders import folder_of
from pipeline.store import project
from pipeline.suites import Verdict, check

AS_OF = datetime(2015, 1, 1, tzinfo=UTC)
HEAD = (
    "MODEL,MAKE,MODEL,VEHICLE CLASS,ENGINE SIZE,CYLINDERS,TRANSMISSION,FUEL,"
    "FUEL CONSUMPTION,,,,CO2 EMISSIONS ,,\n"
    "YEAR,,# = high output engine,,(L),,,TYPE,CITY (L/100 km),HWY (L/100 km),COMB (L/100 km),"
    "COMB (mpg),(g/km),,\n"
)
LINE = "2009,Acura ,mdx  4WD,suv,3.7,6,AS5,Z,15.4,10.6,13.2,21,304,,"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "NRCan_2009.csv"
    path.write_text(HEAD + "\n".join(lines))
    return path


def read(folder: Path, as_of: datetime | None = None) -> pd.DataFrame:
    feed = RatingFiles().fetch(Request(schema=CASE.schema, folder=folder, as_of=as_of))
    return pa.Table.from_batches(list(feed.batches), CASE.schema.arrow()).to_pandas()


def sample(simulator: RatingSimulator | None = None) -> pd.DataFrame:
    feed = (simulator or RatingSimulator()).fetch(Request(schema=CASE.schema))
    return pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()


def judged(rows: pd.DataFrame) -> Verdict:
    parameters = {"fresh_since": AS_OF - CASE.gates.fresh}
    return check(check_columns(rows, AS_OF), project.suite("ratings"), parameters=parameters)


def failed(verdict: Verdict) -> dict[str, int]:
    return {f.name: f.unexpected for f in verdict.findings if not f.success}


def test_spellings_are_brought_together_and_the_family_is_told(tmp_path: Path) -> None:
    """Capitals, single blanks; the family is the make and the model's first word."""
    written(tmp_path, LINE)

    (row,) = read(tmp_path).to_dict("records")

    assert ("ACURA", "MDX 4WD", "ACURA MDX", "SUV") == (
        row["make"],
        row["model"],
        row["family"],
        row["vehicle_class"],
    )
    assert (2009, 3.7, 304.0) == (row["model_year"], row["engine_size"], row["co2"])
    assert pd.Timestamp("2009-01-01", tz="UTC") == row["begins"]


def test_a_later_model_year_is_left_and_an_absurd_one_kept_for_the_checks(tmp_path: Path) -> None:
    """A year that is none has no day, and is in quarantine."""
    later, absurd = LINE.replace("2009", "2011"), LINE.replace("2009", "9")
    written(tmp_path, LINE, later, absurd)

    found = read(tmp_path, as_of=datetime(2010, 6, 1, tzinfo=UTC))

    assert [2009, 9] == found["model_year"].tolist()
    assert found["begins"].isna().tolist() == [False, True]


def test_a_file_with_one_line_of_header_is_refused(tmp_path: Path) -> None:
    """The error names the columns that are missing."""
    path = written(tmp_path, LINE, LINE)
    path.write_text(path.read_text().split("\n", 1)[1])

    with pytest.raises(SourceError, match=r"none of the expected columns \('MODEL YEAR'"):
        read(tmp_path)


def test_a_folder_without_such_a_file_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "eea.csv").write_text("ID\n1\n")

    with pytest.raises(SourceError, match=r"\*nrcan\*\.csv.*Found: 'eea.csv'"):
        read(tmp_path)


def test_what_a_row_says_of_itself_must_agree() -> None:
    """Grams of a litre by fuel; the combined consumption is a mix of city and highway."""
    rows = pd.DataFrame(
        {
            "fuel": ["X", "D", "E", "?"],
            "city": [10.0, 10.0, 10.0, 10.0],
            "highway": [8.0, 8.0, 8.0, 8.0],
            "combined": [9.1, 9.1, 0.0, 9.1],
            "co2": [209.3, 209.3, 160.0, 200.0],
            "engine_size": [2.0, 2.0, 3.0, 2.0],
            "cylinders": [4, 4, 6, 0],
        }
    )

    found = check_columns(rows, AS_OF)

    assert pytest.approx([1.0, 23 / 27]) == found["co2_to_litres"].tolist()[:2]
    assert found["co2_to_litres"].isna().tolist() == [False, False, True, True]
    assert pytest.approx(1.0) == found["combined_to_parts"].iloc[0]
    assert [0.5, 0.5, 0.5] == found["litres_a_cylinder"].dropna().tolist()


def test_the_simulated_shift_is_where_and_as_large_as_the_note_says() -> None:
    """All engines consume less from the model year on; nothing changes before."""
    simulator = RatingSimulator(absurd_rows=0)
    plain, found = sample(RatingSimulator(absurd_rows=0, thriftier_by=0.0)), sample(simulator)
    late = (found["model_year"] >= simulator.shift_at).to_numpy()

    assert f"model year {simulator.shift_at} on" in simulator.note
    pd.testing.assert_frame_equal(plain[~late], found[~late])
    ratio = (found["combined"] / plain["combined"])[late].mean()
    assert 1 - simulator.thriftier_by == pytest.approx(ratio, abs=0.005)


def test_other_changes_can_be_put_into_the_sample() -> None:
    """What `pipeline.injections` offers, told in the note."""
    change = Sudden(column="engine_size", start=datetime(2010, 1, 1, tzinfo=UTC), factor=2.0)
    plain, found = sample(), sample(RatingSimulator(changes=(change,)))
    late = (found["begins"] >= change.start).to_numpy()

    np.testing.assert_allclose(2 * plain["engine_size"][late], found["engine_size"][late])
    assert "engine_size" in RatingSimulator(changes=(change,)).note


def test_too_few_families_or_years_are_refused() -> None:
    with pytest.raises(CaseError, match="8 families or more, and over 2 model years"):
        RatingSimulator(years=2)


def test_what_was_put_into_the_sample_goes_to_quarantine_and_nothing_else() -> None:
    """Miles per gallon in the column of litres."""
    rows = sample()
    verdict = judged(rows)

    assert not verdict.stopped_by
    grams = rows["combined"] * rows["fuel"].map(GRAMS_PER_LITRE)
    absurd = (rows["co2"] / grams - 1).abs() > 0.05
    assert RatingSimulator().absurd_rows == absurd.sum()
    assert sorted(rows.index[absurd]) == sorted(verdict.reasons())


def test_a_model_that_is_rated_twice_and_differently_is_set_aside() -> None:
    """Both ratings, since nobody can tell which is meant."""
    rows = sample(RatingSimulator(absurd_rows=0))
    twice = pd.concat([rows, rows.head(3).assign(co2=rows["co2"] + 5)], ignore_index=True)

    assert {"key-unique": 6} == {
        name: count for name, count in failed(judged(twice)).items() if name == "key-unique"
    }


def finding(verdict: Verdict, name: str) -> Finding:
    return next(found for found in verdict.findings if found.name == name)


@pytest.mark.parametrize(
    ("change", "stopped"),
    [
        ({"co2": 0.001}, "co2-in-grams-per-km"),
        ({"engine_size": 1000.0}, "engine-in-litres"),
    ],
)
def test_another_unit_stops_the_case(change: dict[str, float], stopped: str) -> None:
    """Kilograms in place of grams, cm³ in place of litres."""
    ((column, factor),) = change.items()
    rows = sample()

    assert not finding(judged(rows.assign(**{column: rows[column] * factor})), stopped).success


@pytest.mark.parametrize("build", [c.build for c in CASE.candidates], ids=lambda b: b.__name__)
def test_a_model_is_stored_without_pickle_and_predicts_the_same(build: Any) -> None:
    """Also for words that were never seen."""
    rows = sample().head(300)
    model = build(3)
    if "n_estimators" in model.named_steps["model"].get_params():
        model.named_steps["model"].set_params(n_estimators=5)
    model.fit(rows, rows["co2"].to_numpy())
    asked = rows.head(30).assign(fuel="WOOD", make="NEVER SEEN")

    found = model.predict(asked)

    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, load_model(dump_model(model)).predict(asked))


def test_no_family_is_on_both_sides_and_nothing_is_learned_of_the_years_held_out() -> None:
    """Neither in a fold nor in the held-out window."""
    rows = sample()
    start = AS_OF - CASE.windows.held_out
    held = CASE.task.held_out(rows, CASE.schema, start=start, end=AS_OF)
    folds = CASE.task.folds(rows, CASE.schema, count=3, length=timedelta(0), end=start)

    for fold in (held, *folds):
        assert not set(rows["family"].iloc[fold.train]) & set(rows["family"].iloc[fold.test])
    assert {2013, 2014} == set(rows["model_year"].iloc[held.test])
    assert 2012 == rows["model_year"].iloc[held.train].max()


def test_the_real_file_is_read_and_its_traps_are_set_aside(data_folder: Path) -> None:
    """14,253 rows; models rated twice and numbers that disagree are in quarantine, nothing else."""
    found = read(data_folder / "vehicles")

    assert 14_253 == len(found)
    assert (2000, 2014) == (found["model_year"].min(), found["model_year"].max())
    means = found.groupby("model_year")["co2"].mean()
    assert pytest.approx([259.7, 222.4], abs=0.05) == [means[2000], means[2014]]
    verdict = judged(found.drop_duplicates(ignore_index=True))
    assert not verdict.stopped_by
    assert {"key-unique": 34, "combined-agrees-with-its-parts": 4} == failed(verdict)


def test_ratings_may_lie_in_the_folder_of_the_vehicles(tmp_path: Path) -> None:
    """Their own folder counts first; without either the error names their own."""
    source = CASE.source("files")
    own, cars = tmp_path / "ratings", tmp_path / "vehicles"

    def found() -> Path | None:
        return folder_of(str(tmp_path), "ratings", source)

    assert own == found()
    cars.mkdir()
    assert cars == found()
    own.mkdir()
    assert own == found()
    assert folder_of("", "ratings", source) is None
    other = CASE.source("sample")
    assert tmp_path / "toys" == folder_of(str(tmp_path), "toys", other)
