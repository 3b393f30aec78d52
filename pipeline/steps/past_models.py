"""A model learned at the start of every stretch of a case's past, and what each would have said.

All policies walk the same models, so that they differ in nothing but when they train.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.case import Candidate, Case
from pipeline.errors import StepError
from pipeline.models import dump_model, load_model
from pipeline.options import DriftOptions
from pipeline.policies import History
from pipeline.saying import Say
from pipeline.splits import Fold
from pipeline.steps.backtest import fitted
from pipeline.steps.decide import drifted_share
from pipeline.steps.importance import importance
from pipeline.steps.shifts import compare_windows
from pipeline.steps.stretches import known_at
from pipeline.store import project
from pipeline.store.atomic import write_bytes
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 16
"""Fewer stretches than this tell nothing of policies."""
WINDOW = 4
"""Stretches in the current window: a new model every window is the policy by the calendar."""


def stretch_of(case: Case) -> timedelta:
    """A quarter of the window that the drift step looks at: a week, where that is 28 days; a block
    at least, since shorter stretches would have no rows where they come once a year.
    """
    return max(case.windows.current / WINDOW, case.windows.block)


def whole(length: timedelta, stretch: timedelta) -> int:
    """How many stretches hold that length: a model of the past never learns from what a run would
    have held out.
    """
    return -(-length // stretch)


def stretches_between(case: Case, oldest: datetime, newest: datetime) -> int:
    """How many stretches rows of those times have to replay, after what the first model needs."""
    past = _last_end(case, newest) - oldest - case.task.history
    return max(0, int(past / stretch_of(case)) - WINDOW)


def _last_end(case: Case, newest: datetime) -> datetime:
    """When the last stretch that has rows ends: where values come more than a stretch after their
    time, none has come of the newest ones.
    """
    length, known_after = stretch_of(case), case.schema.known_after
    return newest + known_after - length * max(0, whole(known_after, length) - 1)


def stretches_of(case: Case, frame: pd.DataFrame, most: int) -> list[Fold]:
    """At most that many stretches up to the newest row, each with what was known at its start;
    raises `StepError` where the past is too short.
    """
    times, length = frame[str(case.schema.time)], stretch_of(case)
    end = _last_end(case, times.max().to_pydatetime())
    found = stretches_between(case, times.min().to_pydatetime(), times.max().to_pydatetime())
    count = min(most, found)
    if case.schema.known_after >= WINDOW * length:
        raise StepError(
            f"Rows of case {case.name!r} are known {case.schema.known_after.days} days after their "
            f"time: at no moment is one of the current window of {(WINDOW * length).days} days "
            "known, and nothing can be replayed. Make windows.current longer."
        )
    if count < FEWEST:
        raise StepError(
            f"Case {case.name!r} has a past of {count} stretches of {length.days} days to "
            f"replay; {FEWEST} are needed. Ingest more of it."
        )
    starts = [end - length * (count - place) for place in range(count)]
    stretches = [_stretch(case, frame, start, start + length) for start in starts]
    if stretches[0].division:
        # Folds of this task keep groups together: each tests some of them only.
        return stretches
    return list(case.task.folds(frame, case.schema, count=count, length=length, end=end))


def late_by(case: Case, frame: pd.DataFrame, folds: list[Fold]) -> int:
    """Stretches that go by after the end of any of these until all its rows are known."""
    times = frame[str(case.schema.time)]
    known = [times.iloc[fold.test].max() + case.schema.known_after - fold.end for fold in folds]
    return max(0, *(whole(late.to_pytimedelta(), stretch_of(case)) for late in known))


def _stretch(case: Case, frame: pd.DataFrame, start: datetime, end: datetime) -> Fold:
    fold = case.task.held_out(frame, case.schema, start=start, end=end)
    return replace(fold, name=f"{start:%Y-%m-%d}")


@dataclass(frozen=True, kw_only=True)
class PastModels:
    """Predictions and errors of each model in all stretches from its own on."""

    case: Case
    folds: list[Fold]
    truth: list[Truth]
    predicted: Sequence[Sequence[Floats]]
    """By model and by stretch; empty before the model was learned."""
    history: History
    models: Sequence[Any]
    frame: pd.DataFrame
    baselines: Sequence[Any]
    """Learned at the start of every stretch, too."""
    naive: Sequence[Floats]
    """What each of these says of its own stretch."""

    @classmethod
    def learned(
        cls,
        case: Case,
        frame: pd.DataFrame,
        folds: list[Fold],
        candidate: Candidate,
        folder: Path,
        say: Say,
    ) -> Self:
        """Models come from `folder` where this version of the code has learned them before."""
        models, build = [], partial(candidate.build, 0)
        for number, fold in enumerate(folds, 1):
            say(f"{case.name}: model {number} of {len(folds)}, learned until {fold.name}")
            models.append(model_of(folder, case, candidate.name, build, frame, fold))
        tables = [frame.iloc[fold.test] for fold in folds]
        truth = [case.task.truth(table, case.schema) for table in tables]
        predicted = [
            [
                case.task.predict(model, table) if later >= place else np.array([])
                for later, table in enumerate(tables)
            ]
            for place, model in enumerate(models)
        ]
        errors = np.full((len(folds), len(folds)), np.nan)
        for place, row in enumerate(predicted):
            for later in range(place, len(folds)):
                losses = case.task.losses(tables[later], case.schema, truth[later], row[later])
                errors[place, later] = float(np.mean(losses))
        plain = partial(case.task.baseline, case.schema)
        baselines = [fitted_on(plain, case, frame, fold) for fold in folds]
        history = History(
            errors=errors,
            window=WINDOW,
            alpha=DriftOptions().alpha,
            drifted=_drifted(case, frame, folds, models),
            late=late_by(case, frame, folds),
        )
        return cls(
            case=case,
            folds=folds,
            truth=truth,
            predicted=predicted,
            history=history,
            models=models,
            frame=frame,
            baselines=baselines,
            naive=[
                case.task.predict(model, table)
                for model, table in zip(baselines, tables, strict=True)
            ],
        )


def calendar_name(case: Case) -> str:
    """The policy by the calendar, in words: how long a window is."""
    days = WINDOW * stretch_of(case) / timedelta(days=1)
    if 28 <= days <= 31:
        return "monthly"
    years = days / 365.25
    if years >= 1:
        return "every year" if round(years) == 1 else f"every {years:.0f} years"
    return f"every {days:.0f} days"


def start_of(fold: Fold) -> datetime:
    """When the stretch begins."""
    if fold.origin is None:
        raise StepError(f"The stretch {fold.name!r} has no origin: there is no history to replay.")
    return fold.origin


def model_of(
    folder: Path, case: Case, name: str, build: Callable[[], Any], frame: pd.DataFrame, fold: Fold
) -> Any:
    """Learned from the fold's rows by this version of the code, once."""
    import pandas as pd

    rows = frame.iloc[fold.train]
    content = pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()
    told = f"{name} {project.code_version()} {project.lock_digest()}".encode()
    path = folder / f"{hashlib.sha256(told + content).hexdigest()[:24]}.skops"
    if path.exists():
        return load_model(path.read_bytes())
    model = fitted_on(build, case, frame, fold)
    write_bytes(path, dump_model(model))
    return model


