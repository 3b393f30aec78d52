"""The price of retraining policies over the history of a case."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, Bench, Frame, suite, wave_case, waves
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from pipeline.case import Candidate, Case
from pipeline.errors import OptionError, StepError
from pipeline.policies import History, always, by_performance
from pipeline.schema import Schema
from pipeline.splits import Fold
from pipeline.steps.examined import Followed, Rules, Who, follow
from pipeline.steps.past_models import (
    PastModels,
    calendar_name,
    has_drifted,
    late_by,
    stretches_of,
)
from pipeline.steps.policy_views import label_levels
from pipeline.steps.price import keep_up, price
from pipeline.steps.walks import Setback, Walks
from pipeline.store import Store, project
from pipeline.store.replays import read_replay
from pipeline.tasks.divisions import Division
from pipeline.tasks.regression import Regression


def priced(bench: Bench) -> Any:
    return price(bench.store, bench.case, most=16, say=lambda _: None)


def long_case() -> Case:
    """196 days of waves at one station, with a current window of four weeks."""
    windows = replace(wave_case().windows, current=timedelta(days=28))
    return wave_case(waves(days=196, series=("north",)), windows=windows)


@dataclass(frozen=True)
class Replayed:
    """Homes of the long case, to be copied before they are written to."""

    judged: Path
    """Before any replay."""
    bench: Bench
    """After one."""
    found: Any


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder = tmp_path_factory.mktemp("price")
    expectations = suite(folder)
    bench = Bench(store=Store.at(folder / "home"), case=long_case())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "suite", lambda case: expectations)
        bench.do("ingest", "validate")
        shutil.copytree(bench.store.home, folder / "judged")
        return Replayed(judged=folder / "judged", bench=bench, found=priced(bench))


@pytest.fixture
def long_bench(bench: Bench, replayed: Replayed) -> Bench:
    """The long case, ingested and validated."""
    shutil.copytree(replayed.judged, bench.store.home)
    bench.case = long_case()
    return bench


@pytest.fixture
def priced_bench(bench: Bench, replayed: Replayed) -> Bench:
    """The long case, whose policies were replayed."""
    shutil.copytree(replayed.bench.store.home, bench.store.home)
    bench.case = long_case()
    return bench


def models(bench: Bench) -> dict[str, int]:
    folder = bench.store.cache_folder(bench.case.name) / "policies"
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_price_is_replayed_and_kept(priced_bench: Bench, replayed: Replayed) -> None:
    """Five policies on the same weeks; a second call learns nothing and says the same."""
    found = replayed.found
    learned = models(priced_bench)
    again = priced(priced_bench)

    by_policy = {each.policy: each.retrainings for each in found.record.prices}
    assert ["never", "by performance", "by drift", "monthly", "always"] == list(by_policy)
    assert (0, 1, 7) == (by_policy["never"], by_policy["monthly"], by_policy["always"])
    assert found.record.prices == again.record.prices
    assert 16 == len(learned)
    assert learned == models(priced_bench)


def test_the_record_says_what_it_was_computed_on(replayed: Replayed) -> None:
    """The judged weeks, without those that only set the limits, and the tables; the files are
    there.
    """
    found = replayed.found

    record = read_replay(replayed.bench.store.home, "waves")
    assert found.record == record
    assert (8, 4, 7.0) == (record.limits_from, record.window, record.stretch_days)
    assert FIRST + timedelta(days=140) == record.replayed.start
    assert FIRST + timedelta(days=196) == record.replayed.end
    assert ["observations", "quarantine"] == [table.table for table in record.inputs]
    assert all((found.folder / file.path).is_file() for file in record.files)
    assert "of stretches,changes of the model that serves,RMSE (waves/h)" in (
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


def test_a_model_learned_in_time_knows_no_later_row(
    priced_bench: Bench, replayed: Replayed
) -> None:
    """A spike on the last day moves the last stretch and no choice before it."""
    before = replayed.found.record.prices[-1]
    rows = waves(days=196, series=("north",))
    rows.loc[rows["time"] >= FIRST + timedelta(days=195), "value"] = 199.0
    priced_bench.case = wave_case(rows, windows=priced_bench.case.windows)
    priced_bench.do("ingest", "validate", run_id="run-2")

    after = priced(priced_bench).record.prices[-1]

    assert before.learned == after.learned
    assert after.error > 1.5 * before.error
    # The stretches begin where they did, and what was learned for them comes from the cache.
    assert 16 == len(models(priced_bench))


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
    walks = Walks(
        models=past([truth] * 4, [[truth + each for each in row] for row in off]), first=0
    )

    def served(*models: int) -> Followed:
        known = tuple(Who("candidate", model) for model in models)
        return Followed(serving=known, trained=(), changes=())

    assert walks.setback(served(0, 0, 0, 0)) is None
    assert walks.setback(served(0, 0, 0, 3)) is None
    start = walks.models.folds[2].origin
    assert start is not None
    assert walks.setback(served(0, 0, 2, 2)) == Setback(
        learned=start, stretches=2, error=3.0, kept=1.0, lost=16.0
    )


def late_waves(known_after: timedelta) -> Case:
    """The case with a current window of four weeks, whose rows are known so late."""
    windows = replace(wave_case().windows, current=timedelta(days=28))
    schema = replace(wave_case().schema, known_after=known_after)
    return wave_case(windows=windows, schema=schema)


def past(
    truth: list[Any], predicted: list[list[Any]], known_after: timedelta = timedelta(hours=1)
) -> PastModels:
    """Models made of what they said of stretches of a week, a row a day; nothing drifts, and the
    baseline is off by 100.
    """
    case = late_waves(known_after)
    nothing = np.array([], dtype=np.intp)
    starts = [FIRST + timedelta(days=7 * number) for number in range(len(truth) + 1)]
    times = [start + timedelta(days=day) for start in starts[:-1] for day in range(len(truth[0]))]
    frame = pd.DataFrame({"series": "north", "time": pd.DatetimeIndex(times), "value": 0.0})
    rows = np.arange(len(frame)).reshape(len(truth), -1)
    folds = [
        Fold(name="", origin=start, end=end, train=nothing, test=test)
        for (start, end), test in zip(pairwise(starts), rows, strict=True)
    ]
    errors = [
        [np.mean((told - known) ** 2) for told, known in zip(row, truth, strict=True)]
        for row in predicted
    ]
    return PastModels(
        case=case,
        folds=folds,
        models=[None] * len(truth),
        truth=truth,
        predicted=predicted,
        history=History(
            errors=np.array(errors),
            window=4,
            alpha=0.05,
            drifted=lambda *_: False,
            late=late_by(case, frame, folds),
        ),
        frame=frame,
        baselines=[None] * len(truth),
        naive=[known + 100 for known in truth],
    )


@pytest.mark.parametrize(("gain", "sure"), [(0.5, True), (0.002, False)])
def test_a_policy_is_surely_better_where_chance_does_not_explain_it(
    gain: float, sure: bool
) -> None:
    """Twelve weeks of a model for each week, whose errors are a half smaller or hardly, and differ
    by chance.
    """
    random = np.random.default_rng(3)
    truth = [np.zeros(7)] * 20
    told = [
        [random.normal(size=7) * (1 - gain * (model > 8)) for _ in truth] for model in range(20)
    ]
    walks = Walks(models=past(truth, told), first=8)
    walks.followed = {
        name: Followed(
            serving=tuple(Who("candidate", each) for each in models), trained=(), changes=()
        )
        for name, models in (("never", [8] * 12), ("always", range(8, 20)))
    }

    assert sure == walks.is_sure("always")


def test_no_stretch_is_learned_from_that_a_run_would_hold_out() -> None:
    """Ten days are held out: two weeks, not one."""
    told = [[np.zeros(7)] * 20 for _ in range(20)]

    assert 2 == Walks(models=past([np.zeros(7)] * 20, told), first=8).rules.held_out


def test_no_label_of_the_chart_runs_into_another() -> None:
    """Side by side where there is room, or where one is a line higher than the other; else a line
    above what is in the way.
    """
    names = ["never, by performance", "by drift", "monthly", "always"]

    assert [0, 1, 0, 0] == label_levels([0, 30, 150, 500], [0] * 4, names).tolist()
    assert [0, 1, 2, 0] == label_levels([0, 30, 60, 500], [0] * 4, names).tolist()
    assert [0, 0, 0, 0] == label_levels([0, 30, 60, 500], [0, 20, 90, 0], names).tolist()


def test_noise_brings_no_new_model_to_serve_more_often_than_alpha() -> None:
    """Twenty models as good as one another, a new one examined every week over 12 weeks: of 100
    such histories those with a change are 5 % at most, and three standard deviations (7 points).
    """
    random = np.random.default_rng(20211109)

    def changes(_: int) -> int:
        truth = [np.zeros(7)] * 20
        told = [[random.normal(size=7) for _ in truth] for _ in truth]
        rules = Rules(held_out=8, oldest=12, window=4, alpha=0.05, margin=0.01, hang_together=7)
        walks = Walks(models=past(truth, told), first=8)
        return len(follow(always, walks, rules, first=8, stretches=20).changes)

    found = [changes(number) for number in range(100)]

    assert sum(each > 0 for each in found) <= 100 * 0.05 + 3 * (100 * 0.05 * 0.95) ** 0.5
    assert any(found)


def test_an_examination_sees_no_stretch_before_its_end() -> None:
    """Models learned from the tenth on are better from there on, and promoted; what comes in the
    last stretch of all changes nothing but that stretch's error.
    """
    random = np.random.default_rng(1)
    truth = [np.zeros(7)] * 20
    told = [
        [random.normal(size=7) * (1 if model >= 10 else 3) for _ in truth] for model in range(20)
    ]
    spoiled = [[*row[:-1], row[-1] + 50] for row in told]
    rules = Rules(held_out=4, oldest=12, window=4, alpha=0.05, margin=0.01, hang_together=7)

    known, other = (
        follow(always, Walks(models=past(truth, each), first=8), rules, first=8, stretches=20)
        for each in (told, spoiled)
    )

    assert any(change.now > 10 for change in known.changes)
    assert known == other


def test_an_examination_sees_no_row_before_it_is_known() -> None:
    """Rows are known fifteen days after their time, a stretch whole two stretches after its end:
    what comes in the last three moves no choice, neither of what is trained nor of what serves.
    """
    random = np.random.default_rng(1)
    truth = [np.zeros(7)] * 24
    told = [
        [random.normal(size=7) * (1 if model >= 10 else 3) for _ in truth] for model in range(24)
    ]
    spoiled = [[*row[:-3], *(each + 50 for each in row[-3:])] for row in told]

    policies = (always, by_performance)

    known, other = (
        [
            follow(policy, walks, replace(walks.rules, held_out=6), first=8, stretches=24)
            for policy in policies
        ]
        for walks in (
            Walks(models=past(truth, each, timedelta(days=15)), first=8) for each in (told, spoiled)
        )
    )

    assert any(change.now > 10 for change in known[0].changes)
    assert known == other


def test_drift_of_the_past_is_told_by_rows_that_were_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a window of four weeks, those that were five days old at its end."""
    seen: list[pd.Timestamp] = []

    def compared(_: Case, before: pd.DataFrame, now: pd.DataFrame, **__: Any) -> Any:
        seen.extend([before["time"].max(), now["time"].min(), now["time"].max()])
        raise StepError("seen")

    monkeypatch.setattr("pipeline.steps.past_models.compare_windows", compared)
    days = [FIRST + timedelta(days=day) for day in range(0, 57, 7)]
    folds = [
        Fold(name="", origin=one, end=other, train=np.array([]), test=np.array([]))
        for one, other in pairwise(days)
    ]
    case = late_waves(timedelta(days=5))
    with pytest.raises(StepError, match="seen"):
        has_drifted(case, waves(), folds, None, trained=2, now=7)

    hour = timedelta(hours=1)
    assert [days[2] - hour, days[3], days[7] - timedelta(days=5)] == seen


