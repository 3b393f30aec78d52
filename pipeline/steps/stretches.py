"""Which rows are the reference and which are current: by time, or by what has arrived since.

Without a time column, what the champion learned from is the reference, and what has come or
changed since is current. While nothing has, the rows held out are compared with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.records import EvaluateRecord, FittedModel, Sample, TrainRecord, Window
from pipeline.schema import Schema
from pipeline.steps.run import Run

if TYPE_CHECKING:
    import pandas as pd

SEED = 20240229
FEWEST_ARRIVED = 30
"""Fewer new rows than this are no window to compare with."""


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Two windows of observations."""

    reference: pd.DataFrame
    current: pd.DataFrame
    start: datetime
    """From when rows are current; where rows carry no time, the time of the run."""
    known: datetime
    words: str = ""
    """What is compared, where it isn't stretches of time."""
    sample: Sample | None = None
    """Which rows of the case both windows hold; `None`: all."""

    def windows(self, schema: Schema) -> tuple[Window, Window]:
        """Both as a record holds them."""
        reference, current = (
            window_of(rows, schema, known=self.known, sample=self.sample)
            for rows in (self.reference, self.current)
        )
        return reference, current


def stretches(
    run: Run, observations: pd.DataFrame, champion: FittedModel | None, *, days: int | None
) -> Stretches:
    """Reference and current window; raises `StepError` when one is empty."""
    if run.case.schema.time is None:
        return replace(_by_arrival(run, observations, champion), sample=run.sample)
    found = by_time(
        run.case,
        observations,
        champion,
        as_of=run.as_of,
        days=days,
        examined=_last_examined(run),
    )
    return replace(found, sample=run.sample)


def _last_examined(run: Run) -> datetime | None:
    """The time as of which champion and challenger were last compared, before this run."""
    return next(
        (
            record.as_of
            for record in run.store.records(run.case.name, EvaluateRecord)
            if record.run_id < run.run_id and record.as_of <= run.as_of
        ),
        None,
    )


def known_until(rows: pd.DataFrame, schema: Schema, as_of: datetime) -> datetime:
    """When the newest row was known, at most `as_of`: windows are counted back from there.

    A publisher that needs a day, or a year, would otherwise leave the newest window half empty.
    """
    if schema.time is None or rows.empty:
        return as_of
    newest: datetime = rows[schema.time].max().to_pydatetime()
    return min(as_of, newest + schema.known_after)


def known_at(rows: pd.DataFrame, schema: Schema, moment: datetime) -> pd.DataFrame:
    """Those with a time that a run as of that moment would see."""
    times = rows[str(schema.time)]
    known = (times < moment) & (times <= moment - schema.known_after)
    return rows[known.to_numpy()]


def window_of(
    rows: pd.DataFrame,
    schema: Schema,
    *,
    known: datetime,
    division: str = "",
    sample: Sample | None = None,
) -> Window:
    """From the first row to when the last is known; without a time column, until `known`."""
    if schema.time is None:
        return Window(start=None, end=known, rows=len(rows), division=division, sample=sample)
    times = rows[schema.time]
    return Window(
        start=times.min().to_pydatetime(),
        end=times.max().to_pydatetime() + schema.known_after,
        rows=len(rows),
        division=division,
        sample=sample,
    )


def by_time(
    case: Case,
    observations: pd.DataFrame,
    champion: FittedModel | None,
    *,
    as_of: datetime,
    days: int | None,
    examined: datetime | None = None,
) -> Stretches:
    """The newest stretch against what is older and the champion has learned from, or was `examined`
    on: what it was kept or promoted on is no news. Raises `StepError`.
    """
    length = timedelta(days=days) if days else case.windows.current
    start = known_until(observations, case.schema, as_of) - length
    times = observations[str(case.schema.time)]
    known = max(filter(None, (champion.ref.learned.end, examined))) if champion else start
    reference = observations[(times < min(start, known)).to_numpy()]
    current = observations[(times >= start).to_numpy()]
    for name, rows in (("reference", reference), ("current", current)):
        if rows.empty:
            raise StepError(
                f"The {name} window of case {case.name!r} has no rows (current window: "
                f"{length.days} days before {as_of.isoformat()}). Choose other current_days."
            )
    return Stretches(
        reference=reference,
        current=current,
        start=start,
        known=as_of,
    )


def _by_arrival(run: Run, observations: pd.DataFrame, champion: FittedModel | None) -> Stretches:
    """Rows without a time stand in no order: they are shuffled, and compared as exchangeable."""
    known = _learned(run, champion, observations)
    arrived = ~known
    words = f"{int(arrived.sum()):,} rows have come or changed since the champion learned."
    if int(arrived.sum()) < FEWEST_ARRIVED or not known.any():
        frame = run.case.task.frame(observations, run.case.schema)
        fold = run.case.task.held_out(frame, run.case.schema, start=run.as_of, end=run.as_of)
        arrived = np.zeros(len(observations), dtype=np.bool_)
        arrived[fold.test] = True
        words = "Too few rows are new: the rows held out are compared with the others."
    order = np.random.default_rng(SEED).permutation(len(observations))
    return Stretches(
        reference=observations.iloc[order[~arrived[order]]],
        current=observations.iloc[order[arrived[order]]],
        start=run.as_of,
        known=run.as_of,
        words=words,
    )


def _learned(
    run: Run, champion: FittedModel | None, observations: pd.DataFrame
) -> NDArray[np.bool_]:
    """Which rows were there, the same in every column, when the champion was trained."""
    trained = champion and run.store.record(run.case.name, champion.ref.run_id, TrainRecord)
    if not trained:
        return np.ones(len(observations), dtype=np.bool_)
    columns = list(run.case.schema.names)
    before = run.store.judged(run.case.name, run.case.schema, trained, run.within()).to_pandas()
    return _digests(observations[columns]).isin(_digests(before[columns])).to_numpy()


def _digests(rows: pd.DataFrame) -> pd.Series[int]:
    import pandas as pd

    return pd.util.hash_pandas_object(rows, index=False)
