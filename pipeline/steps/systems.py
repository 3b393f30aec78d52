"""Models in their roles, with what they say of the held-out rows and how well that holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.metrics import skill
from pipeline.records import FittedModel, HorizonScores, Scores, SegmentScores
from pipeline.regions import LADDER, Regions
from pipeline.splits import Fold
from pipeline.steps.contenders import Role
from pipeline.steps.run import Run
from pipeline.steps.track import Tracked, rolling_regions, tracked
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class System:
    """A fitted model in its role, with its predictions for the held-out rows."""

    role: Role
    tracked: Tracked
    predicted: Floats
    regions: Regions
    scores: Scores
    held: NDArray[np.bool_]
    """Whether each row's region holds its truth."""

    @property
    def model(self) -> FittedModel:
        return self.tracked.fitted

    @property
    def covered(self) -> float:
        """Share of the truth within its region."""
        return float(np.mean(self.held))


def system_of(run: Run, role: Role, model: FittedModel, frame: pd.DataFrame, fold: Fold) -> System:
    learned = model.ref.learned
    if learned.division != fold.division:
        raise StepError(
            f"The {role} {model.ref.candidate!r} learned under another division of the rows "
            f"({learned.division!r}, now {fold.division!r}): it may have learned from rows that "
            "are held out now. Train again in a new home: vigie run --home …."
        )
    if fold.origin is not None and learned.end > fold.origin:
        raise StepError(
            f"The {role} {model.ref.candidate!r} learned from rows up to "
            f"{learned.end.isoformat()}, within the held-out window from "
            f"{fold.origin.isoformat()}: its score there would say nothing. Choose a later --as-of."
        )
    case = run.case
    known = replace(
        run.once(("tracked", model.ref), lambda: tracked(run, model, frame)), fitted=model
    )
    truth = case.task.truth(frame.iloc[fold.test], case.schema)
    predicted = known.track.at(fold.test)
    kept = model.calibration
    # Where the track has rows before those held out, its own calibration counts but by its level.
    rests_on = kept.level if len(known.track.rows) > len(fold.test) else LADDER.dump_json((kept,))
    regions = run.once(
        ("regions", model.ref, rests_on),
        lambda: rolling_regions(case, frame, known.track, fold.test, kept),
    )
    return System(
        role=role,
        tracked=known,
        predicted=predicted,
        regions=regions,
        scores=case.task.metrics(truth, predicted),
        held=regions.holds(truth),
    )


def segments_of(
    case: Case, rows: pd.DataFrame, truth: Truth, subject: System
) -> tuple[SegmentScores, ...]:
    """Every segment of every breakdown, that with the highest primary score first in each."""
    sizes, primary = subject.regions.size(), case.task.primary
    return tuple(
        SegmentScores(
            by=by,
            segment=str(segment),
            scores=scores,
            coverage=float(np.mean(subject.held[labels == segment])),
            mean_size=float(np.mean(sizes[labels == segment])),
        )
        for by, labels in case.task.segments(rows, case.schema).items()
        for segment, scores in sorted(
            case.task.metrics_by(labels, truth, subject.predicted).items(),
            key=lambda item: -item[1][primary],
        )
    )


def horizons_of(
    case: Case, rows: pd.DataFrame, truth: Truth, subject: System, baseline: System
) -> tuple[HorizonScores, ...]:
    """By how far ahead a row lay when it was foretold, nearest first; empty where nothing is."""
    leads = case.task.leads(rows, case.schema)
    if leads is None:
        return ()
    (by, ahead), primary, sizes = leads, case.task.primary, subject.regions.size()
    ours = case.task.metrics_by(ahead, truth, subject.predicted)
    theirs = case.task.metrics_by(ahead, truth, baseline.predicted)
    return tuple(
        HorizonScores(
            by=by,
            ahead=int(lead),
            scores=scores,
            baseline=theirs[lead][primary],
            skill=skill(scores[primary], theirs[lead][primary]) if theirs[lead][primary] else None,
            coverage=float(np.mean(subject.held[ahead == lead])),
            mean_size=float(np.mean(sizes[ahead == lead])),
        )
        for lead, scores in ours.items()
    )


def predictions_table(rows: pd.DataFrame, case: Case, subject: System) -> pd.DataFrame:
    columns = [*case.schema.key, case.schema.target]
    found = case.task.columns(subject.predicted) | subject.regions.columns()
    return rows[columns].assign(**found)
