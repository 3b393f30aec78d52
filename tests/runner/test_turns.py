"""Turns: what is begun early keeps no slot from those it follows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import StepError
from pipeline.runner.slots import Slots
from pipeline.runner.turns import Turn


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def slots() -> Slots:
    return Slots(1)


@pytest.fixture
def turn(slots: Slots, stopping: threading.Event) -> Turn:
    return Turn(slots, notebook="5-evaluate", rank=0, stopping=stopping)


def test_its_slot_is_free_until_its_turn_comes(slots: Slots, turn: Turn) -> None:
    """And it has one again afterwards."""
    slots.take(2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(turn.wait)
        with slots.taken(3):
            assert not waiting.done()
        turn.come()
        waiting.result(60)

    assert turn.has_come
    assert 0 == slots._free


def test_a_turn_that_has_come_is_not_waited_for(slots: Slots, turn: Turn) -> None:
    """Where the date before was judged already."""
    slots.take(2)
    turn.come()
    turn.wait()

    assert 0 == slots._free


def test_who_waits_when_all_is_to_end_goes_on_with_nothing(
    slots: Slots, turn: Turn, stopping: threading.Event
) -> None:
    """It ends as interrupted, with the slot that its owner gives back."""
    slots.take(2)
    stopping.set()
    turn.come()
    with pytest.raises(StepError) as raised:
        turn.wait()

    assert "interrupted" == raised.value.failure
    assert 0 == slots._free


def test_only_what_broke_before_its_turn_is_spoiled(turn: Turn) -> None:
    """An interrupt is none."""
    broke, stopped = StepError("It broke."), StepError.for_interrupt("5-evaluate")

    assert turn.is_spoiled(broke)
    assert not turn.is_spoiled(stopped)
    turn.come()
    assert not turn.is_spoiled(broke)
