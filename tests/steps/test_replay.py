"""The drift alarms look after look, as a schedule with a renewed champion sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, wave_case, waves

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.steps.renewal import Champion, Renewal
from pipeline.steps.replay import WEEK, Look, alarms_table, replay


def at(day: int) -> datetime:
    return FIRST + timedelta(days=day)


class Level:
    """A model that always says the mean of what it learned from."""

    def __init__(self, mean: float) -> None:
        self.mean = mean

    def predict(self, rows: pd.DataFrame) -> Any:
        return np.full(len(rows), self.mean)


def scheduled(case: Case, rows: pd.DataFrame) -> tuple[Renewal, list[datetime]]:
    """A schedule of such models, and the moments that they learned until."""
    moments: list[datetime] = []
    frame = case.task.frame(rows, case.schema)

    def learn(until: datetime) -> Level:
        moments.append(until)
        return Level(float(rows.loc[rows["time"] < until, "value"].mean()))

    return Renewal(case=case, frame=frame, learn=learn), moments


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


def test_the_champion_is_renewed_with_a_held_out_stretch_to_spare() -> None:
    """The level rises on day 85; what the newest model learned is over 28 days old from the third
    look on, and one that has seen the rise errs less: it is the next reference.
    """
    rows = waves(days=124)
    rows.loc[rows["time"] >= at(85), "value"] += 30
    case = wave_case()
    renewal, moments = scheduled(case, rows)

    found = looks(rows, until=124, scheduled_by=renewal)

    assert {*moments} <= {look.end - case.windows.held_out for look in found}
    served = [look.champion.learned for look in found if look.champion]
    assert at(70) == served[0]
    assert served == sorted(served)
    assert served[-1] > at(85)


def champion(learned: datetime, examined: datetime) -> Champion:
    return Champion(model=Level(50.0), learned=learned, newest=learned, examined=examined)


def test_nothing_is_trained_before_a_window_of_new_rows_is_there() -> None:
    """However old what it learned is. A challenger that is no better only dates the training."""
    rows = waves(days=60)
    renewal, moments = scheduled(wave_case(), rows)
    soon = champion(FIRST, at(45))
    late = champion(FIRST, at(40))

    assert soon is renewal.next(soon, (), WEEK, at(50))
    assert [] == moments
    held = renewal.next(late, (), WEEK, at(50))
    assert (FIRST, at(40), at(50)) == (held.learned, held.newest, held.examined)


def test_drift_that_matters_trains_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Young as the champion is: an alarm on a column that holds enough of its importance does."""
    rows = waves(days=60)
    renewal, moments = scheduled(wave_case(), rows)
    young = champion(at(35), at(35))
    monkeypatch.setattr("pipeline.steps.renewal.importance", lambda *_: {"value": 0.9, "wind": 0.1})

    renewal.next(young, ("wind",), WEEK, at(50))
    assert [] == moments
    renewal.next(young, ("value",), WEEK, at(50))

    assert [at(40)] == moments


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
