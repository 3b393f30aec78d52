"""What a training shows: its candidates in order, their scores on every fold, and its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.figures import Figure
from pipeline.metrics import digits, score_label, score_name, score_text, skill
from pipeline.steps.backtest import Backtest

if TYPE_CHECKING:
    import pandas as pd


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


def ranking(tested: list[Backtest], case: Case, absent: dict[str, str]) -> pd.DataFrame:
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


def spread(tested: list[Backtest], case: Case) -> pd.DataFrame:
    """A row a candidate, best first; of every score its mean over the folds and its spread, so that
    a column has one unit.
    """
    import pandas as pd

    primary, unit = case.task.primary, case.schema.column(case.schema.target).unit
    ranked = sorted(tested, key=lambda each: each.scores[primary])
    rows = []
    for each in ranked:
        row: dict[str, object] = {"candidate": each.name, "folds": len(each.folds)}
        for name, value in each.scores.items():
            if name != "n":
                label = score_label(name, unit)
                row[label] = f"{digits(value)} ± {digits(each.spread[name])}"
                if name == primary:
                    row[f"worst fold, {label}"] = round(each.worst(primary), 4)
        rows.append(row)
    return pd.DataFrame(rows)


def sentence(
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


def left_out_words(absent: dict[str, str]) -> str:
    return "".join(f" Left out: {name}. {reason}" for name, reason in absent.items())


def tell(found: Backtest, case: Case) -> None:
    primary = case.task.primary
    known = f", {found.recalled} of them done before" if found.recalled else ""
    print(
        f"{found.name}: {score_name(primary)} {found.scores[primary]:.4g} "
        f"± {found.spread[primary]:.2g} over {len(found.folds)} folds{known}, {found.seconds:.1f} s"
    )
