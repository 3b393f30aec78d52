"""Replays retraining policies over a case's history: how often each trains, and at what error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.case import Case
from pipeline.errors import OptionError, StepError
from pipeline.figures import Figure
from pipeline.metrics import score_label, score_name
from pipeline.models import dump_model, load_model
from pipeline.options import DriftOptions
from pipeline.policies import POLICIES, History, serving
from pipeline.records import ValidateRecord
from pipeline.splits import Fold
from pipeline.steps.backtest import fitted
from pipeline.steps.decide import drifted_share
from pipeline.steps.importance import importance
from pipeline.steps.shifts import compare_windows
from pipeline.store import Store, project
from pipeline.store.atomic import write_bytes
from pipeline.tasks import Floats

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 12
"""Fewer stretches than this tell nothing of policies."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """The table, the chart and where they were written."""

    rows: pd.DataFrame
    figure: Figure
    folder: Path


def price(
    store: Store, case: Case, *, weeks: int, candidate: str = "", say: Callable[[str], None]
) -> Price:
    """Learns a model at the start of every week, or takes it from the cache, and lets each policy
    choose among them. Raises `OptionError` for a case without time, `StepError` for a short past.
    """
    from threadpoolctl import threadpool_limits

    if case.schema.time is None:
        raise OptionError(
            f"Case {case.name!r} has no column of time: there is no history to replay."
        )
    checked: ValidateRecord = store.newest_validation(case.name)
    observations = store.validated(case.name, case.schema, checked).to_pandas()
    frame = case.task.frame(observations, case.schema)
    folds = _weeks(case, frame, weeks)
    chosen = case.candidate(candidate) if candidate else _eligible(case)
    folder = store.home / "policies" / case.name
    models = []
    # Threads of OpenMP wait in a busy loop, which a machine with other work to do can't bear.
    with threadpool_limits(limits=1, user_api="openmp"):
        for number, fold in enumerate(folds, 1):
            say(f"{case.name}: model {number} of {len(folds)}, learned until {fold.name}")
            models.append(_model(folder, case, chosen.name, partial(chosen.build, 0), frame, fold))
        history, predicted = _history(case, frame, folds, models)
        first = 2 * history.window
        rows = _table(case, frame, folds, history, predicted, first)
    figure = _figure(case, rows, folds[first].name)
    write_bytes(folder / "policies.csv", rows.to_csv(index=False).encode())
    write_bytes(folder / "policies.svg", figure.svg.encode())
    return Price(rows=rows, figure=figure, folder=folder)


def _weeks(case: Case, frame: pd.DataFrame, weeks: int) -> list[Fold]:
    times = frame[str(case.schema.time)]
    end = (times.max() + case.schema.known_after).to_pydatetime()
    length = timedelta(days=7)
    most = int((end - times.min().to_pydatetime() - case.task.history) / length) - 4
    count = min(weeks, most)
    if count < FEWEST:
        raise StepError(
            f"Case {case.name!r} has a past of {max(count, 0)} weeks to replay; {FEWEST} are "
            "needed. Ingest more of it."
        )
    return list(case.task.folds(frame, case.schema, count=count, length=length, end=end))


def _eligible(case: Case) -> Any:
    return next(each for each in case.candidates if not each.not_eligible)


def _model(
    folder: Path, case: Case, name: str, build: Callable[[], Any], frame: pd.DataFrame, fold: Fold
) -> Any:
    """Learned from the fold's rows by this version of the code, once."""
    import pandas as pd

    rows = frame.iloc[fold.train]
    content = pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()
    told = f"{name} {project.code_version()} {project.lock_digest()}".encode()
    path = folder / "models" / f"{hashlib.sha256(told + content).hexdigest()[:24]}.skops"
    if path.exists():
        return load_model(path.read_bytes())
    model = fitted(build, rows, case.task.truth(rows, case.schema))
    write_bytes(path, dump_model(model))
    return model


