"""From a promotion to a folder that can be served: the champion, checked, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.bounds import Newest
from pipeline.case import Case
from pipeline.errors import ServiceError, StateError, VigieError
from pipeline.packaging import export_champions, pack, read_bundles, serve
from pipeline.packaging.requirements import pinned_requirements
from pipeline.store import Store, project


@pytest.fixture
def cases(case: Case) -> dict[str, Case]:
    return {case.name: case}


def test_the_champion_is_exported_with_its_card(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """A case with a champion becomes a folder of model, history and card."""
    (bundle,) = export_champions(store, tmp_path / "out", cases=cases)

    assert tmp_path / "out" / "toy" == bundle.folder
    assert [
        "calibrations.json",
        "card.json",
        "history.parquet",
        "model.skops",
        "observations.parquet",
    ] == sorted(path.name for path in bundle.folder.iterdir())
    champion = store.champion("toy")
    assert champion is not None
    assert (champion.ref.sha256, champion.ref.run_id) == (bundle.card.sha256, bundle.card.run_id)
    assert "Ridge regression" == bundle.card.candidate_title
    assert bundle.card.simulated
    assert 0.9 == bundle.card.level


def test_the_history_is_as_long_as_a_prediction_looks_back(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """Two days of both counters are kept, without the row in quarantine."""
    import pyarrow.parquet as pq

    (bundle,) = export_champions(store, tmp_path / "out", cases=cases)

    rows = pq.read_table(bundle.history_path).to_pylist()
    assert 2 * 48 - 1 == len(rows)
    newest = max(row["hour"] for row in rows)
    assert newest == bundle.card.data_as_of
    assert ("north", newest) not in {(row["counter"], row["hour"]) for row in rows}


def test_rows_beyond_what_models_take_are_exported_without_holding_them(
    store: Store, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows in the same order, and the same history, as where all of them are held."""
    import pyarrow.parquet as pq

    (held,) = export_champions(store, tmp_path / "held", cases={"toy": case})
    bounded = replace(case, bound=Newest(most=100))
    whole = Store.validated

    def never_whole(*given: Any) -> pa.Table:
        assert given[-1] is not None
        return whole(*given)

    monkeypatch.setattr(Store, "validated", never_whole)
    (streamed,) = export_champions(store, tmp_path / "streamed", cases={"toy": bounded})

    assert held.history_bytes() == streamed.history_bytes()
    one, other = (pq.read_table(each.observations_path()) for each in (held, streamed))
    assert one.num_rows > 100
    assert one.to_pylist() == other.to_pylist()


