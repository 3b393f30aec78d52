"""One writer per case: held while its owner lives, free when it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import StateError
from pipeline.store.locks import hold, is_held, owner, take_turns

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


def test_a_holder_that_has_not_yet_said_who_it_is_is_another_process(tmp_path: Path) -> None:
    """The note is written after the lock is taken; between the two there is none to read."""
    with hold(tmp_path, "bikes", "now"):
        (tmp_path / "locks" / "bikes.owner").unlink()
        with (
            pytest.raises(StateError, match="being run by another process"),
            hold(tmp_path, "bikes", "now"),
        ):
            pass


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
