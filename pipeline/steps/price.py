"""Replays retraining policies over a case's history: how often each trains, and at what error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.case import Case
from pipeline.errors import OptionError, StepError
from pipeline.figures import Figure
from pipeline.metrics import score_name, score_text, skill
from pipeline.options import DriftOptions
from pipeline.records import (
    BASELINE,
    Artifact,
    PolicyPrice,
    PolicyRecord,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.saying import Say
from pipeline.splits import Fold
from pipeline.steps.past_models import WINDOW, PastModels, stretch_of, stretches_of
from pipeline.steps.policy_views import changes_table, price_figure, table_of, trainings_figure
from pipeline.steps.replay import alarms_table
from pipeline.steps.run import Run, clock, taking_part
from pipeline.steps.stretches import window_of
from pipeline.steps.walks import Walks
from pipeline.steps.wording import day_text
from pipeline.store import Store, project
from pipeline.store.atomic import write_bytes
from pipeline.store.replays import read_replay, replay_folder, write_replay

if TYPE_CHECKING:
    import pandas as pd

MOST_STRETCHES = 40
ALARMS = "What the drift step would have said of each window, its champion renewed as scheduled"
LUCK = 1.1
"""Ratio of the errors of the worst and the best date from which it is told."""
DUE_AFTER = 4
"""New stretches after which a run replays again; only they have to be learned."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What was found, as a record, as a table, and where it was written."""

    record: PolicyRecord
    rows: pd.DataFrame
    folder: Path


def price(
    store: Store,
    case: Case,
    *,
    most: int = MOST_STRETCHES,
    candidate: str = "",
    say: Say,
    checked: ValidateRecord | None = None,
    now: Callable[[], datetime] = clock,
) -> Price:
    """Learns a model at the start of every stretch, or takes it from the cache, and lets each
    policy choose among them; on the newest validated rows, or those of `checked`.

    Raises `OptionError` for a case without time, `StepError` for a short past.
    """
    from threadpoolctl import threadpool_limits

    if case.schema.time is None:
        raise OptionError(
            f"Case {case.name!r} has no column of time: there is no history to replay."
        )
    started, judged = now(), checked or store.newest_validation(case.name)
    frame = _frame_of(store, case, judged)
    folds = stretches_of(case, frame, most)
    chosen = case.candidate(candidate or _newest_challenger(store, case))
    # Threads of OpenMP wait in a busy loop, which a machine with other work to do can't bear.
    with threadpool_limits(limits=1, user_api="openmp"):
        models = PastModels.learned(
            case, frame, folds, chosen, store.cache_folder(case.name) / "policies", say
        )
        first = 2 * models.history.window
        walks = Walks(models=models, first=first)
        say(f"{case.name}: what each policy would have trained, examined and served")
        prices = walks.prices()
        say(f"{case.name}: what the drift alarms would have said, look by look")
        alarms = alarms_table(walks.alarms(), stretch_of(case))
    rows = table_of(case, prices, len(folds) - first)
    figures = (
        price_figure(case, prices, len(folds) - first, stretch_of(case)),
        trainings_figure(prices, folds[first:]),
    )
    folder = replay_folder(store.home, case.name)
    record = PolicyRecord(
        **_origin(case, judged),
        started=started,
        finished=now(),
        candidate=chosen.name,
        title=chosen.title,
        window=models.history.window,
        limits_from=first,
        replayed=_window(case, frame, folds[first:], judged.as_of),
        prices=prices,
        files=_written(folder, rows, figures, changes_table(list(walks.changes())), alarms),
        sentence=_told(case, walks, prices),
    )
    write_replay(store.home, record)
    return Price(record=record, rows=rows, folder=folder)


def _frame_of(store: Store, case: Case, judged: ValidateRecord) -> pd.DataFrame:
    """The validated rows that take part, with what the task predicts by."""
    rows = store.validated(case.name, case.schema, judged, taking_part(store, case, judged))
    return case.task.frame(rows.to_pandas(), case.schema)


def keep_up(run: Run, say: Say) -> None:
    """Replays again when that has been asked for once and enough is new; the candidate stays."""
    known = read_replay(run.store.home, run.case.name)
    if known is None or run.as_of - known.as_of < DUE_AFTER * stretch_of(run.case):
        return
    price(
        run.store,
        run.case,
        candidate=known.candidate,
        say=say,
        checked=run.need(ValidateRecord),
        now=run.now,
    )


def _origin(case: Case, judged: ValidateRecord) -> dict[str, Any]:
    """What every replay of these rows by this code says of itself."""
    return {
        "case": case.name,
        "source": judged.source,
        "as_of": judged.as_of,
        "code_version": project.code_version(),
        "lock_digest": project.lock_digest(),
        "inputs": (*judged.inputs, judged.quarantine),
        "primary": case.task.primary,
        "alpha": DriftOptions().alpha,
        "stretch_days": stretch_of(case).total_seconds() / 86400,
    }


def _newest_challenger(store: Store, case: Case) -> str:
    """What was learned last; the first candidate that may serve where that was the baseline, or
    nothing has been learned.
    """
    trained = next(iter(store.records(case.name, TrainRecord)), None)
    if trained is not None and trained.challenger.ref.candidate != BASELINE:
        return trained.challenger.ref.candidate
    found = [each for each in case.candidates if not each.not_eligible and not each.missing()]
    if not found:
        raise StepError(f"No candidate of case {case.name!r} can run here: nothing can be learned.")
    return found[0].name


