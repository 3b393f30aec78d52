"""Predictions of folds are recalled when, and only when, all that they follow from is the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, SCHEMA, TASK, Bench, wave_case, waves
from sklearn.base import BaseEstimator

from pipeline.records import TrainRecord
from pipeline.steps import remembered
from pipeline.steps.backtest import Backtest, Competitor, backtest
from pipeline.steps.remembered import Remembered
from pipeline.store import project

DAY = timedelta(days=1)
CASE = wave_case()
FRAME = TASK.frame(waves(days=40), SCHEMA)
FITS: list[int] = []


class Mean(BaseEstimator):  # type: ignore[misc]
    """Says the mean of what it learned and more, and counts how often it learned."""

    def __init__(self, more: float = 0.0) -> None:
        self.more = more

    def fit(self, frame: pd.DataFrame, truth: Any) -> None:
        FITS.append(len(frame))
        self.mean = float(np.mean(truth))

    def predict(self, frame: pd.DataFrame) -> Any:
        return np.full(len(frame), self.mean + self.more)


def folds(end: Any, frame: pd.DataFrame = FRAME) -> Any:
    return TASK.folds(frame, SCHEMA, count=3, length=5 * DAY, end=end)


def done(
    folder: Path,
    end: Any = FIRST + 30 * DAY,
    *,
    frame: pd.DataFrame = FRAME,
    build: Callable[[], Any] = Mean,
    settings: object = "",
    name: str = "mean",
) -> tuple[int, Backtest]:
    """How many fits it took, and what was found."""
    before, windows = len(FITS), folds(end, frame)
    known = Remembered.of(folder, frame, windows, settings=settings)
    competitor = Competitor(name=name, title=name, build=build)
    found = backtest(competitor, CASE, frame, windows, seconds=lambda: 0.0, remembered=known)
    return len(FITS) - before, found


def test_folds_that_were_done_are_not_done_again(tmp_path: Path) -> None:
    """The same predictions come, bit by bit."""
    first, found = done(tmp_path)
    second, again = done(tmp_path)

    assert (3, 0) == (first, second)
    assert (0, 3) == (found.recalled, again.recalled)
    assert found.predicted.tobytes() == again.predicted.tobytes()
    assert found.folds == again.folds


def test_a_schedule_meets_its_older_folds_again(tmp_path: Path) -> None:
    """Rows that have come since the folds change nothing about them."""
    rows = waves(days=45)
    earlier = rows[rows["time"] < FIRST + 40 * DAY].reset_index(drop=True)
    done(tmp_path, frame=TASK.frame(earlier, SCHEMA))
    later = TASK.frame(rows, SCHEMA)
    fits, found = done(tmp_path, FIRST + 35 * DAY, frame=later)
    _, alone = done(tmp_path / "new", FIRST + 35 * DAY, frame=later)

    assert (1, 2) == (fits, found.recalled)
    assert alone.predicted.tobytes() == found.predicted.tobytes()


def revised(row: int, column: str) -> pd.DataFrame:
    frame = FRAME.copy()
    frame.loc[row, column] = frame.loc[row, column] + 1e-9
    return frame


@pytest.mark.parametrize(
    "change",
    [
        {"frame": revised(0, "value")},
        {"frame": revised(300, TASK.history_columns[0])},
        {"frame": FRAME.drop(index=[3])},
        {"frame": FRAME.rename(columns={TASK.history_columns[1]: "other"})},
        {"build": lambda: Mean(1.0)},
        {"settings": "another seed"},
        {"name": "other"},
        {"end": FIRST + 30 * DAY + timedelta(hours=1)},
    ],
)
def test_whatever_is_different_is_done_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    """A value of a row that is learned from, a row less, a setting, a name, the folds' ends."""
    done(tmp_path)

    assert 3 == done(tmp_path, **change)[0]


def test_another_source_or_library_does_all_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a candidate is follows from the package and the libraries."""
    done(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(project, "code_version", lambda: "0+changed")
        assert 3 == done(tmp_path)[0]
    monkeypatch.setattr(remembered, "_libraries", lambda: ("scikit-learn-99.dist-info",))

    assert 3 == done(tmp_path)[0]


def test_damaged_predictions_are_made_anew(tmp_path: Path) -> None:
    """As if they had not been kept."""
    _, found = done(tmp_path)
    for path in tmp_path.glob("*.npy"):
        path.write_bytes(path.read_bytes()[:100])
    fits, again = done(tmp_path)

    assert 3 == fits
    assert found.predicted.tobytes() == again.predicted.tobytes()


def test_rows_that_have_no_bytes_are_not_remembered(tmp_path: Path) -> None:
    """Pictures are objects: what they look like is not in the frame."""
    frame = FRAME.assign(picture=[object() for _ in range(len(FRAME))])

    assert [3, 3] == [done(tmp_path, frame=frame)[0] for _ in range(2)]


def test_those_made_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder does not grow for ever."""
    monkeypatch.setattr(remembered, "MOST", 4)
    done(tmp_path)
    for number, path in enumerate(sorted(tmp_path.glob("*.npy"))):
        os.utime(path, (number, number))
    done(tmp_path, name="other")

    assert 6 == len(list(tmp_path.glob("*.npy")))
    assert 0 == done(tmp_path, name="other")[0]
    assert 4 == len(list(tmp_path.glob("*.npy")))
    assert 0 == done(tmp_path, name="other")[0]


def test_training_recalls_what_it_did(bench: Bench) -> None:
    """And says so; the record holds the same scores."""
    first = bench.do("ingest", "validate", "train").record
    again = bench.do("train").record

    assert isinstance(first, TrainRecord)
    assert isinstance(again, TrainRecord)
    assert [each.folds for each in first.candidates] == [each.folds for each in again.candidates]
    assert first.challenger.calibration == again.challenger.calibration
