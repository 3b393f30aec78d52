"""What a person reads when moving state by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from homes import contents, write

from pipeline.cli.moving import state


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(state, [str(argument) for argument in arguments])


@pytest.fixture
def away(tmp_path: Path) -> Path:
    return tmp_path / "away"


def test_push_and_pull_say_what_moved(home: Path, away: Path, tmp_path: Path) -> None:
    sent = call("push", away, "--home", home)
    fetched = call("pull", away, "--home", tmp_path / "other")

    assert "Snapshot 1: 3 files" in sent.output
    assert "other is at snapshot 1: 3 files" in fetched.output
    assert contents(home) == contents(tmp_path / "other")


def test_a_second_push_says_that_nothing_is_new(home: Path, away: Path) -> None:
    call("push", away, "--home", home)

    assert "Nothing new" in call("push", away, "--home", home).output


def test_beginning_anew_is_asked_for_and_said(away: Path, home: Path) -> None:
    begun = call("pull", away, "--home", home, "--or-begin")

    assert (0, True) == (begun.exit_code, "beginning anew" in begun.output)
    assert call("pull", away, "--home", home).exception is not None


def test_verify_ends_with_4_on_damage(home: Path, away: Path) -> None:
    call("push", away, "--home", home)
    assert (0, "1 snapshots are whole.") == (
        call("verify", away).exit_code,
        call("verify", away).output.splitlines()[-1],
    )

    (pack,) = away.glob("pack-*")
    pack.write_bytes(b"else")
    found = call("verify", away)

    assert 4 == found.exit_code
    assert "Snapshot 1 can't be used." in found.output


def test_prune_says_what_went(home: Path, away: Path) -> None:
    for number in range(3):
        write(home, {f"runs/bikes/{number}/run.json": f"run {number}"})
        call("push", away, "--home", home)

    found = call("prune", away, "--snapshots", "1")

    assert "Removed 2 snapshots and 0 packs." in found.output
