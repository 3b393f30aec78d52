"""MLflow shows what the records say, once, and nothing more."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.records import PromoteRecord, TrainRecord
from pipeline.store import Store
from pipeline.store.experiments import ALIAS, CANDIDATE, DIGEST, RUN, connected
from pipeline.store.locks import take_turns
from pipeline.store.tracking import catch_up, mirror

NAME = "vigie-tiny"


@pytest.fixture(scope="module")
def tracked(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A home after one run, mirrored; making the database takes seconds, so it is made once."""
    home = tmp_path_factory.mktemp("tracked") / "home"
    shutil.copytree(tiny_home, home)
    store = Store.at(home)
    mirror(store, ["tiny"], say=lambda line: None)
    return store


@pytest.fixture
def copied(tracked: Store, tmp_path: Path) -> Store:
    shutil.copytree(tracked.home, tmp_path / "home")
    return Store.at(tmp_path / "home")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def client_of() -> Iterator[Any]:
    """A reader of a store's database, as `mlflow ui` opens it."""
    opened = []

    def read(store: Store) -> Any:
        manager = connected(store)
        opened.append(manager)
        return manager.__enter__()

    yield read
    for manager in opened:
        manager.__exit__(None, None, None)


def runs_of(client: Any) -> list[Any]:
    experiment = client.get_experiment_by_name("tiny")
    return list(client.search_runs([experiment.experiment_id]))


def second_run(store: Store, *, digest: str) -> None:
    """A second training and promotion a week later, whose model has that digest."""
    trained = store.record("tiny", "first", TrainRecord)
    promoted = store.record("tiny", "first", PromoteRecord)
    whole = store.run_record("tiny", "first")
    assert trained is not None
    assert promoted is not None
    assert whole is not None
    later = {"run_id": "second", "as_of": trained.as_of + timedelta(days=7)}
    ref = promoted.champion.ref.model_copy(update={"run_id": "second", "sha256": digest})
    champion = promoted.champion.model_copy(update={"ref": ref})
    store.write_record(trained.model_copy(update=later))
    store.write_record(promoted.model_copy(update=later | {"champion": champion}))
    store.write_run(whole.model_copy(update=later))


def test_every_candidate_of_every_training_is_a_run(tracked: Store, client_of: Any) -> None:
    """With its parameters, its scores by fold and their means, as the record has them."""
    record = tracked.record("tiny", "first", TrainRecord)
    assert record is not None
    client = client_of(tracked)
    found = {run.data.tags[CANDIDATE]: run for run in runs_of(client)}

    assert sorted(found) == sorted(candidate.name for candidate in record.candidates)
    for candidate in record.candidates:
        run = found[candidate.name]
        history = client.get_metric_history(run.info.run_id, "rmse")
        assert run.data.tags[RUN] == "first"
        assert run.info.status == "FINISHED"
        assert [point.value for point in sorted(history, key=lambda point: point.step)] == [
            fold.scores["rmse"] for fold in candidate.folds
        ]
        assert run.data.metrics["mean_rmse"] == candidate.scores["rmse"]
        assert run.data.metrics["skill"] == candidate.skill
        assert run.data.params == {name: str(v) for name, v in record.parameters.items()}


def test_the_alias_points_to_the_version_with_the_champions_digest(
    tracked: Store, client_of: Any
) -> None:
    """And that version to the file that serves."""
    champion = tracked.champion("tiny")
    assert champion is not None
    version = client_of(tracked).get_model_version_by_alias(NAME, ALIAS)

    assert version.tags[DIGEST] == champion.ref.sha256
    assert version.tags[CANDIDATE] == champion.ref.candidate
    folder = tracked.run_folder("tiny", "first") / "train"
    assert version.source == folder.as_uri()


def test_mirroring_again_adds_nothing_and_says_nothing(
    copied: Store, client_of: Any, said: list[str]
) -> None:
    """A second pass finds everything there."""
    client = client_of(copied)
    before = {run.info.run_id for run in runs_of(client)}
    mirror(copied, ["tiny"], say=said.append)

    assert {run.info.run_id for run in runs_of(client)} == before
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1
    assert said == []


def test_a_new_champion_takes_the_alias_with_a_version_of_its_own(
    copied: Store, client_of: Any, said: list[str]
) -> None:
    """The old version stays; only the alias moves."""
    second_run(copied, digest="f" * 64)
    mirror(copied, ["tiny"], say=said.append)
    client = client_of(copied)

    assert client.get_model_version_by_alias(NAME, ALIAS).tags[DIGEST] == "f" * 64
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2
    assert len(runs_of(client)) == 4
    assert "2 candidates in" in said[0]


def test_a_champion_that_comes_back_gets_its_old_version(copied: Store, client_of: Any) -> None:
    """A version is told by the digest of its model, so there is one for each model."""
    second_run(copied, digest="f" * 64)
    mirror(copied, ["tiny"], say=lambda line: None)
    shutil.rmtree(copied.run_folder("tiny", "second"))
    mirror(copied, ["tiny"], say=lambda line: None)
    client = client_of(copied)

    assert client.get_model_version_by_alias(NAME, ALIAS).version in (1, "1")
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2


def test_a_database_that_was_lost_is_filled_again(
    tracked: Store, copied: Store, client_of: Any, said: list[str]
) -> None:
    """The records are the truth, and MLflow a view of them."""
    (copied.home / "mlflow.db").unlink()
    mirror(copied, ["tiny"], say=said.append)
    client = client_of(copied)

    assert len(runs_of(client)) == len(runs_of(client_of(tracked)))
    assert client.get_model_version_by_alias(NAME, ALIAS)
    assert said == [f"{'tiny':<10} tracked     2 candidates in {copied.home / 'mlflow.db'}"]


def test_a_case_that_never_trained_makes_no_database(store: Store) -> None:
    """A run that was stopped by its gate waits for no database to be made."""
    mirror(store, ["tiny"], say=lambda line: None)

    assert not (store.home / "mlflow.db").exists()


def test_catching_up_leaves_the_mirroring_nothing_to_add(copied: Store, said: list[str]) -> None:
    """A database that was lost is filled again by either."""
    (copied.home / "mlflow.db").unlink()

    assert catch_up(copied, "tiny") == 2
    mirror(copied, ["tiny"], say=said.append)
    assert (catch_up(copied, "tiny"), said) == (0, [])


def test_only_one_process_writes_at_a_time(copied: Store) -> None:
    """Two at once on a new database break each other's making of it: the second waits."""
    before = (copied.home / "mlflow.db").read_bytes()
    second_run(copied, digest="f" * 64)
    other = threading.Thread(target=mirror, args=(copied, ["tiny"]), kwargs={"say": print})
    with take_turns(copied.home, "mlflow"):
        other.start()
        other.join(timeout=1)

        assert other.is_alive()
        assert (copied.home / "mlflow.db").read_bytes() == before
    other.join()

    assert (copied.home / "mlflow.db").read_bytes() != before
