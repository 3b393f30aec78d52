"""Addresses, and what each kind of place says when it can't be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.errors import GitHubError, OptionError, SnapshotError
from pipeline.snapshots.places import Folder, Place, open_place


def test_a_file_is_made_once(place: Place, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    place.create("file", tmp_path / "one")

    with pytest.raises(FileExistsError):
        place.create("file", tmp_path / "two")

    place.fetch("file", tmp_path / "back")
    assert ("one", 3, ["file"]) == (
        (tmp_path / "back").read_text(), place.size("file"), place.names()
    )  # fmt: skip


def test_a_removed_file_is_gone_and_removing_it_again_does_nothing(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "one").write_text("one")
    place.create("file", tmp_path / "one")

    place.remove("file")
    place.remove("file")

    assert [] == place.names()
    with pytest.raises(FileNotFoundError):
        place.fetch("file", tmp_path / "back")


def test_an_address_without_scheme_is_a_folder(tmp_path: Path) -> None:
    assert Folder(path=tmp_path / "x") == open_place(str(tmp_path / "x"))
    assert Folder(path=tmp_path / "x") == open_place(f"file://{tmp_path / 'x'}")


def test_a_place_that_can_overwrite_is_refused() -> None:
    with pytest.raises(SnapshotError, match=r"ftp://host/x .*can't be told apart.*s3://"):
        open_place("ftp://host/x")


def test_a_place_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(SnapshotError, match=r"pip install 'vigie\[s3\]'"):
        open_place("az://container/x")


def test_a_release_needs_a_tag_and_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_REPO", raising=False)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    with pytest.raises(SnapshotError, match="names no release"):
        open_place("github-release:")
    with pytest.raises(OptionError, match="names no repository"):
        open_place("github-release:state")

    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    assert "github-release:owner/name/state" == open_place("github-release:state").address


def test_a_machine_without_gh_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitHubError, match="command gh, which is not installed"):
        open_place("github-release:owner/name/state").names()
