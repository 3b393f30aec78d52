"""Challenger, champion and baseline on the same held-out window, which none of them has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.case import Case
from pipeline.comparison import Comparison
from pipeline.options import EvaluateOptions
from pipeline.records import (
    Evidence,
    FittedModel,
    Refreshed,
    SegmentGuard,
    SystemScores,
    ValidateRecord,
    Window,
)
from pipeline.regions import LADDER, LADDERS
from pipeline.splits import Fold
from pipeline.steps import evaluation_views as views
from pipeline.steps.contenders import Role, contenders, reign_of
from pipeline.steps.evidence import answer, asked, before_this, worst_segment
from pipeline.steps.hindsight import hindsight
from pipeline.steps.importance import importance
from pipeline.steps.run import Run
from pipeline.steps.stretches import known_until, window_of
from pipeline.steps.systems import (
    System,
    horizons_of,
    predictions_table,
    segments_of,
    system_of,
)
from pipeline.steps.track import Recalibrated, Track, recalibrated
from pipeline.steps.view import View
from pipeline.steps.writer import StepWriter

if TYPE_CHECKING:
    import pandas as pd


def evaluate(run: Run, options: EvaluateOptions) -> View:
    """Scores, paired tests, coverage and breakdowns; writes the predictions too."""
    case, checked = run.case, run.need(ValidateRecord)
    frame, fold = _window(run)
    rows = frame.iloc[fold.test]
    truth = case.task.truth(rows, case.schema)
    systems = {role: system_of(run, role, model, frame, fold) for role, model in contenders(run)}
    subject = next(system for role, system in systems.items() if role != "baseline")
    comparisons, evidence, served = _answers(run, list(systems.values()), frame, options.alpha)
    calibrated = {
        role: recalibrated(case, frame, system.tracked.track, system.model.calibration.level)
        for role, system in systems.items()
    }
    segments = segments_of(case, rows, truth, subject)
    horizons = horizons_of(case, rows, truth, subject, systems["baseline"])

    with run.step("evaluate", options) as step:
        step.table("systems", "On the held-out window", views.systems_table(systems, case))
        step.table("comparisons", "Paired tests", views.comparisons_table(comparisons, evidence))
        for figure in case.task.figures(
            rows, case.schema, truth, subject.predicted, subject.regions
        ):
            step.figure(figure)
        if horizons:
            step.figure(views.horizon_figure(horizons, case, subject.role))
        step.table("worst", "Worst segments first", views.worst_table(segments))
        step.table("breakdown", "Every breakdown, worst first", views.breakdown_table(segments))
        step.figure(views.segment_errors(segments, case))
        step.figure(views.segment_coverage(segments, subject.model.calibration.level))
        for name, title, table in hindsight(run, frame):
            step.table(name, title, table)
        _write_predictions(step, case, rows, calibrated, subject)
        return step.finish(
            as_of=run.as_of,
            sentence=views.told(systems, case, subject)
            + (f" {run.sample.told}" if run.sample else ""),
            inputs=(*checked.inputs, checked.quarantine),
            primary=case.task.primary,
            held_out=Window(
                start=fold.origin,
                end=fold.end,
                rows=len(rows),
                division=fold.division,
                sample=run.sample,
            ),
            systems=tuple(_scored(system) for system in systems.values()),
            subject=subject.role,
            comparisons=comparisons,
            segments=segments,
            horizons=horizons,
            evidence=evidence,
            guard=_guard(case, rows, systems),
            served=served,
            refreshed={
                role: Refreshed(
                    calibration=calibrated[role].own,
                    importance=_importance(run, system),
                )
                for role, system in systems.items()
            },
        )


def prepare(run: Run) -> None:
    """What takes long in `evaluate` and rests on the models alone, for those that take part as
    things stand: the decisions of an earlier run may still come, and change who does. In a run by
    hand nothing is done before it is asked for.
    """
    if run.by_hand:
        return
    frame, fold = _window(run)
    for role, model in contenders(run):
        _importance(run, system_of(run, role, model, frame, fold))


def _window(run: Run) -> tuple[pd.DataFrame, Fold]:
    """All rows, and which of them are held out."""

    def found() -> tuple[pd.DataFrame, Fold]:
        case = run.case
        frame = case.task.frame(run.validated(), case.schema)
        start = known_until(frame, case.schema, run.as_of) - case.windows.held_out
        return frame, case.task.held_out(frame, case.schema, start=start, end=run.as_of)

    return run.once("held-out window", found)


def _importance(run: Run, system: System) -> dict[str, float]:
    """On the held-out rows."""
    frame, fold = _window(run)
    rows = frame.iloc[fold.test]
    return run.once(
        ("importance", system.model.ref),
        lambda: importance(
            run.case, system.tracked.model, rows, run.case.task.truth(rows, run.case.schema)
        ),
    )


def _write_predictions(
    step: StepWriter,
    case: Case,
    rows: pd.DataFrame,
    calibrated: dict[Role, Recalibrated],
    subject: System,
) -> None:
    told = predictions_table(rows, case, subject)
    step.data("predictions", "Predictions for the held-out window", told)
    step.data(LADDERS, "Intervals at other levels", _ladders(calibrated))


def _scored(system: System) -> SystemScores:
    return SystemScores(
        role=system.role,
        candidate=system.model.ref.candidate,
        run_id=system.model.ref.run_id,
        scores=system.scores,
        level=system.model.calibration.level,
        coverage=system.covered,
        mean_size=float(np.mean(system.regions.size())),
    )


def _guard(case: Case, rows: pd.DataFrame, systems: dict[Role, System]) -> SegmentGuard | None:
    """`None` without a challenger and a champion to compare."""
    if not {"challenger", "champion"} <= set(systems):
        return None
    return worst_segment(case, rows, systems["challenger"].predicted, systems["champion"].predicted)


def _ladders(calibrated: dict[Role, Recalibrated]) -> pd.DataFrame:
    """The calibrations of each system, as JSON: too many numbers for a record."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"role": role, "calibrations": LADDER.dump_json(found.others).decode()}
            for role, found in calibrated.items()
        ]
    )


def _answers(
    run: Run, systems: list[System], frame: pd.DataFrame, alpha: float
) -> tuple[dict[str, Comparison], dict[str, Evidence], Window | None]:
    """Every comparison with its look, and the rows since the champion serves."""
    served = _served(run, systems, frame)
    before = before_this(run)
    roles: dict[str, tuple[FittedModel, Track]] = {
        system.role: (system.model, system.tracked.track) for system in systems
    }
    found = {
        question.name: answer(run, frame, question, alpha=alpha, before=before)
        for question in asked(roles, served)
    }
    known = {name: each for name, each in found.items() if each is not None}
    window = None
    if served is not None and len(served.rows):
        window = window_of(frame.iloc[served.rows], run.case.schema, known=run.as_of)
    return (
        {name: each[0] for name, each in known.items()},
        {name: each[1] for name, each in known.items()},
        window,
    )


def _served(run: Run, systems: list[System], frame: pd.DataFrame) -> Track | None:
    """The champion's track since it serves."""
    reign, time = reign_of(run), run.case.schema.time
    if reign is None or time is None:
        return None
    (champion,) = (system for system in systems if system.role == "champion")
    since = np.flatnonzero((frame[time] >= reign.since).to_numpy())
    return champion.tracked.track.only(since)
