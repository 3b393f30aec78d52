"""How often a challenger is promoted that is as good as the champion, and one that is 5 % better.

`python -m benchmarks.promotion` backtests the candidates of several bikes samples (`--samples`,
from the seed `--seed` on: draws that no setting was chosen on), and draws years of paired daily
losses from theirs, in circular blocks of one and two weeks: the autocorrelation of the differences
is noise beyond. Either model of a pair is the champion in half of the draws. The
challenger's losses are scaled to have the champion's mean, or that of an RMSE 5 % lower. Four
weekly runs look at each draw as the pipeline does: folds and held-out window pooled,
Diebold-Mariano test, levels of repeated looks, margin. The oracle looks once, at the fourth run, at
the same record, at 5 %, and knows the standard error of its mean difference. Prints a table, then
one JSON line with means over all pairs (`equal`, `better`, `oracle`), their standard errors over
samples, the worst pairs, and `short`: the share of settings that reach neither 80 % nor 85 % of the
oracle, by more than two standard errors of their draws.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case, find_case
from pipeline.comparison import compare_losses
from pipeline.looks import Looks, look
from pipeline.options import IngestOptions, TrainOptions, ValidateOptions
from pipeline.steps.backtest import backtest
from pipeline.steps.ingest import ingest
from pipeline.steps.promote import is_better
from pipeline.steps.run import open_run
from pipeline.steps.train import competitors
from pipeline.steps.validate import validate

if TYPE_CHECKING:
    from pipeline.cases.bikes.simulate import CounterSimulator

Losses = NDArray[np.float64]
RUNS, DAYS_A_RUN, ALPHA = 4, 7, 0.05
BLOCKS = (7, 14)
GAINS = (0.0, 0.05)
MOST_ASKED, LEAST_OF_ORACLE = 0.8, 0.85


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One pair of models, one length of block, one difference of RMSE."""

    seed: int
    """Of the sample."""
    champion: str
    challenger: str
    block: int
    gain: float
    ours: float
    """Share of replications with a promotion within the runs."""
    first: float
    """The same in the first run alone."""
    oracle: float


def sampled(case: Case, seed: int) -> Case:
    """The case with another sample: other riders, other weather, the same kind of disturbances."""
    sample = cast("CounterSimulator", case.sources["sample"])
    return replace(case, sources={**case.sources, "sample": replace(sample, seed=seed)})


def daily_losses(case: Case) -> dict[str, Losses]:
    """Mean squared error by origin over six folds of the sample, of every candidate that may
    serve."""
    with tempfile.TemporaryDirectory() as home:
        told: dict[str, Any] = {"case": case.name, "source": "sample", "home": home}
        run = replace(open_run(IngestOptions(**told)), case=case)
        ingest(run, IngestOptions(**told))
        validate(run, ValidateOptions(**told))
        frame, end = case.task.frame(run.validated(), case.schema), run.as_of
    windows = case.windows
    folds = case.task.folds(
        frame,
        case.schema,
        count=windows.folds + round(windows.held_out / windows.fold),
        length=windows.fold,
        end=end,
    )
    rows = frame.iloc[np.concatenate([fold.test for fold in folds])]
    truth = rows[case.schema.target].to_numpy(dtype=np.float64)
    return {
        each.name: case.task.losses(
            rows,
            case.schema,
            truth,
            backtest(each, case, frame, folds, seconds=time.monotonic).predicted,
        )
        for each in competitors(case, TrainOptions())
        if not each.not_eligible
    }


def drawn(
    pair: tuple[Losses, Losses], days: int, block: int, random: np.random.Generator
) -> tuple[Losses, Losses]:
    """As many days of paired losses, in blocks of neighbours from a circle."""
    length = len(pair[0])
    starts = random.integers(0, length, math.ceil(days / block))
    chosen = ((starts[:, None] + np.arange(block)).ravel() % length)[:days]
    return pair[0][chosen], pair[1][chosen]


def _exchanged(pair: tuple[Losses, Losses], gain: float) -> tuple[Losses, Losses]:
    """The other model is the champion, and the first one as much better."""
    champion, challenger = pair
    return challenger / (1 - gain) ** 2, champion * (1 - gain) ** 2


