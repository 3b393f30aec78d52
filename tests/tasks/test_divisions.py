"""Rows held out by group: the same in every run, and never on both sides."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from tables import FIRST, PARTS, PETALS, parts, petals

from pipeline.errors import CaseError, StepError
from pipeline.tasks.divisions import Division

DIVISION = Division(groups=("batch",), held_out=0.3)
END = FIRST + timedelta(days=100)


def test_what_is_held_out_does_not_depend_on_the_other_rows() -> None:
    """A part of the rows, in another order, is divided as the whole is."""
    rows = parts()
    whole = pd.Series(DIVISION.side(rows, PARTS), index=rows["id"])
    some = rows.sample(300, random_state=1)

    assert whole[some["id"]].tolist() == DIVISION.side(some, PARTS).tolist()


def test_about_the_share_of_the_groups_is_held_out() -> None:
    """Within four standard errors of a share of independent groups."""
    many = pd.DataFrame({"batch": [f"batch {number}" for number in range(4000)]})

    found = DIVISION.side(many, PARTS).mean()

    assert abs(found - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5


def test_without_named_groups_a_row_is_a_group() -> None:
    """The key tells rows apart."""
    assert 600 == len(set(Division().labels(petals(), PETALS).tolist()))


def test_with_a_time_nothing_after_the_start_is_learned() -> None:
    """Nor is anything tested that is older, or of a group that is learned from."""
    rows, start = parts(), END - timedelta(days=30)
    fold = DIVISION.held_out_fold(rows, PARTS, start=start, end=END)

    assert (rows["made"].iloc[fold.train] < start).all()
    assert (rows["made"].iloc[fold.test] >= start).all()
    assert not set(rows["batch"].iloc[fold.train]) & set(rows["batch"].iloc[fold.test])
    assert start == fold.origin


def test_folds_that_go_forward_look_neither_ahead_nor_across_groups() -> None:
    """Each learns from rows known before its window and tests other groups in it; held-out groups
    are in none, and no group is tested twice.
    """
    rows, length = parts(), timedelta(days=20)
    held = DIVISION.side(rows, PARTS)
    folds = DIVISION.forward_folds(rows, PARTS, count=3, length=length, end=END)

    tested = [set(rows["batch"].iloc[fold.test]) for fold in folds]
    assert [END - 3 * length, END - 2 * length, END - length] == [fold.origin for fold in folds]
    for fold, groups in zip(folds, tested, strict=True):
        assert fold.origin is not None
        made = rows["made"]
        assert (made.iloc[fold.train] + PARTS.known_after <= fold.origin).all()
        assert made.iloc[fold.test].between(fold.origin, fold.end, inclusive="left").all()
        assert not groups & set(rows["batch"].iloc[fold.train])
        assert not held[fold.train].any()
        assert not held[fold.test].any()
    assert not tested[0] & tested[1]
    assert not tested[1] & tested[2]


def test_rows_without_a_time_have_no_folds_that_go_forward() -> None:
    """The error says what to leave out."""
    with pytest.raises(StepError, match="give no length"):
        DIVISION.forward_folds(petals(), PETALS, count=3, length=timedelta(days=1), end=END)


def test_without_a_time_every_row_is_on_one_side() -> None:
    """And the fold has no origin."""
    fold = Division().held_out_fold(petals(), PETALS, start=FIRST, end=FIRST)

    assert list(range(600)) == sorted([*fold.train, *fold.test])
    assert fold.origin is None


def test_folds_do_not_divide_what_is_held_out() -> None:
    """Only rows that may be learned from, known at the end."""
    rows = parts()
    found = DIVISION.learnable(rows, PARTS, end=FIRST + timedelta(days=50))

    assert not DIVISION.side(rows, PARTS)[found].any()
    assert (rows["made"].iloc[found] < FIRST + timedelta(days=50)).all()
    assert len(found) > 200


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_leaves_a_side_empty_is_refused(share: float) -> None:
    """Nothing to learn from, or nothing to test."""
    with pytest.raises(CaseError, match="above 0 and below 1"):
        Division(held_out=share)


def test_a_window_without_held_out_rows_is_told() -> None:
    """With the number of rows in held-out groups and what to change."""
    rows = parts().iloc[:20]
    learned = rows[~DIVISION.side(rows, PARTS)]

    with pytest.raises(StepError, match=r"no rows held out \(0 rows are in held-out groups"):
        DIVISION.held_out_fold(learned, PARTS, start=FIRST + timedelta(days=1), end=END)


def test_rows_of_no_group_are_one_group() -> None:
    """A missing name is a name: such rows stay together."""
    rows = parts().assign(batch=None)

    assert 1 == len(np.unique(DIVISION.labels(rows, PARTS)))
