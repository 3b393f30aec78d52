"""State that an earlier version has pushed is pulled, read and gone on with.

`tests/fakes/state-eb3b602` is a snapshot that the code of that commit made of one run of the tiny
case as of 2024-02-24, without MLflow's database. It is never made anew: it stands for the homes
that people have.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.options import NOTEBOOKS
from pipeline.publish import publish, read_status
from pipeline.records import RECORDS, IngestRecord
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.snapshots.keeping import verify
from pipeline.snapshots.moving import pull
from pipeline.snapshots.places import open_place
from pipeline.store import Store

PLACE = open_place(str(Path(__file__).parents[1] / "fakes" / "state-eb3b602"))
ROWS = 2592


@pytest.fixture
def earlier(tmp_path: Path, small_cases: None) -> Store:
    pull(tmp_path / "home", PLACE, number=None, replace=False, say=lambda line: None)
    return Store.at(tmp_path / "home")


def test_its_snapshot_is_whole() -> None:
    assert ((1,), {}) == (verify(PLACE, say=lambda line: None).whole, {})


def test_every_record_can_be_read(earlier: Store) -> None:
    (run,) = earlier.run_ids("tiny")
    found = {step: earlier.record("tiny", run, kind) for step, kind in RECORDS.items()}

    assert [] == [step for step, record in found.items() if record is None]
    whole = earlier.run_record("tiny", run)
    assert whole is not None
    assert tuple(NOTEBOOKS) == whole.notebooks


def test_its_pages_can_be_published(earlier: Store, tmp_path: Path) -> None:
    (run,) = earlier.run_ids("tiny")
    record = earlier.record("tiny", run, IngestRecord)
    assert record is not None
    publish(earlier, tmp_path / "site", renderer="embedded", now=record.finished)

    assert (tmp_path / "site" / "tiny" / "runs" / f"{run}.html").is_file()
    (case,) = read_status(earlier, now=record.finished).cases
    assert ("done", run) == (case.newest_run.ended, case.newest_run.run_id)


def test_the_next_run_goes_on_with_its_tables_and_its_champion(earlier: Store) -> None:
    champion = earlier.champion("tiny")
    assert champion is not None
    assert earlier.model_bytes("tiny", champion.ref)

    ran = run_case(earlier, "tiny", Order(as_of="2024-02-28"), run_id="next", say=lambda line: None)

    assert "done" == ran.outcome, ran.sentence
    record = earlier.record("tiny", "next", IngestRecord)
    assert record is not None
    assert (2 * 4 * 24, ROWS) == (record.inserted, record.unchanged)
    now = earlier.champion("tiny")
    assert now is not None
    assert champion.ref == now.ref
