"""A look that found nothing to do need not be taken again while nothing has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline.case
from pipeline import seals
from pipeline.runner import Order, run_cases
from pipeline.seals import path_of, sealed
from pipeline.store import Store

ORDER = Order()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout, last changed long ago."""
    for name in (
        "pipeline/a.py",
        "notebooks/1.ipynb",
        "expectations/tiny.json",
        "requirements.lock",
    ):
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    monkeypatch.setattr(seals, "ROOT", tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def home(
    tiny_home: Path,
    tmp_path: Path,
    checkout: Path,
    small_cases: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A home of the tiny case that was sealed by a run with nothing to do."""
    monkeypatch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)
    shutil.copytree(tiny_home, tmp_path / "home")
    run_cases(Store.at(tmp_path / "home"), ["tiny"], ORDER, say=lambda line: None)
    return tmp_path / "home"


def test_a_sealed_case_names_the_run_that_stands(home: Path) -> None:
    """With its sentence; the time of the look is that of the seal."""
    os.utime(path_of(home, "tiny"), (1, 1))
    found = sealed(home, "tiny", ORDER.asked)
    looked = Store.at(home).check("tiny")
    assert found is not None
    assert looked is not None

    assert (found.run_id, found.outcome) == ("first", "done")
    assert path_of(home, "tiny").stat().st_mtime > 1
    assert not looked.new


def add(name: str) -> Callable[[Path, Path], None]:
    def change(checkout: Path, home: Path) -> None:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("new")

    return change


def edit(checkout: Path, home: Path) -> None:
    (checkout / "pipeline" / "a.py").write_text("edited")


def run(checkout: Path, home: Path) -> None:
    order = Order(own={"margin": 0.5})
    run_cases(Store.at(home), ["tiny"], order, say=lambda line: None)


def tidy(checkout: Path, home: Path) -> None:
    (home / "runs" / "tiny" / "first" / "drift" / "record.json").unlink()


def drop(checkout: Path, home: Path) -> None:
    shutil.rmtree(home / "tables" / "tiny" / "quarantine")


def damage(checkout: Path, home: Path) -> None:
    path_of(home, "tiny").write_text(json.dumps({"digest": "x"}))


@pytest.mark.parametrize(
    "change",
    [
        edit,
        add("pipeline/cases/new/__init__.py"),
        add("notebooks/7.ipynb"),
        run,
        tidy,
        drop,
        damage,
    ],
)
def test_whatever_changes_breaks_the_seal(
    home: Path, checkout: Path, change: Callable[[Path, Path], None]
) -> None:
    """Code, a notebook, another run, a file that is gone; then the look is taken."""
    assert sealed(home, "tiny", ORDER.asked) is not None
    change(checkout, home)

    assert sealed(home, "tiny", ORDER.asked) is None


@pytest.mark.parametrize(
    "asked", [{"as_of": "2024-02-20"}, {"source": "files"}, {"own": {"alpha": 0.1}}, {"data": "x"}]
)
def test_another_order_is_not_sealed(home: Path, asked: dict[str, Any]) -> None:
    """The seal is for what was asked."""
    assert sealed(home, "tiny", Order(**asked).asked) is None


def test_what_was_edited_just_now_is_not_sealed(home: Path, checkout: Path) -> None:
    """It may be edited again within the same tick of the clock."""
    edit(checkout, home)
    run_cases(Store.at(home), ["tiny"], ORDER, say=lambda line: None)

    assert not path_of(home, "tiny").exists()


def test_files_of_the_source_belong_to_it(home: Path, tmp_path: Path) -> None:
    """A file more, and the look is taken."""
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    (folder / "waves.csv").write_text("waves")
    os.utime(folder / "waves.csv", (1_700_000_000, 1_700_000_000))
    order = Order(source="files", data=str(tmp_path / "data"))
    real = tmp_path / "real"
    run_cases(Store.at(real), ["tiny"], order, say=lambda line: None)
    before = sealed(real, "tiny", order.asked)
    (folder / "more.csv").write_text("more")

    assert before is not None
    assert sealed(real, "tiny", order.asked) is None


def test_a_case_that_was_never_run_is_not_sealed(checkout: Path, tmp_path: Path) -> None:
    """Nor is one without a home."""
    assert sealed(tmp_path / "none", "tiny", ORDER.asked) is None


def test_the_folders_of_cases_are_the_cases() -> None:
    """Both ways to find them agree."""
    pipeline.case.find_cases.cache_clear()

    assert seals.case_names() == list(pipeline.case.find_cases())


def test_looking_at_a_seal_imports_nothing_heavy() -> None:
    """That is what it is for."""
    code = (
        "import sys, pipeline.cli, pipeline.seals;"
        "print([n for n in ('numpy', 'pyarrow', 'pydantic', 'pandas') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout == "[]\n"
