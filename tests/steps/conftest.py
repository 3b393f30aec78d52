"""A bench with the hand-made case, for the tests of single steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made import Bench, suite

from pipeline.store import Store, project


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An empty home, and the expectations of the case."""
    expectations = suite(tmp_path)
    monkeypatch.setattr(project, "suite", lambda case: expectations)
    return Bench(store=Store.at(tmp_path / "home"))
