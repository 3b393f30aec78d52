"""Folders for what is needed meanwhile: none of a killed process stays for long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.store.scratch import scratch_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders are locked on POSIX only")
KILLED = """
import os, signal
from pipeline.store.scratch import scratch_folder
with scratch_folder("some-") as folder:
    (folder / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_goes_when_it_is_no_longer_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that is in it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("some-") as folder:
        (folder / "file").touch()
        assert [folder] == list(tmp_path.iterdir())

    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a process which still runs stays, and so does what is called otherwise."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "other").mkdir()
    with scratch_folder("some-") as held:
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
        assert 3 == len(list(tmp_path.iterdir()))
        with scratch_folder("some-") as mine:
            assert {held, mine, tmp_path / "other"} == set(tmp_path.iterdir())
