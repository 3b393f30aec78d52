"""Old runs go; the champion, its model and the tables that kept runs read stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import StateError
from pipeline.records import DriftRecord, ValidateRecord
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.snapshots.pruning import prune_home
from pipeline.store import Store
from pipeline.store.locks import hold
from pipeline.store.tables import Table


@pytest.fixture
def grown(tiny_home: Path, tmp_path: Path, small_cases: None) -> Store:
    """A home with three runs; the first one's model serves unless a later one is better."""
    shutil.copytree(tiny_home, tmp_path / "home")
    store = Store.at(tmp_path / "home")
    for run_id in ("second", "third"):
        ran = run_case(store, "tiny", Order(anew="1-ingest"), run_id=run_id, say=lambda line: None)
        assert "done" == ran.outcome, ran.sentence
    return store


def test_the_champion_can_still_be_loaded_after_old_runs_went(grown: Store) -> None:
    champion = grown.champion("tiny")
    assert champion is not None
    before = grown.model_bytes("tiny", champion.ref)

    prune_home(grown, 1)

    assert champion == grown.champion("tiny")
    assert before == grown.model_bytes("tiny", champion.ref)


def test_the_newest_runs_stay_and_the_others_are_counted(grown: Store) -> None:
    before = grown.run_ids("tiny")
    champion = grown.champion("tiny")
    assert champion is not None

    cut = prune_home(grown, 2)["tiny"]

    kept = {*before[-2:], champion.ref.run_id}
    assert kept <= set(grown.run_ids("tiny"))
    assert len(before) - len(grown.run_ids("tiny")) == cut.runs


def test_what_a_kept_run_took_over_stays(grown: Store) -> None:
    """Its page of the drift is the one that the run before it made."""
    taken = run_case(
        grown, "tiny", Order(own={"margin": 0.5}), run_id="zero", say=lambda line: None
    )
    prune_home(grown, 1)

    assert "third" == taken.reused["3-drift"]
    assert grown.record("tiny", "zero", DriftRecord) is not None


def test_what_a_kept_run_has_judged_can_still_be_read(grown: Store) -> None:
    from pipeline.case import find_case

    prune_home(grown, 1)

    newest = grown.run_ids("tiny")[-1]
    record = grown.record("tiny", newest, ValidateRecord)
    assert record is not None
    rows = grown.validated("tiny", find_case("tiny").schema, record)
    assert record.rows - record.quarantined == rows.num_rows


def test_data_files_of_versions_that_nobody_reads_go(tmp_path: Path) -> None:
    table = Table(path=tmp_path / "quarantine")
    for number in range(4):
        table.replace(pa.table({"a": [number]}))

    gone = table.forget_all_but([1])

    assert (2, 3) == (gone, table.version())
    assert ([1], [3]) == (table.read(1)["a"].to_pylist(), table.read()["a"].to_pylist())
    with pytest.raises(StateError):
        table.read(0)


def test_a_case_that_is_being_run_is_not_pruned(grown: Store) -> None:
    with hold(grown.home, "tiny", "06:13"), pytest.raises(StateError, match="is being run by"):
        prune_home(grown, 1)