def test_an_export_is_repeated_byte_for_byte(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """The same records give the same three files."""
    digests = []
    for name in ("one", "two"):
        (bundle,) = export_champions(store, tmp_path / name, cases=cases)
        digests.append([hashlib.sha256(p.read_bytes()).digest() for p in bundle.folder.iterdir()])

    assert sorted(digests[0]) == sorted(digests[1])


def test_an_export_replaces_what_was_there(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """Nothing of an earlier export is left, and no work folder either."""
    (tmp_path / "out" / "gone").mkdir(parents=True)

    export_champions(store, tmp_path / "out", cases=cases)

    assert ["toy"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert {"home", "out"} == {path.name for path in tmp_path.iterdir()}


def test_a_model_that_was_changed_is_not_exported(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """A file that isn't what was promoted stops the export; the last one stays."""
    export_champions(store, tmp_path / "out", cases=cases)
    (model,) = store.home.rglob("model.skops")
    model.write_bytes(model.read_bytes() + b" ")

    with pytest.raises(StateError, match="damaged"):
        export_champions(store, tmp_path / "out", cases=cases)

    assert 1 == len(read_bundles(tmp_path / "out"))


@pytest.mark.parametrize("name", ["model.skops", "history.parquet"])
def test_a_file_that_was_changed_after_the_export_is_refused(
    store: Store, cases: dict[str, Case], tmp_path: Path, name: str
) -> None:
    """The service loads only what the card describes."""
    (bundle,) = export_champions(store, tmp_path / "out", cases=cases)
    (bundle.folder / name).write_bytes(b"something else")

    with pytest.raises(ServiceError, match=rf"{name} is not what was exported"):
        (bundle.model_bytes(), bundle.history_bytes())


def test_a_missing_file_is_named(store: Store, cases: dict[str, Case], tmp_path: Path) -> None:
    """A bundle that lacks a file says which, and what to do."""
    (bundle,) = export_champions(store, tmp_path / "out", cases=cases)
    (bundle.folder / "model.skops").unlink()

    with pytest.raises(ServiceError, match=r"model\.skops can't be read.*Export"):
        bundle.model_bytes()


def test_a_card_of_another_version_is_refused(tmp_path: Path) -> None:
    """A card with unknown fields or none is refused, with each problem."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "card.json").write_text('{"case": "toy", "colour": "red"}')

    with pytest.raises(ServiceError, match=r"not a model card(.|\n)*colour: Extra"):
        read_bundles(tmp_path)


def test_no_champion_is_an_error_with_the_remedy(cases: dict[str, Case], tmp_path: Path) -> None:
    """Serving and packing before the first run say to run."""
    store = Store(home=tmp_path / "empty")

    for act in (lambda: serve(store, port=0, cases=cases), lambda: pack(store, cases=cases)):
        with pytest.raises(ServiceError, match="vigie run"):
            act()


def test_a_disk_that_fails_leaves_the_last_export(
    store: Store, cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new folder can't be put in place, the error names it and the old one stays."""
    export_champions(store, tmp_path / "out", cases=cases)

    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(StateError, match=r"out can't be written: No space left on device"):
            export_champions(store, tmp_path / "out", cases=cases)

    assert 1 == len(read_bundles(tmp_path / "out"))
    assert {"home", "out"} == {path.name for path in tmp_path.iterdir()}


def test_an_empty_folder_is_no_service(tmp_path: Path) -> None:
    """A service without champions says how to get some."""
    with pytest.raises(ServiceError, match="vigie run"):
        read_bundles(tmp_path)


def test_an_archive_needs_a_known_ending(store: Store, cases: dict[str, Case]) -> None:
    """A wrong name is refused before anything is built."""
    with pytest.raises(ServiceError, match=r"End it with one of: \.bento"):
        pack(store, Path("out.txt"), cases=cases)


def test_a_taken_port_is_told(store: Store, cases: dict[str, Case]) -> None:
    """A port that another program holds is an error before anything starts."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServiceError, match=rf"port {port}.*--port"):
            serve(store, port=port, cases=cases)


def test_a_folder_that_cannot_be_written_is_told(
    store: Store, cases: dict[str, Case], tmp_path: Path
) -> None:
    """A file where the folder should go is an error of ours."""
    (tmp_path / "file").write_text("")

    with pytest.raises(VigieError, match="can't be written"):
        export_champions(store, tmp_path / "file" / "out", cases=cases)


def test_requirements_are_a_pinned_part_of_the_lock() -> None:
    """The Bento installs what the service needs at the lock's versions, and no notebooks."""
    pins = pinned_requirements(project.ROOT / "bento" / "requirements.txt", project.LOCK_FILE)

    names = {pin.partition("==")[0] for pin in pins}
    assert {"bentoml", "scikit-learn", "skops", "starlette"} <= names
    assert not {"mlflow", "papermill", "great-expectations", "jupyterlab"} & names
    lines = set(project.LOCK_FILE.read_text().splitlines())
    assert all(f"{pin} \\" in lines for pin in pins)


def test_a_requirement_that_is_not_locked_is_named(tmp_path: Path) -> None:
    """A root that the lock file lacks is an error that names it."""
    (tmp_path / "roots.txt").write_text("# why\nskops\n")
    (tmp_path / "lock").write_text("numpy==2.0.0 \\\n    --hash=sha256:0\n")

    with pytest.raises(ServiceError, match=r"(?s)Lock again.*- skops"):
        pinned_requirements(tmp_path / "roots.txt", tmp_path / "lock")


def test_a_requirement_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """A root that the environment lacks is an error that names it."""
    (tmp_path / "roots.txt").write_text("no-such-distribution\n")
    (tmp_path / "lock").write_text("")

    with pytest.raises(ServiceError, match=r"'no-such-distribution'.*make setup"):
        pinned_requirements(tmp_path / "roots.txt", tmp_path / "lock")
