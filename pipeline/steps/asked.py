"""What callers asked, as the current window: inputs from the call log in place of the newest rows.

Only calls before the run's as-of time are seen. The champion's errors are measured on observations
as ever, since a question holds no truth.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pipeline.calls import logged_inputs, read_calls
from pipeline.errors import StepError
from pipeline.schema import Schema
from pipeline.steps.run import Run
from pipeline.steps.stretches import Stretches

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ASKED: Final = 30
"""Fewer different records than this are no window to compare with."""
CALLED: Final = "called"


def asked(run: Run, compared: Stretches, *, days: int | None) -> tuple[Stretches, frozenset[str]]:
    """The same reference with the questions of the newest `days` as current rows, and the watched
    columns that they hold.

    A record that was asked again counts once; where records hold no time, they have that of their
    call. Raises `StepError` for too few records or none with a watched column, and `StateError`
    where there is no log or it keeps digests only.
    """
    case = run.case
    length = timedelta(days=days) if days else case.windows.current
    since = run.as_of - length
    rows = _questions(run, since)
    if len(rows) < FEWEST_ASKED:
        raise StepError(
            f"Callers of case {case.name!r} sent {len(rows)} different records from "
            f"{since.isoformat()} to {run.as_of.isoformat()}; {FEWEST_ASKED} are needed. "
            f"{_newest(run)}Choose a larger current_days or a later as_of, or set current to "
            "'observations'."
        )
    watched = set(case.task.drift_view(compared.reference, case.schema)) - {case.schema.target}
    sent = frozenset(name for name in watched if name in rows and rows[name].notna().any())
    if not sent:
        raise StepError(
            f"The {len(rows)} records that callers of case {case.name!r} sent hold none of the "
            f"columns that are watched ({', '.join(sorted(watched)) or 'none'}): there is nothing "
            "to compare. Set current to 'observations'."
        )
    words = f"The current window is what callers asked: {len(rows):,} different records."
    return replace(compared, current=rows, words=words), sent


def _newest(run: Run) -> str:
    """When the log's newest call of the case was made."""
    found = read_calls(run.store.calls_file, case=run.case.name, most=1)
    return "".join(f"The newest call is of {call.time:%Y-%m-%d %H:%M} UTC. " for call in found)


def _questions(run: Run, since: datetime) -> pd.DataFrame:
    schema = run.case.schema
    path = run.store.calls_file
    found = logged_inputs(path, run.case.name, schema, since=since, until=run.as_of)
    rows = found.to_pandas().drop(columns=schema.target)
    rows = rows.drop_duplicates([name for name in rows if name != CALLED], keep="last")
    rows = _with_times(rows, schema)
    rows[schema.target] = float("nan")
    return rows[list(schema.names)]


def _with_times(rows: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    if schema.time is None:
        return rows.reset_index(drop=True)
    times = rows[schema.time].fillna(rows[CALLED])
    return rows.assign(**{schema.time: times}).sort_values(schema.time, ignore_index=True)
