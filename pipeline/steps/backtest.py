"""Scores of a candidate on every fold, each time learned anew from the fold's own training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline import workers
from pipeline.case import Case
from pipeline.records import FoldScores, Scores
from pipeline.splits import Fold
from pipeline.steps.remembered import Remembered
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """Out-of-fold predictions of one candidate and their scores."""

    name: str
    title: str
    baseline: bool
    not_eligible: str
    build: Callable[[], Any]
    folds: tuple[FoldScores, ...]
    rows: NDArray[np.intp]
    """Positions in the frame of all folds' test rows, one fold after the other."""
    truth: Truth
    predicted: Floats
    """Of these rows."""
    seconds: float
    """Of all fits and predictions together, one after the other."""
    recalled: int = 0
    """Folds whose predictions had been made before."""

    @property
    def scores(self) -> Scores:
        """Means over folds of the scores that every fold has."""
        return {name: float(np.mean(values)) for name, values in self._by_score().items()}

    @property
    def spread(self) -> Scores:
        """Standard deviations over folds; 0 for a single fold."""
        return {name: float(np.std(values)) for name, values in self._by_score().items()}

    def worst(self, primary: str) -> float:
        """The primary score on the worst fold."""
        return max(fold.scores[primary] for fold in self.folds)

    def _by_score(self) -> dict[str, list[float]]:
        common = set.intersection(*(set(fold.scores) for fold in self.folds))
        return {
            name: [fold.scores[name] for fold in self.folds]
            for name in self.folds[0].scores
            if name in common
        }


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """What takes part: a candidate of the case, or the task's baseline."""

    name: str
    title: str
    build: Callable[[], Any]
    baseline: bool = False
    not_eligible: str = ""


def backtest(
    competitor: Competitor,
    case: Case,
    frame: pd.DataFrame,
    folds: Sequence[Fold],
    *,
    seconds: Callable[[], float],
    remembered: Remembered | None = None,
) -> Backtest:
    """That of one competitor, as `backtests`."""
    (found,) = backtests([competitor], case, frame, folds, seconds=seconds, remembered=remembered)
    return found


def backtests(
    competitors: Sequence[Competitor],
    case: Case,
    frame: pd.DataFrame,
    folds: Sequence[Fold],
    *,
    seconds: Callable[[], float],
    remembered: Remembered | None = None,
) -> Iterator[Backtest]:
    """Each competitor in turn, fitted on each fold's past to predict its rows; `seconds` is a
    clock.

    Fits go side by side, and each gets the share of the cores that this leaves it. One whose
    predictions are remembered is not done again.
    """
    truth = case.task.truth(frame, case.schema)
    # A description of all settings: to write one takes as long as to fit a small model.
    settings = [repr(each.build()) if remembered is not None else "" for each in competitors]
    known = [
        _recalled(competitor, described, folds, remembered)
        for competitor, described in zip(competitors, settings, strict=True)
    ]
    new = [
        (competitor, fold)
        for competitor, recalled in zip(competitors, known, strict=True)
        for fold in folds
        if fold.name not in recalled
    ]
    made = _side_by_side(new, case, frame, truth, seconds)
    for competitor, described, recalled in zip(competitors, settings, known, strict=True):
        missing = [fold for fold in folds if fold.name not in recalled]
        fits = dict(zip((fold.name for fold in missing), made, strict=False))
        if remembered is not None:
            for fold in missing:
                remembered.keep(competitor.name, described, fold, fits[fold.name].predicted)
        yield _backtest(competitor, case, truth, folds, recalled, fits)


def _backtest(
    competitor: Competitor,
    case: Case,
    truth: Truth,
    folds: Sequence[Fold],
    recalled: Mapping[str, Floats],
    fits: Mapping[str, Timed],
) -> Backtest:
    known = {**recalled, **{name: fit.predicted for name, fit in fits.items()}}
    predicted = [known[fold.name] for fold in folds]
    scored = [
        _fold_scores(case, fold, truth[fold.test], found)
        for fold, found in zip(folds, predicted, strict=True)
    ]
    return Backtest(
        name=competitor.name,
        title=competitor.title,
        baseline=competitor.baseline,
        not_eligible=competitor.not_eligible,
        build=competitor.build,
        folds=tuple(scored),
        rows=np.concatenate([fold.test for fold in folds]),
        truth=np.concatenate([truth[fold.test] for fold in folds]),
        predicted=np.concatenate(predicted),
        seconds=round(sum(fit.seconds for fit in fits.values()), 2),
        recalled=len(recalled),
    )


