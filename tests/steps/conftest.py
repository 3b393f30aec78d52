"""A bench with the hand-made case, for the tests of single steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hand_made import Bench, suite

from pipeline.records import StepName
from pipeline.store import Store, project

Homes = Callable[..., Path]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An empty home, and the expectations of the case."""
    expectations = suite(tmp_path)
    monkeypatch.setattr(project, "suite", lambda case: expectations)
    return Bench(store=Store.at(tmp_path / "home"))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Homes of the case in which steps of `run-1` were done, each once for all tests."""
    expectations = suite(tmp_path_factory.mktemp("suite"))
    known: dict[Any, Path] = {}

    def after(*steps: StepName, **parameters: Any) -> Path:
        key = (steps, tuple(sorted(parameters.items())))
        if key not in known:
            home = tmp_path_factory.mktemp("begun") / "home"
            if steps[:-1]:
                shutil.copytree(after(*steps[:-1], **parameters), home)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(project, "suite", lambda case: expectations)
                Bench(store=Store.at(home)).do(steps[-1], **parameters)
            known[key] = home
        return known[key]

    return after


@pytest.fixture
def begun(bench: Bench, homes: Homes) -> Callable[..., Bench]:
    """Gives the bench once these steps of `run-1` are done; they are those of the case as it is."""

    def after(*steps: StepName, **parameters: Any) -> Bench:
        shutil.copytree(homes(*steps, **parameters), bench.store.home)
        return bench

    return after
