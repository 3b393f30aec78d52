"""Backtests every candidate of the case, and fits the best of those that may serve."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pipeline.case import Candidate, Case
from pipeline.errors import OptionError
from pipeline.figures import Figure
from pipeline.metrics import score_label, score_name, score_text, skill
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
from pipeline.steps.backtest import Backtest, Competitor, backtest, fitted, window_scores
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
    tested = [_tested(each, case, frame, folds, remembered) for each in competitors(case, options)]
    best = choose(tested, case.task.primary)
    baseline = next(each for each in tested if each.baseline)

    with run.step("train", options) as step:
        step.table("candidates", "Candidates, best first", _ranking(tested, case, absent))
        step.table("spread", "Every score, with its spread over folds", _spread(tested, case))
        step.figure(errors_by_fold(tested, case))
        step.table("winners", "Who wins where, on all folds", winners(tested, case, frame))
        step.data(
            OUT_OF_FOLD,
            "Predictions for the rows of the folds, each by a model that had not seen them",
            out_of_fold(case, frame, {"challenger": best, "baseline": baseline}),
        )
        fitted = {
            role: _fitted(step, role, each, case, frame, held_out, options.level)
            for role, each in (("challenger", best), ("baseline", baseline))
        }
        return step.finish(
            as_of=run.as_of,
            sentence=_sentence(best, baseline, tested, case, len(folds)) + _told(absent),
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


def _told(absent: dict[str, str]) -> str:
    return "".join(f" Left out: {name}. {reason}" for name, reason in absent.items())


def choose(tested: list[Backtest], primary: str) -> Backtest:
    """The best that may serve; the baseline wins a tie."""
    eligible = [each for each in tested if not each.not_eligible]
    return min(eligible, key=lambda each: (each.scores[primary], not each.baseline))


def errors_by_fold(tested: list[Backtest], case: Case) -> Figure:
    """The primary score of every candidate on every fold, as points on a line each."""
    import altair as alt
    import pandas as pd

    from pipeline.figures import INK, MUTED, SERIES, figure

    primary = case.task.primary
    rows = pd.DataFrame(
        [
            {"candidate": each.name, "fold": fold.fold, primary: round(fold.scores[primary], 4)}
            for each in tested
            for fold in each.folds
        ]
    )
    ranked = sorted(tested, key=lambda each: each.scores[primary])
    unit = case.schema.column(case.schema.target).unit
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "candidate:N",
            sort=[each.name for each in ranked],
            title=None,
            axis=alt.Axis(labelColor=INK, labelLimit=220),
        ),
        x=alt.X(f"{primary}:Q", title=score_label(primary, unit), scale=alt.Scale(zero=False)),
    )
    points = base.mark_point(size=46, filled=True, color=MUTED, opacity=0.8)
    mean = base.mark_tick(thickness=3, size=18, color=SERIES[0]).encode(x=f"mean({primary}):Q")
    return figure(
        points + mean,
        rows,
        name="folds",
        title=f"{score_name(primary)} by candidate: each fold (dot) and their mean (bar)",
        words=f"Lowest mean {score_name(primary)}: {ranked[0].name} with "
        f"{score_text(primary, ranked[0].scores[primary], unit)}; highest: {ranked[-1].name} with "
        f"{ranked[-1].scores[primary]:.3g}.",
        height=34 * len(tested),
    )


def _held_out(case: Case, frame: pd.DataFrame, as_of: datetime) -> Fold:
    start = known_until(frame, case.schema, as_of) - case.windows.held_out
    return case.task.held_out(frame, case.schema, start=start, end=as_of)


def _tested(
    competitor: Competitor,
    case: Case,
    frame: pd.DataFrame,
    folds: Sequence[Fold],
    remembered: Remembered,
) -> Backtest:
    found = backtest(competitor, case, frame, folds, seconds=time.monotonic, remembered=remembered)
    primary = case.task.primary
    known = f", {found.recalled} of them done before" if found.recalled else ""
    print(
        f"{found.name}: {score_name(primary)} {found.scores[primary]:.4g} "
        f"± {found.spread[primary]:.2g} over {len(found.folds)} folds{known}, {found.seconds:.1f} s"
    )
    return found


def _fitted(
    step: StepWriter,
    role: str,
    chosen: Backtest,
    case: Case,
    frame: pd.DataFrame,
    held_out: Fold,
    level: float,
) -> FittedModel:
    """Learned from all that was known before the held-out window; what is stored is what serves."""
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
            learned=window_of(rows, case.schema, known=held_out.end, division=held_out.division),
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


def _ranking(tested: list[Backtest], case: Case, absent: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    primary = case.task.primary
    baseline = next(each for each in tested if each.baseline)
    ranked = sorted(tested, key=lambda each: each.scores[primary])
    return pd.DataFrame(
        [
            {
                "candidate": each.name,
                "what it is": each.title,
                **{
                    score_name(name): round(value, 4)
                    for name, value in each.scores.items()
                    if name != "n"
                },
                "better than baseline (%)": round(
                    100 * skill(each.scores[primary], baseline.scores[primary]), 1
                ),
                "may serve": each.not_eligible or "yes",
            }
            for each in ranked
        ]
        + [
            {
                "candidate": name,
                "what it is": case.candidate(name).title,
                "may serve": f"left out: {reason}",
            }
            for name, reason in absent.items()
        ]
    )


def _spread(tested: list[Backtest], case: Case) -> pd.DataFrame:
    import pandas as pd

    ranked = sorted(tested, key=lambda each: each.scores[case.task.primary])
    return pd.DataFrame(
        [
            {
                "candidate": each.name,
                "score": score_name(name),
                "mean over folds": round(value, 4),
                "standard deviation": round(each.spread[name], 4),
                "worst fold": round(max(scores), 4) if name == case.task.primary else "",
                "folds": len(each.folds),
            }
            for each in ranked
            for name, value in each.scores.items()
            if (scores := [fold.scores[name] for fold in each.folds]) and name != "n"
        ]
    )


def _sentence(
    best: Backtest, baseline: Backtest, tested: list[Backtest], case: Case, folds: int
) -> str:
    primary = case.task.primary
    gained = skill(best.scores[primary], baseline.scores[primary])
    unit = case.schema.column(case.schema.target).unit
    scored = score_text(primary, best.scores[primary], unit)
    return (
        f"{len(tested)} candidates on {folds} folds. The challenger is {best.name}: "
        f"{score_name(primary)} {scored}, {gained:.0%} below the "
        f"baseline's {baseline.scores[primary]:.3g}."
    )
