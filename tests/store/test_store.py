"""The home folder: whose data it holds, what its records say, who is champion."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from small_cases.tiny import FIRST, LAST_KNOWN, OUT_OF_RANGE, SCHEMA, observations

from pipeline.errors import StateError
from pipeline.records import IngestRecord, PromoteRecord, RunRecord, TrainRecord, ValidateRecord
from pipeline.store import REASON, Store, project
from pipeline.store.changes import COPY

MARCH = datetime(2024, 3, 1, tzinfo=UTC)
MakePromotion = Callable[..., PromoteRecord]


@pytest.fixture
def copied(tiny_home: Path, tmp_path: Path) -> Store:
    """A home of one's own after one run of the tiny case."""
    shutil.copytree(tiny_home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def promote(store: Store, tiny_home: Path) -> MakePromotion:
    """Writes a promotion of candidate `who`, and its run with the notebooks that ended."""
    real = Store.at(tiny_home).record("tiny", "first", PromoteRecord)
    assert real is not None

    def write(
        run_id: str, who: str, as_of: datetime = MARCH, *, notebooks: Any = ("5-evaluate",)
    ) -> PromoteRecord:
        ref = real.champion.ref.model_copy(update={"candidate": who})
        champion = real.champion.model_copy(update={"ref": ref})
        record = real.model_copy(update={"run_id": run_id, "as_of": as_of, "champion": champion})
        store.write_record(record)
        if notebooks is not None:
            store.write_run(
                RunRecord(
                    case="tiny",
                    run_id=run_id,
                    source="sample",
                    as_of=as_of,
                    started=as_of,
                    notebooks=notebooks,
                )
            )
        return record

    return write


def champion(store: Store, as_of: datetime | None = None) -> str | None:
    found = store.champion("tiny", as_of)
    return found.ref.candidate if found else None


def test_the_home_is_the_one_named_else_the_environments_else_the_checkouts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In this order, and always an absolute path."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "environment"))
    monkeypatch.chdir(tmp_path)

    assert Store.at("named").home == tmp_path / "named"
    assert Store.at().home == tmp_path / "environment"
    monkeypatch.delenv("VIGIE_HOME")
    assert Store.at().home == project.ROOT / "var"


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a shell, which does not see it in VIGIE_HOME."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Store.at("~/state").home == tmp_path / "state"


def test_a_home_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    """Before anything runs."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StateError, match=r"file/\.vigie can't be written: .*--home"):
        Store.at(tmp_path / "file").prepare()


@pytest.mark.parametrize(
    ("first", "held", "asked"), [(True, "simulated", "real"), (False, "real", "simulated")]
)
def test_real_and_simulated_data_never_share_a_home(
    store: Store, first: bool, held: str, asked: str
) -> None:
    """Refused with both kinds named; the same kind again and other cases are fine."""
    store.claim("tiny", simulated=first)
    store.claim("tiny", simulated=first)
    store.claim("other", simulated=not first)
    with pytest.raises(StateError, match=f"holds '{held}' data .* asks for '{asked}'.*--home"):
        store.claim("tiny", simulated=not first)


@pytest.mark.parametrize("content", ["{", "[1]", '{"kind": "unheard of"}'])
def test_a_damaged_claim_is_an_error_that_names_its_file(store: Store, content: str) -> None:
    """Nothing is guessed about whose data a table holds."""
    store.claim("tiny", simulated=True)
    (store.home / "tables" / "tiny" / "kind.json").write_text(content)
    with pytest.raises(StateError, match=r"kind\.json is damaged"):
        store.claim("tiny", simulated=True)


def test_observations_are_sorted_and_end_where_they_were_known(copied: Store) -> None:
    """An hour's value is known an hour later: at 10:00 the row of 09:00 is the newest."""
    ten = FIRST + timedelta(hours=10)
    found = copied.observations("tiny", SCHEMA, 0, ten)

    assert found.num_rows == 2 * 10
    assert max(found["time"].to_pylist()) == ten - timedelta(hours=1)
    keys = list(zip(found["series"].to_pylist(), found["time"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_a_version_is_read_as_it_was_when_its_record_was_made(copied: Store) -> None:
    """A correction that came later is not seen by the older record."""
    record = copied.record("tiny", "first", ValidateRecord)
    assert record is not None
    before = copied.validated("tiny", SCHEMA, record)
    table = observations().slice(0, 1)
    table = table.set_column(2, SCHEMA.arrow().field("value"), pa.array([-55.0]))
    merge = copied.table("tiny", "observations").merge(table, SCHEMA)

    assert merge.changes.updated == 1
    assert copied.validated("tiny", SCHEMA, record).equals(before)
    newest = copied.observations("tiny", SCHEMA, merge.version, LAST_KNOWN)
    assert newest["value"][0].as_py() == -55.0


def test_validated_leaves_out_the_quarantined_rows(copied: Store) -> None:
    """All others are there, with the columns of the schema only."""
    record = copied.record("tiny", "first", ValidateRecord)
    assert record is not None
    found = copied.validated("tiny", SCHEMA, record)

    assert record.quarantined == 1
    assert found.num_rows == record.rows - 1
    assert OUT_OF_RANGE not in found["value"].to_pylist()
    assert tuple(found.column_names) == SCHEMA.names


def test_validated_leaves_out_quarantined_rows_with_a_null_key(copied: Store) -> None:
    """Rows without series or time, and all rows of a key that came twice, stay out."""
    record = copied.record("tiny", "first", ValidateRecord)
    assert record is not None
    first = FIRST + timedelta(hours=1)
    feed = pa.Table.from_pylist(
        [
            {"series": None, "time": FIRST, "value": 1.0},
            {"series": "north", "time": None, "value": 2.0},
            {"series": "north", "time": first, "value": 3.0},
            {"series": "north", "time": first, "value": 4.0},
        ],
        schema=SCHEMA.arrow(),
    )
    version = copied.table("tiny", "observations").merge(feed, SCHEMA).version
    rows = copied.observations("tiny", SCHEMA, version, LAST_KNOWN)
    bad = [
        place
        for place, row in enumerate(rows.to_pylist())
        if None in (row["series"], row["time"]) or (row["series"], row["time"]) == ("north", first)
    ]
    failing = rows.take(pa.array(bad)).append_column(REASON, pa.array(["why"] * len(bad)))
    quarantine = copied.table("tiny", "quarantine").replace(failing)
    read = record.inputs[0].model_copy(update={"version": version})
    judged = record.model_copy(
        update={
            "inputs": (read,),
            "quarantine": record.quarantine.model_copy(update={"version": quarantine}),
        }
    )
    found = copied.validated("tiny", SCHEMA, judged)

    assert len(bad) == 4
    assert found.num_rows == rows.num_rows - 4
    assert found["series"].null_count == found["time"].null_count == 0
    assert COPY not in found.column_names


def test_a_record_is_read_as_it_was_written(copied: Store) -> None:
    """Byte for byte when it is written again."""
    record = copied.record("tiny", "first", TrainRecord)
    assert record is not None
    path = copied.run_folder("tiny", "first") / "train" / "record.json"
    before = path.read_bytes()
    copied.write_record(record)

    assert path.read_bytes() == before
    assert copied.record("tiny", "first", TrainRecord) == record


def test_a_record_that_is_asked_for_again_is_not_parsed_again(copied: Store) -> None:
    """Looking up who was champion reads the same files many times over."""
    first = copied.record("tiny", "first", PromoteRecord)

    assert first is copied.record("tiny", "first", PromoteRecord)


def test_a_record_that_was_written_anew_is_read_anew(promote: MakePromotion, store: Store) -> None:
    """Also when it was read before, and is of the same length."""
    promote("second", "alpha")
    before = store.champion("tiny")
    promote("second", "gamma")
    after = store.champion("tiny")

    assert before is not None
    assert after is not None
    assert ["alpha", "gamma"] == [before.ref.candidate, after.ref.candidate]


def test_a_step_that_did_not_end_has_no_record(store: Store) -> None:
    """An absent record is no error; the caller knows whether it needs it."""
    assert store.record("tiny", "first", IngestRecord) is None
    assert store.run_record("tiny", "first") is None
    assert store.run_ids("tiny") == []
    assert store.cases() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"started"', '"begun"'),
        lambda text: text.replace('"schema_version": 1', '"schema_version": 0'),
    ],
    ids=["cut short", "empty", "renamed field", "no such version"],
)
@pytest.mark.parametrize("step", ["ingest/record.json", "run.json"])
def test_a_damaged_record_is_an_error_that_names_its_file(
    copied: Store, damage: Callable[[str], str], step: str
) -> None:
    """It is never read as something else, and the message says what to do."""
    path = copied.run_folder("tiny", "first") / step
    text = path.read_text()
    path.write_text(damage(text))
    with pytest.raises(StateError, match=rf"{step} is damaged: .*run again"):
        (copied.record("tiny", "first", IngestRecord), copied.run_record("tiny", "first"))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('"schema_version": 2', "it has schema version 2"),
        ('"schema_version": 2, "unheard_of": 1', "it has schema version 2"),
        ('"schema_version": 1, "unheard_of": 1', "it has the unknown fields unheard_of"),
    ],
)
@pytest.mark.parametrize("step", ["ingest/record.json", "run.json"])
def test_a_record_of_a_later_version_is_told_from_a_damaged_one(
    copied: Store, written: str, found: str, step: str
) -> None:
    """Removing it, as one does with a damaged file, would lose what is not lost."""
    path = copied.run_folder("tiny", "first") / step
    path.write_text(path.read_text().replace('"schema_version": 1', written))

    with pytest.raises(StateError, match=rf"{step} was written by a later .*: {found}\. Update"):
        (copied.record("tiny", "first", IngestRecord), copied.run_record("tiny", "first"))


