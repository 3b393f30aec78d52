"""A home folder in which the toy case has a champion, and a service of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from toy_service import promote, serving, toy_case

from pipeline.case import Case
from pipeline.store import Store


@pytest.fixture
def case() -> Case:
    return toy_case()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A home with a promoted champion of the toy case."""
    store = Store(home=tmp_path / "home")
    promote(store)
    return store


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The service, open to everybody and without limits of rate."""
    folder = tmp_path_factory.mktemp("service")
    with serving(folder, open=True, rate_per_address="0") as served:
        yield served.client