def _history(
    case: Case, frame: pd.DataFrame, folds: list[Fold], models: list[Any]
) -> tuple[History, list[list[Floats]]]:
    """The table of errors, and the predictions of each model for each stretch from its own on."""
    truth = [case.task.truth(frame.iloc[fold.test], case.schema) for fold in folds]
    errors = np.full((len(folds), len(folds)), np.nan)
    predicted: list[list[Floats]] = []
    for place, model in enumerate(models):
        row = [
            case.task.predict(model, frame.iloc[fold.test]) if later >= place else np.array([])
            for later, fold in enumerate(folds)
        ]
        predicted.append(row)
        for later in range(place, len(folds)):
            table = frame.iloc[folds[later].test]
            losses = case.task.losses(table, case.schema, truth[later], row[later])
            errors[place, later] = float(np.mean(losses))
    window = max(1, round(case.windows.current / timedelta(days=7)))
    return History(
        errors=errors,
        window=window,
        alpha=DriftOptions().alpha,
        drifted=_drifted(case, frame, folds, models, window),
    ), predicted


def _drifted(
    case: Case, frame: pd.DataFrame, folds: list[Fold], models: list[Any], window: int
) -> Callable[[int, int], bool]:
    """The drift step's own comparison, weighted by what each model rests on."""
    options = DriftOptions()

    @cache
    def drifted(model: int, now: int) -> bool:
        times = frame[str(case.schema.time)]
        start, end = folds[now - window].origin, folds[now].origin
        reference = frame.iloc[folds[model].train]
        current = frame[((times >= start) & (times < end)).to_numpy()]
        shifts = compare_windows(
            case,
            reference[list(case.schema.names)],
            current[list(case.schema.names)],
            alpha=options.alpha,
            material=options.material,
        )
        alarmed = tuple(column.column for column in shifts.columns if column.alarm)
        known = importance(case, models[model], current, case.task.truth(current, case.schema))
        share = drifted_share(known, alarmed)
        return share is not None and share >= case.gates.drifted

    return drifted


def _table(
    case: Case,
    frame: pd.DataFrame,
    folds: list[Fold],
    history: History,
    predicted: list[list[Floats]],
    first: int,
) -> pd.DataFrame:
    import pandas as pd

    rows = frame.iloc[np.concatenate([fold.test for fold in folds[first:]])]
    truth = case.task.truth(rows, case.schema)
    found = []
    for name, policy in POLICIES.items():
        models = serving(policy, history, first=first)
        told = np.concatenate(
            [predicted[model][first + place] for place, model in enumerate(models)]
        )
        trained = sorted(set(models.tolist()) - {first})
        found.append(
            {
                "policy": name,
                "retrainings": len(trained),
                score_name(case.task.primary): round(
                    case.task.metrics(truth, told)[case.task.primary], 4
                ),
                "weeks": len(models),
                "trained": " ".join(folds[model].name for model in trained),
            }
        )
    return pd.DataFrame(found)


def _figure(case: Case, rows: pd.DataFrame, since: str) -> Figure:
    import altair as alt

    from pipeline.figures import INK, SERIES, figure

    primary = score_name(case.task.primary)
    unit = case.schema.column(case.schema.target).unit
    base = alt.Chart(rows).encode(
        x=alt.X("retrainings:Q", title=f"retrainings in {rows['weeks'].iloc[0]} weeks"),
        y=alt.Y(
            f"{primary}:Q",
            title=score_label(case.task.primary, unit),
            scale=alt.Scale(zero=False),
        ),
    )
    points = base.mark_point(size=70, filled=True, color=SERIES[0])
    names = base.mark_text(align="left", dx=7, color=INK).encode(text="policy:N")
    best = rows.iloc[int(rows[primary].to_numpy().argmin())]
    told = ", ".join(
        f"{row['policy']} {row['retrainings']} at {row[primary]:.3g}" for _, row in rows.iterrows()
    )
    return figure(
        points + names,
        rows,
        name="policies",
        title=f"The price of a policy: retrainings against error since {since}",
        words=f"Retrainings and {primary}: {told}. Lowest error: {best['policy']}.",
    )
