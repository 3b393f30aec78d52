"""Who would have won on the held-out rows, each candidate learned anew as time went on.

Told after the fact, where a case asks for it: nobody is chosen by it, since whoever is chosen on
rows can't be tested on them any more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.metrics import score_label, skill
from pipeline.options import TrainOptions
from pipeline.steps.backtest import Backtest, backtest
from pipeline.steps.remembered import Remembered
from pipeline.steps.run import Run
from pipeline.steps.stretches import known_until
from pipeline.steps.train import competitors
from pipeline.steps.winners import winners

if TYPE_CHECKING:
    import pandas as pd


def hindsight(run: Run, frame: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Name, title and rows of its tables, candidates best first and then who wins where; none where
    the case doesn't look back (`Windows.hindsight`).
    """
    case = run.case
    every = case.windows.hindsight
    if every is None:
        return []
    folds = case.task.folds(
        frame,
        case.schema,
        count=round(case.windows.held_out / every),
        length=every,
        end=known_until(frame, case.schema, run.as_of),
    )
    options = TrainOptions(case=case.name)
    remembered = Remembered.of(
        run.store.folds_folder(case.name),
        frame,
        folds,
        settings=(case.name, case.task, options.seed),
    )
    tested = [
        backtest(each, case, frame, folds, seconds=time.monotonic, remembered=remembered)
        for each in competitors(case, options)
    ]
    where = winners(tested, case, frame)
    stretch = f"{folds[0].origin:%Y-%m-%d} to {folds[-1].end:%Y-%m-%d}"
    return [
        (
            "hindsight",
            f"All candidates from {stretch}, learned anew {len(folds)} times",
            _ranking(tested, where, case),
        ),
        ("hindsight_winners", f"Who wins where from {stretch}", where),
    ]


def _ranking(tested: Sequence[Backtest], where: pd.DataFrame, case: Case) -> pd.DataFrame:
    """A row a candidate, best first, with how many segments of each breakdown it has won."""
    import pandas as pd

    primary, unit = case.task.primary, case.schema.column(case.schema.target).unit
    scored = [(each, case.task.metrics(each.truth, each.predicted)) for each in tested]
    baseline = next(scores[primary] for each, scores in scored if each.baseline)
    won = where.groupby(["by", "winner"], sort=False).size()
    segments = where.groupby("by", sort=False).size()
    return pd.DataFrame(
        [
            {
                "candidate": each.name,
                "what it is": each.title,
                **{score_label(name, unit): round(value, 4) for name, value in scores.items()},
                "better than baseline (%)": round(100 * skill(scores[primary], baseline), 1),
                **{
                    f"wins by {by}": f"{won.get((by, each.name), 0)} of {count}"
                    for by, count in segments.items()
                },
            }
            for each, scores in sorted(scored, key=lambda pair: pair[1][primary])
        ]
    )