def fitted_on(build: Callable[[], Any], case: Case, frame: pd.DataFrame, fold: Fold) -> Any:
    """Learned from the fold's rows."""
    rows = frame.iloc[fold.train]
    return fitted(build, rows, case.task.truth(rows, case.schema))


def _drifted(
    case: Case, frame: pd.DataFrame, folds: list[Fold], models: list[Any]
) -> Callable[[int, int, int], bool]:
    """The drift step's own comparison, weighted by what each model rests on."""

    @cache
    def drifted(model: int, trained: int, now: int) -> bool:
        return has_drifted(case, frame, folds, models[model], trained=trained, now=now)

    return drifted


def has_drifted(
    case: Case, frame: pd.DataFrame, folds: list[Fold], model: Any, *, trained: int, now: int
) -> bool:
    """Whether columns with an alarm hold enough of what a model rests on: those of the newest
    window, as far as it is known, against all that was known when a model was last trained.
    """
    options, columns = DriftOptions(), list(case.schema.names)
    start, end = start_of(folds[now - WINDOW]), start_of(folds[now])
    known = known_at(frame, case.schema, end)
    times = known[str(case.schema.time)]
    before = known[(times < min(start, start_of(folds[trained]))).to_numpy()]
    current = known[(times >= start).to_numpy()]
    shifts = compare_windows(
        case,
        before[columns],
        current[columns],
        alpha=options.alpha,
        material=options.material,
    )
    alarmed = tuple(column.column for column in shifts.columns if column.alarm)
    rests_on = importance(case, model, current, case.task.truth(current, case.schema))
    share = drifted_share(rests_on, alarmed)
    return share is not None and share >= case.gates.drifted
