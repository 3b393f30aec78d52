"""How often a challenger is promoted that is as good as the champion, and one that is 5 % better.

`python -m benchmarks.promotion` backtests the candidates of several bikes samples (`--samples`,
from the seed `--seed` on: draws that no setting was chosen on, which 11 to 52 were), and draws
paired daily losses from theirs, in circular blocks of one and two weeks: the autocorrelation of the
differences is noise beyond. Either model of a pair is the champion in half of the draws. The
challenger's losses are scaled to have the champion's mean, or that of an RMSE 5 % lower. Weekly
runs look at each draw as the pipeline does: folds and held-out window pooled, Diebold-Mariano test,
levels of repeated looks, margin. A better model has four runs to be found. An equal one may be
promoted in any of the runs until the question is asked from the start. The oracle looks once, at
the fourth run, at the same record, at 5 %, and knows the standard error of its mean difference.

Prints a table of settings (pair, sample, block), one of pairs over all samples, then one JSON line:
means over all settings, their standard errors over samples, the same by pair, and the worst. Beside
each stands what a test finds that knows the standard error but is asked weekly as ours is. A single
sample is one year of one city: where it has one week that a model fails in, a record of half a year
may hold it twice or not at all, and no test of that record can tell (Bahadur & Savage 1956, "The
nonexistence of certain statistical procedures in nonparametric problems").

What is lost to the oracle, on samples 14 to 21 with 200 draws each: asked weekly and told the
standard error, a test promotes 5.0 % of equal models and finds 99 % of what the oracle does (96 to
105 by pair). Not being told costs what Student's t with 12 degrees costs beside the normal, 7 %
where the oracle finds half: the best test there is of normal losses, for 12 blocks of two weeks.
The rest is what long tails and skewed weeks cost: ours promotes 4.9 % (4.0 to 6.1 by pair) and
finds 87 % (80 to 97). The sign-flip test of 12 blocks (Canay, Romano & Shaikh 2017) finds 88 %
(83 to 97) at 5.1 % (4.5 to 5.8), Student's of 12 blocks 86 % (80 to 97) at 4.8 % (4.0 to 5.4): what
they find more of in one pair, they pay for with promotions of equal models.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, count, islice
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.case import Case, find_case
from pipeline.comparison import compare_losses
from pipeline.looks import Looks, look
from pipeline.options import IngestOptions, TrainOptions, ValidateOptions
from pipeline.records import ValidateRecord
from pipeline.steps.backtest import backtest
from pipeline.steps.differences import is_better
from pipeline.steps.evidence import ALLOWANCE
from pipeline.steps.ingest import ingest
from pipeline.steps.run import open_run
from pipeline.steps.train import competitors
from pipeline.steps.validate import validate

if TYPE_CHECKING:
    from pipeline.cases.bikes.simulate import CounterSimulator

Losses = NDArray[np.float64]
FOUR, DAYS_A_RUN, ALPHA = 4, 7, 0.05
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
    """Share of replications with a promotion within four runs."""
    first: float
    """The same in the first run alone."""
    ever: float
    """The same in all runs until the question is asked from the start; of a better model, as
    `ours`."""
    informed: float
    """As `ours` of a better model, as `ever` of an equal one, of a test that knows what the oracle
    does, but is asked week by week as ours is, at levels that spend the whole of alpha."""
    oracle: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two candidates over all samples and blocks, either of them the champion."""

    pair: str
    equal: float
    """Share of promotions in all runs, of models that are equal."""
    equal_error: float | None
    better: float
    """Share of promotions within four runs, of a model that is better."""
    of_oracle: float
    of_oracle_error: float | None
    informed_equal: float
    """What `equal` and `of_oracle` are of a test that knows the standard error."""
    informed_of_oracle: float


def sampled(case: Case, seed: int) -> Case:
    """The case with another sample: other riders, other weather, the same kind of disturbances."""
    sample = cast("CounterSimulator", case.sources["sample"])
    return replace(case, sources={**case.sources, "sample": replace(sample, seed=seed)})


def daily_losses(case: Case) -> dict[str, Losses]:
    """Mean squared error by origin over six folds of the sample, of every candidate that may
    serve; of none where validation stops the sample."""
    with tempfile.TemporaryDirectory() as home:
        told: dict[str, Any] = {"case": case.name, "source": "sample", "home": home}
        run = replace(open_run(IngestOptions(**told)), case=case)
        ingest(run, IngestOptions(**told))
        validate(run, ValidateOptions(**told))
        if run.need(ValidateRecord).stopped:
            return {}
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


