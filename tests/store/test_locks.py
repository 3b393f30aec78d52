"""One writer per case: held while its owner lives, free when it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import HeldError, StateError
from pipeline.store import locks
from pipeline.store.locks import LEASE, Holder, hold, is_held, owner, take_turns

HOLDER = """
import sys
from pathlib import Path
from pipeline.store.locks import hold
with hold(Path(sys.argv[1]), "bikes", "2024-03-01 06:00 UTC"):
    print("holding", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start_holder(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a process that holds the case until it gets a line."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_case_held_by_a_living_process_is_refused_with_who_and_since_when(
    tmp_path: Path, start_holder: Callable[[], subprocess.Popen[str]]
) -> None:
    """The message names the process, its start, and what to do."""
    process = start_holder()
    with pytest.raises(StateError) as caught, hold(tmp_path, "bikes", "now"):
        pass

    message = str(caught.value)
    assert f"process {process.pid} on {os.uname().nodename} since 2024-03-01 06:00 UTC" in message
    assert "Wait until it has ended" in message
    assert is_held(tmp_path, "bikes")


def test_the_lock_of_a_killed_process_is_free(
    tmp_path: Path, start_holder: Callable[[], subprocess.Popen[str]]
) -> None:
    """Nobody has to remove a file after a SIGKILL."""
    process = start_holder()
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert not is_held(tmp_path, "bikes")
    with hold(tmp_path, "bikes", "now"):
        assert is_held(tmp_path, "bikes")


def test_a_case_is_free_after_the_block(tmp_path: Path) -> None:
    """Whether the block ended well or not."""
    with hold(tmp_path, "bikes", "now"):
        pass
    with pytest.raises(ValueError, match="broken"), hold(tmp_path, "bikes", "now"):
        raise ValueError("broken")

    assert not is_held(tmp_path, "bikes")


def test_the_process_that_holds_a_case_can_not_hold_it_again(tmp_path: Path) -> None:
    """Two runs of one case in one process are two runs."""
    with (
        hold(tmp_path, "bikes", "dawn"),
        pytest.raises(StateError, match=rf"{owner()} since dawn"),
        hold(tmp_path, "bikes", "noon"),
    ):
        pass


def test_cases_are_held_one_by_one(tmp_path: Path) -> None:
    """Another case of the same home is free."""
    with hold(tmp_path, "bikes", "now"), hold(tmp_path, "states", "now"):
        assert is_held(tmp_path, "states")


def elsewhere(home: Path, *, silent: float) -> Path:
    """The lock of a run on another machine that gave its last sign of life some seconds ago."""
    with hold(home, "bikes", "dawn") as held:
        found = Holder.model_validate_json(held.path.read_bytes())
    other = found.model_copy(update={"owner": "process 7 on far", "place": "far", "pid": 7})
    held.path.write_text(other.model_dump_json())
    last = time.time() - silent
    os.utime(held.path, (last, last))
    return held.path


def test_an_owner_on_another_machine_lives_while_it_gives_signs(tmp_path: Path) -> None:
    """Its process can't be looked at from here."""
    elsewhere(tmp_path, silent=LEASE / 2)

    assert is_held(tmp_path, "bikes")
    with pytest.raises(HeldError, match="process 7 on far since dawn"), hold(tmp_path, "bikes", ""):
        pass


def test_the_lock_of_a_silent_owner_on_another_machine_is_taken_over(tmp_path: Path) -> None:
    """A machine that was switched off, a container that is gone."""
    path = elsewhere(tmp_path, silent=LEASE + 5)

    assert not is_held(tmp_path, "bikes")
    with hold(tmp_path, "bikes", "noon") as held:
        assert held.path != path
        assert not path.exists()


def test_an_owner_that_was_taken_over_learns_of_it(tmp_path: Path) -> None:
    """Before it writes anything more; and its end frees nothing that it does not hold."""
    with hold(tmp_path, "bikes", "dawn") as asleep:
        elsewhere_now = Holder.model_validate_json(asleep.path.read_bytes()).model_copy(
            update={"place": "far"}
        )
        asleep.path.write_text(elsewhere_now.model_dump_json())
        os.utime(asleep.path, (0, 0))
        with hold(tmp_path, "bikes", "noon") as awake:
            awake.check()
            with pytest.raises(StateError, match="Another run has taken case 'bikes' over"):
                asleep.check()
            asleep.release()
            assert is_held(tmp_path, "bikes")


def test_another_process_with_the_number_of_a_dead_one_is_not_its_owner(tmp_path: Path) -> None:
    """Numbers of processes come again; the start tells them apart."""
    with hold(tmp_path, "bikes", "dawn") as held:
        found = Holder.model_validate_json(held.path.read_bytes())
        earlier = found.model_copy(update={"started": found.started - 100})
        held.path.write_text(earlier.model_dump_json())

        assert not is_held(tmp_path, "bikes")


def test_an_owner_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of its file moves on."""
    monkeypatch.setattr(locks, "BEAT", 0.01)
    with hold(tmp_path, "bikes", "now") as held:
        os.utime(held.path, (0, 0))
        until = time.monotonic() + 30
        while held.path.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)

        assert held.path.stat().st_mtime > 0


def test_the_same_work_given_out_twice_waits_for_itself(tmp_path: Path) -> None:
    """A scheduler that lost sight of a worker hands its work to another."""
    order: list[str] = []

    def second() -> None:
        with hold(tmp_path, "bikes", "noon", ticket="run 1"):
            order.append("second")

    with hold(tmp_path, "bikes", "dawn", ticket="run 1"):
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.1)
        order.append("first")
    other.join()

    assert order == ["first", "second"]


def test_of_many_that_want_a_case_one_gets_it(tmp_path: Path) -> None:
    """Whatever the moment."""
    inside: list[int] = []
    refused: list[str] = []
    start, end = threading.Barrier(8), threading.Barrier(8)

    def wants(number: int) -> None:
        start.wait()
        try:
            with hold(tmp_path, "bikes", "now"):
                inside.append(number)
                end.wait()
        except HeldError as error:
            refused.append(str(error))
            end.wait()

    threads = [threading.Thread(target=wants, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(inside), len(refused)) == (1, 7)


@pytest.mark.parametrize(("age", "held"), [(LEASE / 2, True), (LEASE + 5, False)])
def test_a_damaged_lock_needs_no_hand(tmp_path: Path, age: float, held: bool) -> None:
    """After a power cut: whoever held it would give signs of life."""
    with hold(tmp_path, "bikes", "now") as before:
        pass
    before.path.write_text("")
    touched = time.time() - age
    os.utime(before.path, (touched, touched))

    assert is_held(tmp_path, "bikes") == held


def test_a_case_that_was_never_held_is_free(tmp_path: Path) -> None:
    """Asking makes no file."""
    assert not is_held(tmp_path, "bikes")
    assert list(tmp_path.iterdir()) == []


def test_a_home_where_no_lock_can_be_made_is_an_error(tmp_path: Path) -> None:
    """The path is named."""
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(StateError, match=r"b\.lock can't be written"), hold(tmp_path, "b", "n"):
        pass


def test_a_home_where_no_turn_can_be_taken_is_an_error(tmp_path: Path) -> None:
    """The path is named here too."""
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(StateError, match=r"m\.turn can't be written"), take_turns(tmp_path, "m"):
        pass
