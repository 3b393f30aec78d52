"""The price of retraining policies over the history of a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, Bench, wave_case, waves

from pipeline.case import Candidate
from pipeline.errors import OptionError, StepError
from pipeline.policies import History, never
from pipeline.schema import Schema
from pipeline.splits import Fold
from pipeline.steps.past_models import PastModels, Setback, calendar_name
from pipeline.steps.price import keep_up, price
from pipeline.store.replays import read_replay


@pytest.fixture
def long_bench(bench: Bench) -> Bench:
    """196 days of waves at one station, with a current window of four weeks."""
    windows = replace(wave_case().windows, current=timedelta(days=28))
    bench.case = wave_case(waves(days=196, series=("north",)), windows=windows)
    bench.do("ingest", "validate")
    return bench


def priced(bench: Bench, **told: Any) -> Any:
    return price(bench.store, bench.case, most=16, say=lambda _: None, **told)


def models(bench: Bench) -> dict[str, int]:
    folder = bench.store.cache_folder(bench.case.name) / "policies"
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_price_is_replayed_and_kept(long_bench: Bench) -> None:
    """Five policies on the same weeks; a second call learns nothing and says the same."""
    found = priced(long_bench)
    learned = models(long_bench)
    again = priced(long_bench)

    by_policy = {each.policy: each.retrainings for each in found.record.prices}
    assert ["never", "by performance", "by drift", "monthly", "always"] == list(by_policy)
    assert (0, 1, 7) == (by_policy["never"], by_policy["monthly"], by_policy["always"])
    assert found.record.prices == again.record.prices
    assert 16 == len(learned)
    assert learned == models(long_bench)


def test_the_record_says_what_it_was_computed_on(long_bench: Bench) -> None:
    """The judged weeks, without those that only set the limits, and the tables; the files are
    there.
    """
    found = priced(long_bench)

    record = read_replay(long_bench.store.home, "waves")
    assert found.record == record
    assert (8, 4, 7.0) == (record.limits_from, record.window, record.stretch_days)
    assert FIRST + timedelta(days=140) == record.replayed.start
    assert FIRST + timedelta(days=196) == record.replayed.end
    assert ["observations", "quarantine"] == [table.table for table in record.inputs]
    assert all((found.folder / file.path).is_file() for file in record.files)
    assert "policy,retrainings,of stretches,RMSE (waves/h)" in (
        found.folder / "prices.csv"
    ).read_text().replace('"', "")


def test_the_alarms_of_the_past_are_on_the_page(long_bench: Bench) -> None:
    """A look a week: waves twice as high in the last week alarm then, and in no week before. The
    champion had learned until the held-out window of ten days began.
    """
    rows = waves(days=196, series=("north",))
    rows.loc[rows["time"] >= FIRST + timedelta(days=189), "value"] *= 2
    long_bench.case = wave_case(rows, windows=long_bench.case.windows)
    long_bench.do("ingest", "validate", run_id="run-2")

    found = priced(long_bench)

    alarms = pd.read_csv(found.folder / "alarms.csv")
    newest = FIRST + timedelta(days=189)
    assert ["alarms"] == [file.name for file in found.record.files][-1:]
    assert 8 <= len(alarms) == found.record.files[-1].rows
    assert [f"{newest:%Y-%m-%d}"] == alarms.loc[alarms["alarms"] > 0, "newest rows from"].tolist()
    assert "value" in alarms["columns"].iloc[-1]
    assert alarms["champion learned until"].iloc[0] <= f"{FIRST + timedelta(days=137):%Y-%m-%d}"


def test_a_model_learned_in_time_knows_no_later_row(long_bench: Bench) -> None:
    """A spike on the last day moves the last stretch and no choice before it."""
    before = priced(long_bench).record.prices[-1]
    rows = waves(days=196, series=("north",))
    rows.loc[rows["time"] >= FIRST + timedelta(days=195), "value"] = 199.0
    long_bench.case = wave_case(rows, windows=long_bench.case.windows)
    long_bench.do("ingest", "validate", run_id="run-2")

    after = priced(long_bench).record.prices[-1]

    assert before.learned == after.learned
    assert after.error > 1.5 * before.error
    # The stretches begin where they did, and what was learned for them comes from the cache.
    assert 16 == len(models(long_bench))


def test_a_run_keeps_up_what_has_been_asked_for(long_bench: Bench) -> None:
    """Not before the first call, not for a week of new rows, and for a month of them."""
    rows = waves(days=224, series=("north",))
    until = FIRST + timedelta(days=196)

    def told(days: int, run_id: str) -> list[str]:
        end = until + timedelta(days=days)
        long_bench.case = wave_case(
            rows[rows["time"] < end].reset_index(drop=True), windows=long_bench.case.windows
        )
        long_bench.do("ingest", "validate", run_id=run_id)
        said: list[str] = []
        keep_up(long_bench.run("report", run_id), said.append)
        return said

    assert [] == told(0, "run-2")
    priced(long_bench)
    assert [] == told(7, "run-3")
    assert told(28, "run-4")

    record = read_replay(long_bench.store.home, "waves")
    assert record is not None
    assert until + timedelta(days=28) == record.replayed.end


def test_a_model_that_learns_nothing_is_called_so(long_bench: Bench) -> None:
    """Where all policies err alike, nobody is told which is best."""
    long_bench.case = replace(
        long_bench.case,
        candidates=(Candidate(name="naive", title="Naive", build=lambda _: _baseline(long_bench)),),
    )

    assert "learns nothing that changes with time" in priced(long_bench).record.sentence


def test_the_model_that_lost_most_is_told() -> None:
    """Learned at the third of four moments, it errs by 3 in two stretches, the first model by 1."""
    truth, off = np.array([4.0, 5.0, 7.0]), np.array([[1.0] * 4, [1.0] * 4, [3.0] * 4, [0.5] * 4])
    nothing = np.array([], dtype=np.intp)
    starts = [FIRST + timedelta(days=7 * number) for number in range(5)]
    folds = [
        Fold(name="", origin=start, end=end, train=nothing, test=nothing)
        for start, end in pairwise(starts)
    ]
    history = History(errors=off**2, window=1, alpha=0.05, drifted=lambda model, now: False)
    found = PastModels(
        case=wave_case(),
        folds=folds,
        models=[None] * 4,
        truth=[truth] * 4,
        predicted=[[truth + each for each in row] for row in off],
        history=history,
    )

    assert found.setback(never, 0) is None
    assert found.setback(lambda _, model, now: now == 3, 0) is None
    assert Setback(learned=starts[2], stretches=2, error=3.0, kept=1.0, lost=16.0) == found.setback(
        lambda _, model, now: now == 2, 0
    )


def _baseline(bench: Bench) -> Any:
    return bench.case.task.baseline(bench.case.schema)


def test_a_short_past_is_refused(bench: Bench) -> None:
    """Sixty days are too few weeks to tell policies apart."""
    windows = replace(wave_case().windows, current=timedelta(days=28))
    bench.case = wave_case(windows=windows)
    bench.do("ingest", "validate")

    with pytest.raises(StepError, match="a past of 4 stretches of 7 days to replay; 16 are needed"):
        priced(bench)


def test_rows_without_time_have_no_past(bench: Bench) -> None:
    """The command says so before it reads anything."""
    schema = Schema(columns=bench.case.schema.columns, key=("series", "time"), target="value")
    object.__setattr__(bench.case, "schema", schema)

    with pytest.raises(OptionError, match="no column of time"):
        priced(bench)


@pytest.mark.parametrize(
    ("days", "name"),
    [(28, "monthly"), (91, "every 91 days"), (365.25, "every year"), (1461, "every 4 years")],
)
def test_the_policy_by_the_calendar_says_how_often(days: float, name: str) -> None:
    """A new model every current window."""
    case = wave_case(windows=replace(wave_case().windows, current=timedelta(days=days)))

    assert name == calendar_name(case)


def test_errors_are_those_of_the_weeks_that_were_judged(long_bench: Bench) -> None:
    """Always: every week predicted by the model learned at its start, by hand."""
    found = priced(long_bench).record
    case = long_bench.case
    frame = case.task.frame(long_bench.run("train").validated().copy(), case.schema)
    folds = case.task.folds(
        frame,
        case.schema,
        count=8,
        length=timedelta(days=7),
        end=FIRST + timedelta(days=196),
    )
    squares = []
    for fold in folds:
        model = case.candidates[0].build(0)
        rows = frame.iloc[fold.train]
        model.fit(rows, case.task.truth(rows, case.schema))
        test = frame.iloc[fold.test]
        squares.append((case.task.truth(test, case.schema) - case.task.predict(model, test)) ** 2)

    assert np.sqrt(np.mean(np.concatenate(squares))) == pytest.approx(found.prices[-1].error)
