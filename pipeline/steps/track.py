"""A model's track record: every row that it predicted without having learned from it.

First the rows of its own backtest, each predicted by a model of the same kind that was learned
before it, then the rows that have come since the model itself was learned.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.records import FittedModel, TrainRecord
from pipeline.regions import LEVELS, Calibration, Regions
from pipeline.splits import Stretch
from pipeline.steps.backtest import Backtest
from pipeline.steps.run import Run
from pipeline.tasks import Floats

if TYPE_CHECKING:
    import pandas as pd

OUT_OF_FOLD = "out_of_fold"
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Track:
    """Positions in the frame, rising, and a prediction for each."""

    rows: Places
    predicted: Floats

    def at(self, rows: Places) -> Floats:
        """The predictions for some of the rows; raises `StepError` for others."""
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        if not np.array_equal(self.rows[place], rows):
            raise StepError(
                "A model was asked about rows that it may have learned from. Train again: vigie "
                "run --set retrain=always."
            )
        return np.asarray(self.predicted[place])

    def only(self, rows: Places) -> Track:
        """The part of the track that is among `rows`."""
        kept = np.intersect1d(self.rows, rows)
        return Track(rows=kept, predicted=self.at(kept))


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """A model that can be asked again, with its track record up to now."""

    fitted: FittedModel
    model: Any
    track: Track


@dataclass(frozen=True, kw_only=True)
class Recalibrated:
    """What makes a model's regions from now on: of its own level, and of the others."""

    own: Calibration
    others: tuple[Calibration, ...]


def tracked(run: Run, fitted: FittedModel, frame: pd.DataFrame) -> Tracked:
    """Predicts what has come since the model was learned; its backtest's rows come from storage."""
    case = run.case
    model = run.model(fitted.ref)
    fold = case.task.held_out(frame, case.schema, start=fitted.ref.learned.end, end=run.as_of)
    own = np.sort(fold.test)
    if case.schema.time is not None and not fold.division:
        known = frame[case.schema.time].iloc[own] + case.schema.known_after
        own = own[(known > fitted.ref.learned.end).to_numpy()]
    new = Track(rows=own, predicted=case.task.predict(model, frame.iloc[own]))
    return Tracked(fitted=fitted, model=model, track=_joined(_out_of_fold(run, fitted, frame), new))


def out_of_fold(case: Case, frame: pd.DataFrame, roles: dict[str, Backtest]) -> pd.DataFrame:
    """What a training keeps of its backtests: keys, and the predictions of each role."""
    (rows,) = {tuple(each.rows.tolist()) for each in roles.values()}
    kept = frame.iloc[list(rows)][list(case.schema.key)].reset_index(drop=True)
    predictions = {
        role: each.predicted if each.predicted.ndim == 1 else list(each.predicted)
        for role, each in roles.items()
    }
    return kept.assign(**predictions)


def rolling_regions(
    case: Case, frame: pd.DataFrame, track: Track, held_out: Places, kept: Calibration
) -> Regions:
    """The regions of the held-out rows, in their order, each calibrated anew on the errors that
    were known when its stretch began; by `kept` where the track holds nothing older.
    """
    rows = np.concatenate([np.setdiff1d(track.rows, held_out), held_out])
    first, table = len(rows) - len(held_out), _light(frame, case).iloc[rows]
    predicted, truth = track.at(rows), case.task.truth(table, case.schema)

    def regions(stretch: Stretch) -> Regions:
        known, new = stretch.known, stretch.new
        calibration = case.task.calibrate(
            table.iloc[known], case.schema, truth[known], predicted[known], level=kept.level
        )
        return case.task.regions(
            calibration, table.iloc[new], case.schema, predicted[new], level=kept.level
        )

    if not first:
        return case.task.regions(kept, table, case.schema, predicted, level=kept.level)
    stretches = case.task.refreshes(table, case.schema, first=first)
    parts = [regions(stretch) for stretch in stretches]
    order = np.argsort(np.concatenate([stretch.new for stretch in stretches]))
    return parts[0].joined(parts[1:], order)


def _light(frame: pd.DataFrame, case: Case) -> pd.DataFrame:
    """What regions are told by, since every stretch takes its rows of it anew: the columns of the
    schema without those that a task adds to predict by, and words as the objects that they are
    labelled with.
    """
    columns = [column for column in case.schema.columns if column.name in frame]
    words = {column.name: object for column in columns if column.kind in ("category", "text")}
    return frame[[column.name for column in columns]].astype(words)


def recalibrated(case: Case, frame: pd.DataFrame, track: Track, own: float) -> Recalibrated:
    """From all errors that are known by now, for a model's own level and all that may be asked
    for, without those for which the errors are too few; raises `StepError` where its own is.
    """
    rows = frame.iloc[track.rows]
    truth = case.task.truth(rows, case.schema)
    levels = (own, *(level for level in LEVELS if level != own))
    found = case.task.calibrations(rows, case.schema, truth, track.predicted, levels=levels)
    if not found or found[0].level != own:
        case.task.calibrate(rows, case.schema, truth, track.predicted, level=own)
    return Recalibrated(own=found[0], others=found[1:])


def _out_of_fold(run: Run, fitted: FittedModel, frame: pd.DataFrame) -> Track:
    """The stored predictions, found again by key: rows that are gone since are left out."""
    import pandas as pd

    ref, case = fitted.ref, run.case
    trained = run.store.record(case.name, ref.run_id, TrainRecord)
    known = [file for file in trained.files if file.name == OUT_OF_FOLD] if trained else []
    if not known:
        return Track(rows=np.array([], dtype=np.intp), predicted=np.array([]))
    stored = pd.read_parquet(io.BytesIO(run.store.file_bytes(case.name, ref.run_id, known[0])))
    role = ref.path.removesuffix(".skops").rpartition("/")[2]
    key = list(case.schema.key)
    positions = frame[key].assign(position=np.arange(len(frame)))
    found = positions.merge(stored[[*key, role]], on=key, how="inner").sort_values("position")
    if found["position"].duplicated().any():
        raise StepError(
            f"Rows of case {case.name!r} share a key of {key!r}: predictions can't be told apart."
        )
    predicted = np.array(found[role].tolist(), dtype=np.float64)
    return Track(rows=found["position"].to_numpy(dtype=np.intp), predicted=predicted)


def _joined(older: Track, newer: Track) -> Track:
    """Where both predicted a row, the model itself counts."""
    if not len(older.rows):
        return newer
    kept = older.only(np.setdiff1d(older.rows, newer.rows))
    rows = np.concatenate([kept.rows, newer.rows])
    predicted = np.concatenate([kept.predicted, newer.predicted])
    order = np.argsort(rows)
    return Track(rows=rows[order], predicted=predicted[order])
