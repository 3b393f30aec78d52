"""A write is whole or absent, whatever stops it."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import StateError
from pipeline.store import atomic
from pipeline.store.atomic import exchange, sha256_of, write_bytes

FULL = os.strerror(errno.ENOSPC)


def left(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_writes_the_content_and_gives_its_digest(tmp_path: Path) -> None:
    """Folders on the way are made; nothing else is left."""
    path = tmp_path / "a" / "b" / "record.json"

    assert write_bytes(path, b"content") == hashlib.sha256(b"content").hexdigest()
    assert path.read_bytes() == b"content"
    assert left(path.parent) == ["record.json"]


def test_what_is_written_can_be_read_by_others(tmp_path: Path) -> None:
    """A temporary file is private; a record is not."""
    write_bytes(tmp_path / "record.json", b"content")

    assert (tmp_path / "record.json").stat().st_mode & 0o777 == 0o644


def test_a_write_takes_the_place_of_the_old_file(tmp_path: Path) -> None:
    """Whoever has the old file open still reads it to its end."""
    path = tmp_path / "record.json"
    write_bytes(path, b"old")
    with path.open("rb") as reader:
        write_bytes(path, b"new")

        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what the system said, and that nothing was changed."""
    path = tmp_path / "record.json"
    write_bytes(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=rf"record\.json can't be written: {FULL}\..*unchanged"):
        write_bytes(path, b"new")

    assert path.read_bytes() == b"old"
    assert left(tmp_path) == ["record.json"]


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control-C in the middle of a write passes through and cleans up."""

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "record.json", b"new")

    assert left(tmp_path) == []


def test_a_limit_of_the_system_on_file_size_is_a_failed_write(tmp_path: Path) -> None:
    """A write that the kernel cuts short is not taken for a whole one."""
    path = tmp_path / "record.json"
    write_bytes(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StateError, match="File too large"):
            write_bytes(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == b"old"
    assert left(tmp_path) == ["record.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        ).returncode
    )
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_keeps_what_it_had(small_disk: Path) -> None:
    """The same on a file system without a free block."""
    path = small_disk / "record.json"
    write_bytes(path, b"old")
    with pytest.raises(StateError, match=FULL):
        write_bytes(path, bytes(200_000))

    assert path.read_bytes() == b"old"
    assert left(small_disk) == ["record.json"]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that this user may read and not write; the administrator becomes another user."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-"))
    (folder / "record.json").write_text("old")
    (folder / "record.json").chmod(0o644)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["record.json", "new.json", "sub/record.json"])
def test_a_folder_without_the_right_to_write_is_named(closed: Path, name: str) -> None:
    """Old files, new files and new folders alike; the old file is as it was."""
    with pytest.raises(StateError, match=rf"{name} can't be written: Permission denied.*--home"):
        write_bytes(closed / name, b"new")

    assert left(closed) == ["record.json"]
    assert (closed / "record.json").read_text() == "old"


def test_the_digest_of_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """It names the file and what to do."""
    with pytest.raises(StateError, match=r"gone is damaged: No such file.*run again"):
        sha256_of(tmp_path / "gone")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    """As others compute it."""
    write_bytes(tmp_path / "a", b"content")

    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()


def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    fresh, current = tmp_path / "fresh", tmp_path / "current"
    for folder, text in ((fresh, "new"), (current, "old")):
        folder.mkdir()
        (folder / "page").write_text(text)
    return fresh, current


@pytest.mark.parametrize("in_one_step", [True, False])
def test_two_folders_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    """In one step where the system can, else by moving the old one aside."""
    fresh, current = two_folders(tmp_path)
    if not in_one_step:
        monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)

    exchange(fresh, current)

    assert ("old", "new") == ((fresh / "page").read_text(), (current / "page").read_text())
    assert ["current", "fresh"] == left(tmp_path)


def test_the_first_folder_just_moves(tmp_path: Path) -> None:
    fresh, _ = two_folders(tmp_path)

    exchange(fresh, tmp_path / "first")

    assert "new" == (tmp_path / "first" / "page").read_text()


def test_an_old_folder_comes_back_when_the_exchange_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new folder can't be moved, the old one is put back."""
    fresh, current = two_folders(tmp_path)
    monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self == fresh:
            raise PermissionError(errno.EPERM, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)

    with pytest.raises(PermissionError):
        exchange(fresh, current)

    assert "old" == (current / "page").read_text()


def test_a_place_that_may_not_be_written_is_not_said_to_be_full() -> None:
    """The remedy is another."""
    refused = OSError(errno.EROFS, "Read-only file system")

    told = str(StateError.for_failed_write(Path("home"), refused))

    assert "Let this user write there or choose another folder with --home" in told
