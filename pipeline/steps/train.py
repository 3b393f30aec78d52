"""Backtests every candidate of the case, and fits the best of those that may serve."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pipeline.case import Candidate, Case
from pipeline.errors import OptionError
from pipeline.metrics import skill
from pipeline.models import dump_model
from pipeline.options import TrainOptions
from pipeline.records import (
    BASELINE,
    CandidateScores,
    FittedModel,
    ModelRef,
    ValidateRecord,
)
from pipeline.splits import Fold
from pipeline.steps import training_views as views
from pipeline.steps.backtest import Backtest, Competitor, backtests, fitted, window_scores
from pipeline.steps.remembered import Remembered
from pipeline.steps.run import Run
from pipeline.steps.stretches import known_until, window_of
from pipeline.steps.track import OUT_OF_FOLD, out_of_fold
from pipeline.steps.view import View
from pipeline.steps.winners import winners
from pipeline.steps.writer import StepWriter

if TYPE_CHECKING:
    import pandas as pd


def train(run: Run, options: TrainOptions) -> View:
    """The challenger is the eligible candidate with the lowest mean primary score over folds."""
    case, checked = run.case, run.need(ValidateRecord)
    frame = case.task.frame(run.validated(), case.schema)
    held_out = _held_out(case, frame, run.as_of)
    folds = case.task.folds(
        frame,
        case.schema,
        count=options.folds or case.windows.folds,
        length=case.windows.fold,
        end=held_out.origin or run.as_of,
    )
    absent = left_out(case, options)
    settings = (case.name, case.task, options.seed)
    remembered = Remembered.of(run.store.folds_folder(case.name), frame, folds, settings=settings)
    tested = []
    for found in backtests(
        competitors(case, options),
        case,
        frame,
        folds,
        seconds=time.monotonic,
        remembered=remembered,
    ):
        views.tell(found, case)
        tested.append(found)
    best = choose(tested, case.task.primary)
    baseline = next(each for each in tested if each.baseline)

    with run.step("train", options) as step:
        step.table("candidates", "Candidates, best first", views.ranking(tested, case, absent))
        step.table("spread", "Every score, with its spread over folds", views.spread(tested, case))
        step.figure(views.errors_by_fold(tested, case))
        step.table("winners", "Who wins where, on all folds", winners(tested, case, frame))
        step.data(
            OUT_OF_FOLD,
            "Predictions for the rows of the folds, each by a model that had not seen them",
            out_of_fold(case, frame, {"challenger": best, "baseline": baseline}),
        )
        fitted = {
            role: _fitted(step, role, each, run, frame, held_out, options.level)
            for role, each in (("challenger", best), ("baseline", baseline))
        }
        return step.finish(
            as_of=run.as_of,
            sentence=views.sentence(best, baseline, tested, case, len(folds))
            + views.left_out_words(absent)
            + (f" {run.sample.told}" if run.sample else ""),
            inputs=(*checked.inputs, checked.quarantine),
            primary=case.task.primary,
            candidates=tuple(_scores(each, baseline, case) for each in tested),
            left_out=absent,
            **fitted,
        )


def competitors(case: Case, options: TrainOptions) -> list[Competitor]:
    """The baseline and the candidates asked for that can run here; raises `OptionError` for a name
    that is unknown, and for one that was asked for and can't run.
    """
    asked, absent = list(options.asked), left_out(case, options)
    named = [f"{name}: {absent[name]}" for name in asked if name in absent]
    if named:
        raise OptionError(f"Not all of the candidates asked for can run here. {' '.join(named)}")
    chosen = [each for each in _asked(case, options) if each.name not in absent]
    if all(candidate.not_eligible for candidate in chosen) and asked:
        raise OptionError(
            f"None of the candidates {list(asked)!r} may become champion: "
            f"{chosen[0].not_eligible} Add one that may."
        )
    baseline = Competitor(
        name=BASELINE,
        title=f"Baseline: {case.task.baseline_name}",
        build=partial(case.task.baseline, case.schema),
        baseline=True,
    )
    return [
        baseline,
        *(
            Competitor(
                name=candidate.name,
                title=candidate.title,
                build=partial(candidate.build, options.seed),
                not_eligible=candidate.not_eligible,
            )
            for candidate in chosen
        ),
    ]


def left_out(case: Case, options: TrainOptions) -> dict[str, str]:
    """Why candidates that would take part can't run on this machine, by name."""
    reasons = {each.name: each.missing() for each in _asked(case, options)}
    return {name: reason for name, reason in reasons.items() if reason}


def _asked(case: Case, options: TrainOptions) -> list[Candidate]:
    return [case.candidate(name) for name in options.asked] or list(case.candidates)


def choose(tested: list[Backtest], primary: str) -> Backtest:
    """The best that may serve; the baseline wins a tie."""
    eligible = [each for each in tested if not each.not_eligible]
    return min(eligible, key=lambda each: (each.scores[primary], not each.baseline))


def _held_out(case: Case, frame: pd.DataFrame, as_of: datetime) -> Fold:
    start = known_until(frame, case.schema, as_of) - case.windows.held_out
    return case.task.held_out(frame, case.schema, start=start, end=as_of)


def _fitted(
    step: StepWriter,
    role: str,
    chosen: Backtest,
    run: Run,
    frame: pd.DataFrame,
    held_out: Fold,
    level: float,
) -> FittedModel:
    """Learned from all that was known before the held-out window; what is stored is what serves."""
    case = run.case
    rows = frame.iloc[held_out.train]
    model = fitted(chosen.build, rows, case.task.truth(rows, case.schema))
    stored = step.model(role, chosen.title, dump_model(model))
    windows, independent = window_scores(case, frame.iloc[chosen.rows], chosen)
    return FittedModel(
        ref=ModelRef(
            candidate=chosen.name,
            run_id=step.run_id,
            path=stored.path,
            sha256=stored.sha256,
            learned=window_of(
                rows,
                case.schema,
                known=held_out.end,
                division=held_out.division,
                sample=run.sample,
            ),
        ),
        calibration=case.task.calibrate(
            frame.iloc[chosen.rows], case.schema, chosen.truth, chosen.predicted, level=level
        ),
        backtest=chosen.scores,
        worst_fold=chosen.worst(case.task.primary),
        windows=windows,
        independent=independent,
    )


def _scores(tested: Backtest, baseline: Backtest, case: Case) -> CandidateScores:
    primary = case.task.primary
    return CandidateScores(
        name=tested.name,
        title=tested.title,
        baseline=tested.baseline,
        not_eligible=tested.not_eligible,
        folds=tested.folds,
        scores=tested.scores,
        spread=tested.spread,
        skill=skill(tested.scores[primary], baseline.scores[primary]),
        seconds=tested.seconds,
    )