def by_wind(seed: int) -> Any:
    """Ridge regression on what is known at the time of a row."""
    return make_pipeline(
        ColumnTransformer([("wind", SimpleImputer(), ["wind"])]), Ridge(random_state=seed)
    )


def test_a_case_whose_labels_come_late_is_replayed_without_them(bench: Bench) -> None:
    """Fifteen days late, stretches of a week: the last one ends with the newest rows, and what
    these say changes neither what is trained, what serves, nor an alarm.
    """
    rows = waves(days=183, series=("north",)).iloc[::6].reset_index(drop=True)
    later = rows.copy()
    later.loc[later["time"] >= FIRST + timedelta(days=169), "value"] += 90
    found = []
    for number, each in enumerate((rows, later)):
        bench.case = replace(
            late_waves(timedelta(days=15)),
            gates=replace(wave_case().gates, fresh=timedelta(days=16)),
            task=Regression(division=Division(groups=("time",), held_out=0.5)),
            sources={"sample": Frame(rows=each)},
            candidates=(Candidate(name="wind", title="Wind", build=by_wind),),
        )
        bench.do("ingest", "validate", run_id=f"run-{number}")
        found.append(priced(bench))

    before, after = (each.record for each in found)
    assert before.prices[0].error < 0.9 * after.prices[0].error
    assert [each.learned for each in before.prices] == [each.learned for each in after.prices]
    assert [each.changed for each in before.prices] == [each.changed for each in after.prices]
    alarms = [(each.folder / "alarms.csv").read_text() for each in found]
    assert alarms[0] == alarms[1]