def whole_samples(case: Case, first: int) -> Iterator[tuple[int, dict[str, Losses]]]:
    """Seeds and losses, without the samples that validation stops."""
    for number in count(first):
        losses = daily_losses(sampled(case, number))
        if losses:
            yield number, losses
        else:
            print(f"sample {number} is stopped by validation; the next one takes its place")


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


def first_promotion(
    champion: Losses,
    challenger: Losses,
    case: Case,
    record: int,
    runs: int,
    *,
    error: float | None = None,
) -> int:
    """The run, from 0, that promotes; `runs` when none does. Where the standard `error` of the mean
    difference is known, it takes the place of the estimate and all of alpha is spent.
    """
    looks: Looks | None = None
    planned = case.gates.oldest_champion.days
    for run in range(runs):
        new = DAYS_A_RUN * run
        seen = slice(new, new + record)
        alpha = ALPHA if error else ALLOWANCE * ALPHA
        looks = look(looks, rows=record, kept=record - new, planned=planned, alpha=alpha)
        p_value = _p_value(champion[seen], challenger[seen], case, error)
        gain = 1 - math.sqrt(challenger[seen].mean() / champion[seen].mean())
        if is_better(p_value, looks.level, gain, case.gates.margin):
            return run
    return runs


def _p_value(champion: Losses, challenger: Losses, case: Case, error: float | None) -> float:
    if error:
        return float(ndtr(-np.mean(champion - challenger) / error))
    return compare_losses(
        champion,
        challenger,
        hang_together=case.task.losses_hang_together,
        random=np.random.default_rng(0),
    ).p_value


def settings(
    case: Case, losses: dict[str, Losses], replications: int, seed: int
) -> Iterator[Setting]:
    """Every pair, block and gain."""
    random = np.random.default_rng(seed)
    for champion, challenger in combinations(losses, 2):
        for block in BLOCKS:
            for gain in GAINS:
                ours = losses[champion]
                theirs = losses[challenger] * ours.mean() / losses[challenger].mean()
                pair = ours, theirs * (1 - gain) ** 2
                found = simulated(case, pair, gain, block, replications, random)
                yield Setting(
                    seed=seed,
                    champion=champion,
                    challenger=challenger,
                    block=block,
                    gain=gain,
                    **found,
                )


def simulated(
    case: Case,
    pair: tuple[Losses, Losses],
    gain: float,
    block: int,
    replications: int,
    random: np.random.Generator,
) -> dict[str, float]:
    """Shares of draws with a promotion; the oracle's standard error is that of all draws."""
    record = (case.windows.fold * case.windows.folds + case.windows.held_out).days
    runs = FOUR if gain else 1 + case.gates.oldest_champion.days // DAYS_A_RUN
    draws = [
        drawn(pair, record + DAYS_A_RUN * (runs - 1), block, random) for _ in range(replications)
    ]
    draws = [_exchanged(draw, gain) if index % 2 else draw for index, draw in enumerate(draws)]
    promoted = np.array([first_promotion(*draw, case, record, runs) for draw in draws])
    fourth = slice(DAYS_A_RUN * (FOUR - 1), DAYS_A_RUN * (FOUR - 1) + record)
    last = np.array([(a - b)[fourth].mean() for a, b in draws])
    error = float(last.std())
    informed = [first_promotion(*draw, case, record, runs, error=error) for draw in draws]
    return {
        "ours": float(np.mean(promoted < FOUR)),
        "first": float(np.mean(promoted == 0)),
        "ever": float(np.mean(promoted < runs)),
        "informed": float(np.mean(np.array(informed) < runs)),
        "oracle": float(np.mean(last > 1.6449 * error)),
    }


