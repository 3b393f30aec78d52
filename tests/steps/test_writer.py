"""A step's files count when its record is written, last and whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import StateError, StepError
from pipeline.figures import Figure
from pipeline.options import DriftOptions
from pipeline.records import DecideRecord, EvaluateRecord, PromoteRecord
from pipeline.steps.writer import StepWriter
from pipeline.store import Store, project

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


class Clock:
    """A second later whenever it is asked."""

    def __init__(self) -> None:
        self.moment = AS_OF

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@pytest.fixture
def step(store: Store) -> StepWriter:
    return StepWriter(
        store=store,
        case="tiny",
        run_id="first",
        step="decide",
        options=DriftOptions(case="tiny", alpha=0.1),
        now=Clock(),
    )


@pytest.fixture
def folder(store: Store) -> Path:
    return store.run_folder("tiny", "first") / "decide"


def test_a_table_is_kept_as_csv_with_its_digest(step: StepWriter, folder: Path) -> None:
    """What the record names is what lies there."""
    step.table("columns", "Columns", pd.DataFrame({"what": ["a", "b"], "how many": [1, 2]}))
    (file,) = step.files

    content = (folder / "columns.csv").read_bytes()
    assert content == b"what,how many\na,1\nb,2\n"
    assert (file.kind, file.path, file.rows) == ("table", "decide/columns.csv", 2)
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_a_larger_table_is_kept_as_parquet(step: StepWriter, folder: Path) -> None:
    """Types and all."""
    rows = pd.DataFrame({"time": [AS_OF, AS_OF], "value": [0.1, 0.2]})
    step.data("predictions", "Predictions", rows)

    found = pd.read_parquet(folder / "predictions.parquet")
    assert found["time"].dt.tz is not None
    assert found["value"].tolist() == [0.1, 0.2]


def test_a_figure_is_kept_with_how_it_was_drawn(step: StepWriter, folder: Path) -> None:
    """As JSON; a figure that would overwrite the record with it is refused, and leaves nothing."""
    drawn = Figure(
        name="shift", title="T", alt="A", drawn=lambda: "<svg/>", csv="a\n1\n", rows=1, spec="{}"
    )
    step.figure(drawn)

    assert "{}" == (folder / "shift.json").read_text()
    with pytest.raises(StepError, match="can't be called 'record'"):
        step.figure(replace(drawn, name="record"))
    assert ["shift"] == [file.name for file in step.files]
    assert not list(folder.glob("record*"))


def test_a_figure_is_kept_with_the_data_behind_it(step: StepWriter, folder: Path) -> None:
    """A reader gets the numbers, and one who sees nothing the words."""
    step.figure(
        Figure(
            name="shift",
            title="Shift",
            alt="It rises.",
            drawn=lambda: "<svg/>",
            csv="a\n1\n",
            rows=1,
        )
    )
    view = step.finish(as_of=AS_OF, sentence="Keep.", decision="keep", champion_age_days=1.0)
    (file,) = view.record.files

    assert (folder / "shift.svg").read_text() == "<svg/>"
    assert (folder / "shift.csv").read_text() == "a\n1\n"
    assert (file.kind, file.alt, file.rows) == ("figure", "It rises.", 1)


def test_a_model_is_kept_as_it_is(step: StepWriter, folder: Path) -> None:
    """Its digest is what the service checks."""
    artifact = step.model("challenger", "Ridge", b"model")

    assert (folder / "challenger.skops").read_bytes() == b"model"
    assert artifact.sha256 == hashlib.sha256(b"model").hexdigest()


def test_two_files_of_one_name_are_refused(step: StepWriter) -> None:
    """The second would take the place of the first: a figure's data and a table, for one."""
    step.table("shift", "Shift", pd.DataFrame({"a": [1]}))
    with pytest.raises(StepError, match="'decide' writes two files called 'shift"):
        step.figure(
            Figure(name="shift", title="", alt="", drawn=lambda: "<svg/>", csv="a\n", rows=1)
        )


def test_the_record_is_written_last_with_all_that_is_known(step: StepWriter, store: Store) -> None:
    """Times from the clock given, versions from the checkout, parameters of the step alone."""
    step.table("columns", "Columns", pd.DataFrame({"a": [1]}))
    assert store.record("tiny", "first", DecideRecord) is None
    view = step.finish(as_of=AS_OF, sentence="Keep.", decision="keep", champion_age_days=1.0)
    record = store.record("tiny", "first", DecideRecord)

    assert record is not None
    assert view.record == record
    assert (record.started, record.finished) == (
        AS_OF + timedelta(seconds=1),
        AS_OF + timedelta(seconds=2),
    )
    assert record.parameters == {**DriftOptions(alpha=0.1).own}
    assert 0.1 == record.parameters["alpha"]
    assert record.code_version == project.code_version()
    assert record.lock_digest == project.lock_digest()
    assert [file.name for file in record.files] == ["columns"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_recorded(
    step: StepWriter, store: Store, number: float
) -> None:
    """The step fails with the field named, and leaves no record."""
    with pytest.raises(StepError, match=r"(?s)'decide' .*not finite.*  - champion_age_days = "):
        step.finish(as_of=AS_OF, sentence="Keep.", decision="keep", champion_age_days=number)

    assert store.record("tiny", "first", DecideRecord) is None


def test_numbers_within_scores_are_looked_at_too(
    step: StepWriter, tiny_home: Path, store: Store
) -> None:
    """However deep they stand in the record."""
    promoted = Store.at(tiny_home).record("tiny", "first", PromoteRecord)
    assert promoted is not None
    step.step = "promote"
    with pytest.raises(StepError, match=r"(?s)'promote' .*not finite.*  - scores\.r2 = -inf"):
        step.finish(
            as_of=AS_OF,
            sentence="Promote.",
            action="promote",
            champion=promoted.champion,
            scores={"rmse": 1.0, "r2": float("-inf")},
            baseline_scores={},
            primary="rmse",
        )

    assert store.record("tiny", "first", PromoteRecord) is None


def test_numbers_of_what_was_made_before_the_record_are_looked_at(
    step: StepWriter, tiny_home: Path, store: Store
) -> None:
    """The record takes a comparison as it is; its numbers are checked all the same."""
    found = Store.at(tiny_home).record("tiny", "first", EvaluateRecord)
    assert found is not None
    (comparison,) = found.comparisons.values()
    content = {name: getattr(found, name) for name in EvaluateRecord.model_fields}
    for known in DecideRecord.model_fields:
        content.pop(known, None)
    step.step = "evaluate"
    with pytest.raises(StepError, match=r"  - comparisons\.one over other\.p_value = nan"):
        step.finish(
            as_of=AS_OF,
            sentence="Better.",
            **content | {"comparisons": {"one over other": replace(comparison, p_value=nan)}},
        )

    assert store.record("tiny", "first", EvaluateRecord) is None


def test_a_home_that_can_not_be_written_is_an_error_that_names_the_file(
    step: StepWriter, store: Store
) -> None:
    """The step ends there, without a record."""
    store.home.parent.joinpath("home").write_text("a file")
    with pytest.raises(StateError, match=r"decide/columns\.csv can't be written"):
        step.table("columns", "Columns", pd.DataFrame({"a": [1]}))
