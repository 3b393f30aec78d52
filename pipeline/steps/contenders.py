"""Who takes part in an evaluation: challenger, champion, baseline, and who served before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipeline.errors import StepError
from pipeline.records import FittedModel, TrainRecord
from pipeline.steps.run import Run

Role = Literal["champion", "challenger", "baseline", "predecessor"]


def contenders(run: Run) -> list[tuple[Role, FittedModel]]:
    """Challenger (of this run, or one that is still in question), champion (when there is one),
    baseline, and the champion's predecessor (when there was one).
    """
    champion = run.store.champion(run.case.name, run.as_of)
    trained = run.find(TrainRecord) or _standing(run, champion)
    if trained is None and champion is None:
        trained = run.need(TrainRecord)
    found: list[tuple[Role, FittedModel]] = []
    if trained is not None and (
        champion is None or trained.challenger.ref.sha256 != champion.ref.sha256
    ):
        found.append(("challenger", trained.challenger))
    if champion is not None:
        found.append(("champion", champion))
    found.append(("baseline", _baseline(run, trained, champion)))
    reign = reign_of(run)
    if reign is not None:
        found.append(("predecessor", reign.predecessor))
    return found


@dataclass(frozen=True, kw_only=True)
class Reign:
    since: datetime
    predecessor: FittedModel


def reign_of(run: Run) -> Reign | None:
    """Since when the champion serves, and who did before; `None` for the first one, and for a model
    without time, which nothing is predicted with before it is known.
    """
    since, serving = None, None
    for record in run.store.promotions(run.case.name, run.as_of):
        if record.run_id == run.run_id:
            continue
        if serving is not None and record.champion.ref.sha256 != serving:
            return Reign(since=since or record.as_of, predecessor=record.champion)
        since, serving = record.as_of, record.champion.ref.sha256
    return None


def _standing(run: Run, champion: FittedModel | None) -> TrainRecord | None:
    """The newest training whose challenger has not been promoted, as long as its question is open:
    it was trained after the champion came to serve, and is not yet too old to serve itself.
    """
    if champion is None:
        return None
    reign = reign_of(run)
    for record in run.store.records(run.case.name, TrainRecord):
        if record.run_id >= run.run_id or record.as_of > run.as_of:
            continue
        age = run.as_of - record.as_of
        settled = reign is not None and record.as_of <= reign.since
        if settled or age > run.case.gates.oldest_champion or record.source != run.settings.source:
            return None
        return record
    return None


def _baseline(run: Run, trained: TrainRecord | None, champion: FittedModel | None) -> FittedModel:
    if trained is not None:
        return trained.baseline
    run_id = champion.ref.run_id if champion else run.run_id
    record = run.store.record(run.case.name, run_id, TrainRecord)
    if record is None:
        raise StepError(
            f"The run {run_id!r} that trained the champion has no record of its training. "
            "Train again: vigie run --set retrain=always."
        )
    return record.baseline