@click.command()
@click.option("--replications", default=1000, show_default=True, help="Draws of each setting.")
@click.option("--samples", default=8, show_default=True, help="Simulated samples to take pairs of.")
@click.option("--seed", default=61, show_default=True, help="Of the first sample.")
def main(replications: int, samples: int, seed: int) -> None:
    """Print the tables and one JSON line."""
    case = find_case("bikes")
    found = []
    for number, losses in islice(whole_samples(case, seed), samples):
        for each in settings(case, losses, replications, number):
            print(
                f"sample {number}, {each.challenger:>14} over {each.champion:<14} blocks of "
                f"{each.block:2} days, {each.gain:.0%} better: promoted {each.ours:.1%} (first run "
                f"{each.first:.1%}, ever {each.ever:.1%}), oracle {each.oracle:.1%}",
                flush=True,
            )
            found.append(each)
    pairs = pairs_of(found)
    for pair in pairs:
        print(
            f"{pair.pair}: equal {_told(pair.equal, pair.equal_error)}, better {pair.better:.1%}, "
            f"{_told(pair.of_oracle, pair.of_oracle_error)} of the oracle; with the standard error "
            f"known {pair.informed_equal:.1%} and {pair.informed_of_oracle:.1%}"
        )
    print(json.dumps({"benchmark": "promotion", **summary(found, pairs, replications)}))


def pairs_of(found: Sequence[Setting]) -> list[Pair]:
    """Each pair of candidates over its samples and blocks."""
    names = sorted({(each.champion, each.challenger) for each in found})
    return [
        _pair(name, [each for each in found if (each.champion, each.challenger) == name])
        for name in names
    ]


def _pair(names: tuple[str, str], found: Sequence[Setting]) -> Pair:
    equal, better = _by_gain(found)
    oracle = _mean(each.oracle for each in better)
    return Pair(
        pair=" and ".join(names),
        equal=_mean(each.ever for each in equal),
        equal_error=_error(equal, lambda each: each.ever),
        better=_mean(each.ours for each in better),
        of_oracle=_of_oracle(better),
        of_oracle_error=_error(
            better, lambda each: (each.ours - _of_oracle(better) * each.oracle) / oracle
        ),
        informed_equal=_mean(each.informed for each in equal),
        informed_of_oracle=round(_mean(each.informed for each in better) / oracle, 4),
    )


def summary(found: Sequence[Setting], pairs: Sequence[Pair], replications: int) -> dict[str, Any]:
    """The JSON line."""
    equal, better = _by_gain(found)
    return {
        "replications": replications,
        "samples": len({each.seed for each in found}),
        "equal": _mean(each.ever for each in equal),
        "equal_error": _error(equal, lambda each: each.ever),
        "equal_within_four": _mean(each.ours for each in equal),
        "better": _mean(each.ours for each in better),
        "better_error": _error(better, lambda each: each.ours),
        "oracle": _mean(each.oracle for each in better),
        "of_oracle": _of_oracle(better),
        "informed_equal": _mean(each.informed for each in equal),
        "informed_of_oracle": round(
            _mean(each.informed for each in better) / _mean(each.oracle for each in better), 4
        ),
        "pairs": [asdict(each) for each in pairs],
        "worst_pair_equal": max(each.equal for each in pairs),
        "worst_pair_of_oracle": min(each.of_oracle for each in pairs),
        "worst_setting_equal": max(each.ever for each in equal),
        "worst_setting_of_oracle": round(min(each.ours / each.oracle for each in better), 4),
        "short": _mean(float(_falls_short(each, replications)) for each in better),
        "settings": [asdict(each) for each in found],
    }


def _by_gain(found: Sequence[Setting]) -> tuple[list[Setting], list[Setting]]:
    return [each for each in found if not each.gain], [each for each in found if each.gain]


def _of_oracle(found: Sequence[Setting]) -> float:
    return round(float(sum(each.ours for each in found) / sum(each.oracle for each in found)), 4)


def _error(found: Sequence[Setting], score: Callable[[Setting], float]) -> float | None:
    """Standard error of a mean over samples; `None` for a single one."""
    seeds = sorted({each.seed for each in found})
    means = [np.mean([score(each) for each in found if each.seed == seed]) for seed in seeds]
    return round(float(np.std(means, ddof=1) / len(seeds) ** 0.5), 4) if len(seeds) > 1 else None


def _told(share: float, error: float | None) -> str:
    return f"{share:.1%}" + (f" ± {error:.1%}" if error is not None else "")


def _falls_short(each: Setting, replications: int) -> bool:
    """Below what is asked for, by more than two standard errors of the draws."""
    noise = 2 * math.sqrt(each.ours * (1 - each.ours) / replications)
    return each.ours + noise < min(MOST_ASKED, LEAST_OF_ORACLE * each.oracle)


def _mean(shares: Iterable[float]) -> float:
    return round(float(np.mean(list(shares))), 4)


if __name__ == "__main__":
    main()