def test_rows_known_later_than_a_window_have_no_past() -> None:
    """At no moment is one of the newest four weeks known."""
    case = late_waves(timedelta(days=28))

    with pytest.raises(StepError, match="known 28 days after their time: at no moment"):
        stretches_of(case, waves(days=196), most=16)


def test_a_change_that_makes_training_worth_it_is_learned_by_who_trains(
    long_bench: Bench,
) -> None:
    """From day 147 on the waves are turned upside down every other day: the day before tells the
    wrong way, the day before that the right one. Who trains again has a model that knows it
    promoted, by the test and once enough rows speak for it; who never does goes on erring.
    """
    rows = waves(days=280, series=("north",))
    day = (rows["time"] - FIRST).dt.days
    turned = (day >= 147) & (day % 2 == 1)
    rows.loc[turned, "value"] = 100 - rows.loc[turned, "value"]
    windows = replace(long_bench.case.windows, held_out=timedelta(days=14))
    long_bench.case = wave_case(rows, windows=windows)
    long_bench.do("ingest", "validate", run_id="run-2")

    found = price(long_bench.store, long_bench.case, most=32, say=lambda _: None)

    prices = {each.policy: each for each in found.record.prices}
    assert () == prices["never"].changed
    for name in ("by performance", "monthly", "always"):
        assert prices[name].changed
        assert prices[name].changed[0] > FIRST + timedelta(days=147 + 7)
        assert prices[name].error < 0.8 * prices["never"].error
    changes = pd.read_csv(found.folder / "changes.csv")
    assert changes["why"].str.startswith("Promote the challenger: it erred ").any()
    assert "less than never training again" in found.record.sentence
    assert "That is more than chance would explain." in found.record.sentence


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


def test_errors_are_those_of_the_weeks_that_were_judged(replayed: Replayed) -> None:
    """Always: every week predicted by the model learned at its start, by hand."""
    found, bench = replayed.found.record, replayed.bench
    case = bench.case
    frame = case.task.frame(bench.run("train").validated().copy(), case.schema)
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

    assert np.sqrt(np.mean(np.concatenate(squares))) == pytest.approx(found.prices[-1].unexamined)