def first_promotion(champion: Losses, challenger: Losses, case: Case, record: int) -> int:
    """The run, from 0, that promotes; `RUNS` when none does."""
    looks: Looks | None = None
    planned = case.gates.oldest_champion.days
    for run in range(RUNS):
        new = DAYS_A_RUN * run
        seen = slice(new, new + record)
        looks = look(looks, rows=record, kept=record - new, planned=planned, alpha=ALPHA)
        found = compare_losses(
            champion[seen],
            challenger[seen],
            hang_together=case.task.losses_hang_together,
            random=np.random.default_rng(0),
        )
        gain = 1 - math.sqrt(challenger[seen].mean() / champion[seen].mean())
        if is_better(found.p_value, looks.level, gain, case.gates.margin):
            return run
    return RUNS


def settings(
    case: Case, losses: dict[str, Losses], replications: int, seed: int
) -> Iterator[Setting]:
    """Every pair, block and gain; the oracle's standard error is that of all replications."""
    random = np.random.default_rng(seed)
    record = (case.windows.fold * case.windows.folds + case.windows.held_out).days
    days = record + DAYS_A_RUN * (RUNS - 1)
    for champion, challenger in combinations(losses, 2):
        for block in BLOCKS:
            for gain in GAINS:
                ours = losses[champion]
                theirs = losses[challenger] * ours.mean() / losses[challenger].mean()
                pair = ours, theirs * (1 - gain) ** 2
                draws = [drawn(pair, days, block, random) for _ in range(replications)]
                draws = [
                    _exchanged(draw, gain) if index % 2 else draw
                    for index, draw in enumerate(draws)
                ]
                runs = np.array([first_promotion(*draw, case, record) for draw in draws])
                last = np.array([(a - b)[-record:].mean() for a, b in draws])
                yield Setting(
                    seed=seed,
                    champion=champion,
                    challenger=challenger,
                    block=block,
                    gain=gain,
                    ours=float(np.mean(runs < RUNS)),
                    first=float(np.mean(runs == 0)),
                    oracle=float(np.mean(last > 1.6449 * last.std())),
                )


@click.command()
@click.option("--replications", default=500, show_default=True, help="Draws of each setting.")
@click.option("--samples", default=4, show_default=True, help="Simulated samples to take pairs of.")
@click.option("--seed", default=11, show_default=True, help="Of the first sample.")
def main(replications: int, samples: int, seed: int) -> None:
    """Print the table and one JSON line."""
    case = find_case("bikes")
    found = []
    for number in range(seed, seed + samples):
        for each in settings(case, daily_losses(sampled(case, number)), replications, number):
            print(
                f"sample {number}, {each.challenger:>14} over {each.champion:<14} blocks of "
                f"{each.block:2} days, {each.gain:.0%} better: promoted {each.ours:.1%} (first run "
                f"{each.first:.1%}), oracle {each.oracle:.1%}",
                flush=True,
            )
            found.append(each)
    equal, better = (
        [each for each in found if bool(each.gain) is sought] for sought in (False, True)
    )
    print(
        json.dumps(
            {
                "benchmark": "promotion",
                "replications": replications,
                "pairs": len(equal) // len(BLOCKS),
                "equal": _mean(each.ours for each in equal),
                "equal_error": _error(equal, "ours"),
                "better": _mean(each.ours for each in better),
                "better_error": _error(better, "ours"),
                "oracle": _mean(each.oracle for each in better),
                "oracle_error": _error(better, "oracle"),
                "of_oracle": round(
                    _mean(each.ours for each in better) / _mean(each.oracle for each in better), 4
                ),
                "worst_equal": max(each.ours for each in equal),
                "worst_of_oracle": round(min(each.ours / each.oracle for each in better), 4),
                "short": _mean(float(_falls_short(each, replications)) for each in better),
                "settings": [asdict(each) for each in found],
            }
        )
    )


def _error(found: Sequence[Setting], name: str) -> float | None:
    """Standard error of a mean over samples; `None` for a single one."""
    seeds = sorted({each.seed for each in found})
    means = [
        np.mean([getattr(each, name) for each in found if each.seed == seed]) for seed in seeds
    ]
    return round(float(np.std(means, ddof=1) / len(seeds) ** 0.5), 4) if len(seeds) > 1 else None


def _falls_short(each: Setting, replications: int) -> bool:
    """Below what is asked for, by more than two standard errors of the draws."""
    noise = 2 * math.sqrt(each.ours * (1 - each.ours) / replications)
    return each.ours + noise < min(MOST_ASKED, LEAST_OF_ORACLE * each.oracle)


def _mean(shares: Iterable[float]) -> float:
    return round(float(np.mean(list(shares))), 4)


if __name__ == "__main__":
    main()