def window_scores(
    case: Case, rows: pd.DataFrame, tested: Backtest
) -> tuple[tuple[float, ...], float]:
    """The primary score on every window of the folds that is as long as the current one, a block
    after the one before, and how many such windows the folds are long.

    Without a time column, or with folds too short for a window and a half, each fold is a window.
    """
    primary, length, step = case.task.primary, case.windows.current, case.windows.block
    of_folds = tuple(fold.scores[primary] for fold in tested.folds)
    if case.schema.time is None:
        return of_folds, len(of_folds)
    times = rows[case.schema.time]
    first, span = times.min(), times.max() + case.schema.known_after - times.min()
    if span < 1.5 * length:
        return of_folds, len(of_folds)
    order = np.argsort(times.astype("int64").to_numpy(), kind="stable")
    starts = [first + number * step for number in range(int((span - length) / step) + 1)]
    ends = [start + length for start in starts]
    bounds = times.iloc[order].searchsorted([*starts, *ends])
    windows = (
        order[start:end]
        for start, end in zip(bounds[: len(starts)], bounds[len(starts) :], strict=True)
        if end > start
    )
    return tuple(
        case.task.metrics(tested.truth[window], tested.predicted[window])[primary]
        for window in windows
    ), float(span / length)


def fitted(build: Callable[[], Any], frame: pd.DataFrame, truth: Truth, *, cores: int = -1) -> Any:
    """A model learned from the frame, on that many cores; -1 for all that the process may use.

    Models that are left to themselves (`n_jobs=None`) predict on one core, so that sums over their
    parts are always made in the same order and give the same bits.
    """
    import joblib

    model = build()
    with joblib.parallel_config(backend="threading", n_jobs=cores):
        model.fit(frame, truth)
    return model


def _recalled(
    competitor: Competitor, settings: str, folds: Sequence[Fold], remembered: Remembered | None
) -> dict[str, Floats]:
    if remembered is None:
        return {}
    found = {fold.name: remembered.recall(competitor.name, settings, fold) for fold in folds}
    return {name: predicted for name, predicted in found.items() if predicted is not None}


Fit: TypeAlias = tuple[Competitor, Fold]


class Timed(NamedTuple):
    """Predictions for a fold, and how long it took to make them."""

    predicted: Floats
    seconds: float


def _side_by_side(
    fits: Sequence[Fit],
    case: Case,
    frame: pd.DataFrame,
    truth: Truth,
    seconds: Callable[[], float],
) -> Iterator[Timed]:
    """Each in turn; by the workers of this kernel where it has some, else on threads."""
    import joblib

    cores = joblib.cpu_count()
    at_once = max(1, min(len(fits), cores))
    fit = partial(_timed, case, frame, truth, cores // at_once, seconds)
    packed = workers.packed(fit, rows=int(frame.memory_usage().sum())) if at_once > 1 else None
    if packed is not None:
        kinds = [(competitor.name, fold.name) for competitor, fold in fits]
        return workers.spread(packed, fits, kinds=kinds)
    spread = joblib.Parallel(n_jobs=at_once, backend="threading", return_as="generator")
    return iter(spread(joblib.delayed(fit)(each) for each in fits))


def _timed(
    case: Case,
    frame: pd.DataFrame,
    truth: Truth,
    cores: int,
    seconds: Callable[[], float],
    fit: Fit,
) -> Timed:
    competitor, fold = fit
    began = seconds()
    model = fitted(competitor.build, frame.iloc[fold.train], truth[fold.train], cores=cores)
    predicted = case.task.predict(model, frame.iloc[fold.test])
    return Timed(predicted, seconds() - began)


def _fold_scores(case: Case, fold: Fold, truth: Truth, predicted: Floats) -> FoldScores:
    return FoldScores(
        fold=fold.name,
        start=fold.origin,
        end=fold.end,
        trained_rows=len(fold.train),
        scores=case.task.metrics(truth, predicted),
    )
