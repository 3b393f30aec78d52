"""What tests of several folders share: the real data, and cases small enough to run whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import pipeline.case
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.store import Store

FAKES = Path(__file__).parent / "fakes"
CHECKOUT = Path(__file__).parent.parent
sys.path.insert(0, str(FAKES))

# What lands is judged by the same examples each time; `make explore` looks for new ones.
# How long an example takes says more of the machine than of the code: no clock fails a test.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
untimed = settings.get_profile("untimed")
settings.register_profile("same", untimed, derandomize=True)
settings.register_profile("explore", untimed)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


LONGEST = (
    "schedule/test_replay.py",
    "test_notebooks.py",
    "sources/test_mutations.py",
    "steps/test_price.py",
    "runner/test_overlap.py",
    "runner/test_schedule.py",
    "steps/test_evaluate.py",
    "store/test_postgresql.py",
    "bento/test_process.py",
    "bento/test_fuzz.py",
    "cases/test_states_backtest.py",
    "runner/test_killed.py",
    "schedule/test_airflow.py",
    "suites/test_batched.py",
    "publish/test_readers.py",
    "runner/test_offline.py",
)
"""Files of half a minute and more. They come first: no worker is left with one at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The publishers' real files, one folder a case."""
    folder = Path(os.environ.get("VIGIE_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; name its folder in VIGIE_DATA")
    return folder


@pytest.fixture
def small_cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The cases are `tiny` and `broken`, and notebooks are executed in this process."""
    import in_process

    in_process.apply(monkeypatch.setattr)
    yield
    monkeypatch.undo()
    pipeline.case.find_cases.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A home that does not exist yet."""
    return Store.at(tmp_path / "home")


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after one run `first` of the tiny case; copy it before writing to it."""
    home = tmp_path_factory.mktemp("tiny") / "home"
    with pytest.MonkeyPatch.context() as patch:
        import in_process

        in_process.apply(patch.setattr)
        ran = run_case(Store.at(home), "tiny", Order(), run_id="first", say=lambda line: None)
    pipeline.case.find_cases.cache_clear()
    assert (ran.outcome, ran.sentence) == ("done", ran.sentence), ran.sentence
    return home


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `gh` of our own on the path; the folder that it keeps everything in."""
    from github_job import install_gh

    for name, value in install_gh(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "github"