def _window(case: Case, frame: pd.DataFrame, folds: list[Fold], as_of: datetime) -> Window:
    import numpy as np

    rows = frame.iloc[np.concatenate([fold.test for fold in folds])]
    return window_of(rows, case.schema, known=as_of, division=folds[0].division)


def _written(
    folder: Path,
    rows: pd.DataFrame,
    figures: tuple[Figure, ...],
    changes: pd.DataFrame,
    alarms: pd.DataFrame,
) -> tuple[Artifact, ...]:
    files = [
        _table(folder, rows, "prices", "Retrainings and error of each policy"),
        _table(folder, changes, "changes", "When another model would have come to serve, and why"),
    ]
    for figure in figures:
        write_bytes(folder / f"{figure.name}.csv", figure.csv.encode())
        write_bytes(folder / f"{figure.name}.json", figure.spec.encode())
        path = f"{figure.name}.svg"
        files.append(
            Artifact(
                name=figure.name,
                kind="figure",
                path=path,
                sha256=write_bytes(folder / path, figure.svg.encode()),
                rows=figure.rows,
                title=figure.title,
                alt=figure.alt,
            )
        )
    return (*files, _table(folder, alarms, "alarms", ALARMS))


def _table(folder: Path, rows: pd.DataFrame, name: str, title: str) -> Artifact:
    text, path = rows.to_csv(index=False, lineterminator="\n").encode(), f"{name}.csv"
    digest = write_bytes(folder / path, text)
    return Artifact(name=name, kind="table", path=path, sha256=digest, rows=len(rows), title=title)


def _told(case: Case, walks: Walks, prices: tuple[PolicyPrice, ...]) -> str:
    """All that is said of a replay, in one text."""
    judged = len(walks.models.folds) - walks.first
    return (
        _sentence(case, prices, judged)
        + _chance(walks, prices)
        + _setback(case, walks, prices)
        + _luck(case, walks)
    )


def _sentence(case: Case, prices: tuple[PolicyPrice, ...], stretches: int) -> str:
    """Which policy would have paid, in plain words."""
    length = stretch_of(case).days
    over = f"Over {stretches} stretches of {length} days"
    never, most = prices[0], max(each.retrainings for each in prices)
    if len({error for each in prices for error in (each.error, each.unexamined)}) == 1:
        return (
            f"{over}, all policies err alike, {_score(case, never.error)}: this model learns "
            "nothing that changes with time."
        )
    if not any(each.changed for each in prices):
        return (
            f"{over}, no policy of retraining would have changed the model that serves: of up to "
            f"{most} new models none was surely better than the first. The error is that of never "
            f"training again, {_score(case, never.error)}."
        )
    best = min(prices, key=lambda each: (each.error, each.retrainings))
    if best is never:
        worst = max(prices, key=lambda each: each.error)
        return (
            f"{over}, never training again would have erred least: {_score(case, never.error)}. "
            f"Most erred {worst.policy}: {_score(case, worst.error)}, with {_spent(worst)}."
        )
    return (
        f"{over}, training {best.policy} would have erred least: {_score(case, best.error)}, "
        f"{skill(best.error, never.error):.1%} less than never training again "
        f"({_score(case, never.error)}), with {_spent(best)}."
    )


def _chance(walks: Walks, prices: tuple[PolicyPrice, ...]) -> str:
    """Whether the best policy may be best by chance: all are judged on one past. Empty where never
    training again is.
    """
    place, best = min(enumerate(prices), key=lambda each: (each[1].error, each[1].retrainings))
    if not place or best.error == prices[0].error:
        return ""
    if walks.is_sure(list(walks.followed)[place]):
        return " That is more than chance would explain."
    return " One past can't tell that from chance."


def _spent(each: PolicyPrice) -> str:
    times = "1 training" if each.retrainings == 1 else f"{each.retrainings} trainings"
    changes = len(each.changed)
    return f"{times} and {changes} change{'' if changes == 1 else 's'} of the model that serves"


def _score(case: Case, error: float) -> str:
    unit, primary = case.schema.column(case.schema.target).unit, case.task.primary
    return f"{score_name(primary)} {score_text(primary, error, unit)}"


def _setback(case: Case, walks: Walks, prices: tuple[PolicyPrice, ...]) -> str:
    """Why the worst policy did worse than never; empty where none did."""
    error, place = max((each.error, place) for place, each in enumerate(prices))
    found = walks.setback(list(walks.followed.values())[place])
    if found is None or error <= prices[0].error:
        return ""
    served = "stretch" if found.stretches == 1 else f"{found.stretches} stretches"
    return (
        f" {prices[place].policy.capitalize()} did worse than never by the model that had learned "
        f"until {day_text(found.learned)}: in the {served} that it served, it erred by "
        f"{_score(case, found.error)}, the first model by {_score(case, found.kept)}."
    )


def _luck(case: Case, walks: Walks) -> str:
    """How much the date of a training matters by itself; empty where it hardly does."""
    low, high = walks.luck()
    if high < LUCK * low:
        return ""
    unit, primary = case.schema.column(case.schema.target).unit, case.task.primary
    return (
        f" The date of a training matters much by itself: over the newest {WINDOW} stretches, "
        f"models learned on different dates before them erred between "
        f"{score_text(primary, low, unit)} and {score_text(primary, high, unit)}."
    )
