"""What tests of the live sources share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sources.cache import Cache
from pipeline.sources.http import HttpClient, Patience


@pytest.fixture
def client(tmp_path: Path) -> Iterator[HttpClient]:
    """A client that loses no time between its attempts."""
    with HttpClient(
        cache=Cache(folder=tmp_path / "cache"),
        patience=Patience(connect=2, read=2, whole=20, attempts=2),
        sleep=lambda seconds: None,
        say=lambda line: None,
    ) as entered:
        yield entered