def test_numbers_that_are_not_finite_are_damage(copied: Store) -> None:
    """JSON has no NaN; a file that has one was not written here."""
    path = copied.run_folder("tiny", "first") / "promote" / "record.json"
    path.write_text(path.read_text().replace('"rmse":', '"rmse": NaN, "old":', 1))
    with pytest.raises(StateError, match=r"promote/record\.json is damaged"):
        copied.champion("tiny")


def test_records_come_newest_run_first(copied: Store) -> None:
    """By the id of the run, which begins with its start."""
    record = copied.record("tiny", "first", IngestRecord)
    assert record is not None
    for run_id in ("a-second", "z-third"):
        copied.write_record(record.model_copy(update={"run_id": run_id}))

    found = [each.run_id for each in copied.records("tiny", IngestRecord)]
    assert found == ["z-third", "first", "a-second"]
    assert copied.cases() == ["tiny"]


def test_without_a_promotion_there_is_no_champion(store: Store) -> None:
    """A home that is empty, too."""
    assert store.champion("tiny") is None
    assert store.promotion("tiny") is None


def test_the_newest_promotion_names_the_champion(store: Store, promote: MakePromotion) -> None:
    """By the time that it was made for, and not by when it was run."""
    promote("1", "older", MARCH)
    promote("2", "newest", MARCH + timedelta(days=2))
    promote("3", "replayed", MARCH + timedelta(days=1))

    assert champion(store) == "newest"


