"""The drift alarms look after look, as a schedule with a renewed champion sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, wave_case, waves
from levels import renewal

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.steps.renewal import Champion, Renewal
from pipeline.steps.replay import WEEK, Look, alarms_table, replay


def at(day: int) -> datetime:
    return FIRST + timedelta(days=day)


def scheduled(case: Case, rows: pd.DataFrame) -> tuple[Renewal, list[datetime]]:
    """A schedule of models that say the mean of what they learned, and until when they learned."""
    moments: list[datetime] = []

    def level(until: datetime) -> float:
        moments.append(until)
        return float(rows.loc[rows["time"] < until, "value"].mean())

    return renewal(case, rows, at(28), level), moments


def looks(rows: pd.DataFrame, *, until: int, scheduled_by: Renewal | None = None) -> list[Look]:
    return list(replay(wave_case(), rows, since=at(70), until=at(until), renewal=scheduled_by))


def test_a_jump_is_alarmed_in_its_week_and_none_before() -> None:
    """Waves twice as high from day 108 on: that look alarms; a week on, nothing changes."""
    rows = waves(days=124)
    rows.loc[rows["time"] >= at(108), "value"] *= 2

    found = alarms_table(iter(looks(rows, until=124)))

    alarmed = found.loc[found["alarms"] > 0, "newest rows from"].tolist()
    assert [f"{at(108):%Y-%m-%d}"] == alarmed
    assert "Mean value is" in found["in words"].iloc[-2]
    assert "No change that chance would not explain." == found["in words"].iloc[-1]


def test_a_look_knows_no_later_row() -> None:
    """What comes after a look's window changes nothing that it says."""
    rows = waves(days=110)
    later = rows.copy()
    later.loc[later["time"] >= at(94), "value"] *= 3

    before, after = (alarms_table(iter(looks(each, until=94))) for each in (rows, later))

    pd.testing.assert_frame_equal(before, after)


def test_a_look_knows_no_row_whose_value_came_later() -> None:
    """Values come five days after their time: the last five days before a look's end change
    nothing that it says, of the columns and of the champion's errors.
    """
    rows = waves(days=110)
    later = rows.copy()
    later.loc[later["time"] > at(105), "value"] *= 3
    case = wave_case()
    case = replace(case, schema=replace(case.schema, known_after=timedelta(days=5)))

    before, after = (
        list(
            replay(case, each, since=at(70), until=at(110), renewal=scheduled(wave_case(), each)[0])
        )
        for each in (rows, later)
    )

    assert len(before) > 2
    assert before[-1].shifts.champion
    assert [look.shifts for look in before] == [look.shifts for look in after]


def test_the_champion_is_renewed_with_a_held_out_stretch_to_spare() -> None:
    """The level rises on day 85; what the newest model learned is over 28 days old from the third
    look on, and one that has seen the rise errs less: it is the next reference.
    """
    rows = waves(days=138)
    rows.loc[rows["time"] >= at(85), "value"] += 60
    schedule, moments = scheduled(wave_case(), rows)

    found = looks(rows, until=138, scheduled_by=schedule)

    served = [look.champion.learned for look in found if look.champion]
    assert at(63) == served[0]
    assert served == sorted(served)
    assert served[-1] > at(85)
    assert all(look.champion.learned + 2 * WEEK <= look.end for look in found if look.champion)
    assert max(moments) <= at(138) - 2 * WEEK


def champion(of: Renewal, examined: datetime) -> Champion:
    first = of.first(examined)
    return replace(first, learned=FIRST, newest=FIRST)


def test_nothing_is_trained_before_a_window_of_new_rows_is_there() -> None:
    """However old what it learned is. A challenger that is no better only dates the training."""
    rows = waves(days=90)
    schedule, _ = scheduled(wave_case(), rows)
    soon = champion(schedule, at(70))

    assert (FIRST, at(70)) == (soon.newest, soon.examined)
    assert soon == schedule.next(soon, (), WEEK, at(77))
    held = schedule.next(soon, (), WEEK, at(84))
    assert (soon.who, FIRST, at(70), at(84)) == (
        held.who,
        held.learned,
        held.newest,
        held.examined,
    )


def test_drift_that_matters_trains_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Young as the champion is: an alarm on a column that holds enough of its importance does."""
    rows = waves(days=90)
    schedule, _ = scheduled(wave_case(), rows)
    young = schedule.first(at(70))
    monkeypatch.setattr("pipeline.steps.renewal.importance", lambda *_: {"value": 0.9, "wind": 0.1})

    kept = schedule.next(young, ("wind",), WEEK, at(84))
    trained = schedule.next(young, ("value",), WEEK, at(84))

    assert (young.newest, at(70)) == (kept.newest, kept.examined)
    assert (at(70), at(84)) == (trained.newest, trained.examined)


def changes(seed: int, level: Callable[[datetime], float]) -> int:
    """Whether another champion serves after eight weeks, of days that differ by chance."""
    random = np.random.default_rng(seed)
    rows = waves(days=126, series=("north",))
    rows["value"] += np.repeat(random.normal(0, 20, 126), 24)
    schedule = renewal(wave_case(), rows, at(28), level)
    serving = first = schedule.first(at(63))
    for day in range(70, 126, 7):
        serving = schedule.next(serving, (), WEEK, at(day))
    return int(serving.who != first.who)


def test_a_model_that_errs_less_by_chance_is_not_promoted() -> None:
    """The test of runs decides, week by week. Each model says a little more or less than the mean:
    the one that errs less in the weeks held out would often serve.
    """
    random = np.random.default_rng(5)
    said = {at(28 + 7 * week): 50 + float(random.normal()) for week in range(14)}

    assert sum(changes(seed, said.__getitem__) for seed in range(4)) <= 1


def test_a_model_that_errs_clearly_less_is_promoted() -> None:
    """Off by half of what the first one is."""
    assert 3 == sum(
        changes(seed, lambda until: 90.0 if until < at(70) else 70.0) for seed in range(3)
    )


def test_no_model_can_serve_before_one_was_held_out() -> None:
    """The first stretch begins on day 28, and two are held out."""
    schedule, _ = scheduled(wave_case(), waves(days=90))

    with pytest.raises(StepError, match="No model was learned 2 stretches before 2024-02-05"):
        schedule.first(at(35))


def test_a_stretch_without_rows_is_refused() -> None:
    with pytest.raises(StepError, match="no rows in the 10 days"):
        list(replay(wave_case(), waves(days=30), since=at(40), until=at(60)))


def test_a_case_without_time_has_no_weeks() -> None:
    case = wave_case()
    schema = replace(case.schema, key=("series",), columns=case.schema.columns)
    object.__setattr__(schema, "time", None)
    object.__setattr__(case, "schema", schema)

    with pytest.raises(StepError, match="no time column"):
        list(replay(case, waves(), since=at(40), until=at(60)))