def test_of_two_runs_for_one_time_the_later_counts(store: Store, promote: MakePromotion) -> None:
    """The same day run again."""
    promote("1", "first")
    promote("2", "again")

    assert champion(store) == "again"


def test_no_champion_comes_from_the_future(store: Store, promote: MakePromotion) -> None:
    """A run as of a past day sees the champion of that day, or none."""
    promote("1", "older", MARCH)
    promote("2", "newer", MARCH + timedelta(days=2))

    assert champion(store, MARCH + timedelta(days=1)) == "older"
    assert champion(store, MARCH) == "older"
    assert champion(store, MARCH - timedelta(seconds=1)) is None


def test_the_promotion_of_a_refused_notebook_does_not_stand(
    store: Store, promote: MakePromotion
) -> None:
    """Nor that of a run that was killed before the notebook had ended."""
    promote("1", "stands")
    promote("2", "refused", notebooks=("1-ingest", "2-validate", "3-drift", "4-train"))

    assert champion(store) == "stands"


def test_a_promotion_made_by_hand_stands(store: Store, promote: MakePromotion) -> None:
    """An analyst's own run of the notebooks has no record of the runner."""
    promote("1", "by hand", notebooks=None)

    assert champion(store) == "by hand"


def test_model_bytes_are_those_that_were_kept(copied: Store) -> None:
    """They come back when their digest is the record's."""
    found = copied.champion("tiny")
    assert found is not None

    assert len(copied.model_bytes("tiny", found.ref)) > 100


def test_changed_model_bytes_are_refused(copied: Store) -> None:
    """One byte is enough; the file and both digests are named."""
    found = copied.champion("tiny")
    assert found is not None
    path = copied.run_folder("tiny", "first") / found.ref.path
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StateError, match=rf"{found.ref.path} is damaged: sha256 is .* the record"):
        copied.model_bytes("tiny", found.ref)


def test_a_model_that_is_gone_is_an_error(copied: Store) -> None:
    """It names the file."""
    found = copied.champion("tiny")
    assert found is not None
    (copied.run_folder("tiny", "first") / found.ref.path).unlink()
    with pytest.raises(StateError, match=rf"{found.ref.path} is damaged: No such file"):
        copied.model_bytes("tiny", found.ref)


def test_a_file_among_the_cases_is_not_a_case(copied: Store) -> None:
    """Desktops leave files in folders that they have shown."""
    (copied.home / "runs" / ".DS_Store").write_text("")
    (copied.home / "runs" / "tiny" / ".DS_Store").write_text("")

    assert copied.cases() == ["tiny"]
    assert copied.run_ids("tiny") == ["first"]


def test_a_missing_notebook_or_suite_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package without its checkout can't run."""
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    with pytest.raises(StateError, match=r"1-ingest\.ipynb is missing.*whole checkout"):
        project.notebook("1-ingest")
    with pytest.raises(StateError, match=r"unheard-of\.json is missing"):
        project.suite("unheard-of")


def test_the_versions_follow_the_source_and_the_lock_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A changed module and a renamed one are other versions; without a lock file it says so."""
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "LOCK_FILE", tmp_path / "requirements.lock")
    (tmp_path / "pipeline").mkdir()
    module = tmp_path / "pipeline" / "a.py"
    found = []
    for change in (
        lambda: module.write_text("1"),
        lambda: module.write_text("2"),
        lambda: module.rename(module.with_name("b.py")),
    ):
        change()
        found.append(project.code_version.__wrapped__())

    assert len(set(found)) == 3
    assert project.lock_digest.__wrapped__() == "none"
    project.LOCK_FILE.write_text("pandas==3\n")
    assert len(project.lock_digest.__wrapped__()) == 12


def test_a_write_to_a_full_home_leaves_the_record_before(
    copied: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step on a full disk fails, and the last good record is still read."""
    record = copied.record("tiny", "first", IngestRecord)
    assert record is not None

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        copied.write_record(record.model_copy(update={"sentence": "other"}))

    assert copied.record("tiny", "first", IngestRecord) == record
