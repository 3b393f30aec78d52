"""A reader sees the old site or the new one, never half of either."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SiteError
from pipeline.publish.replacing import MARK, replacing


def publish_one(output: Path, text: str) -> None:
    """A site of one page."""
    with replacing(output) as fresh:
        (fresh / "index.html").write_text(text)


def break_off(output: Path) -> None:
    """A renderer that fails after half of its pages."""
    with replacing(output) as fresh:
        (fresh / "index.html").write_text("half")
        raise SiteError("broken")


def test_a_new_site_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """Pages of the old site that the new one lacks are gone."""
    output = tmp_path / "_site"
    with replacing(output) as fresh:
        (fresh / "old.html").write_text("old")
    publish_one(output, "new")

    assert (output / "index.html").read_text() == "new"
    assert not (output / "old.html").exists()


def test_the_next_site_is_built_from_the_one_before_the_last(tmp_path: Path) -> None:
    """The folder that was replaced comes back whole, unless an empty one is asked for."""
    output = tmp_path / "_site"
    publish_one(output, "first")
    publish_one(output, "second")
    with replacing(output) as fresh:
        assert "first" == (fresh / "index.html").read_text()
    with replacing(output, anew=True) as fresh:
        assert [] == list(fresh.iterdir())


def test_a_folder_without_its_mark_is_not_built_from(tmp_path: Path) -> None:
    """Somebody was killed while filling it."""
    output = tmp_path / "_site"
    publish_one(output, "first")
    publish_one(output, "second")
    (tmp_path / "._site.build" / "spare" / MARK).unlink()
    with replacing(output) as fresh:
        assert [] == list(fresh.iterdir())


def test_the_old_site_stays_while_the_new_one_is_built(tmp_path: Path) -> None:
    """Up to the end of the block readers get the old pages."""
    output = tmp_path / "_site"
    publish_one(output, "old")
    with replacing(output) as fresh:
        (fresh / "index.html").write_text("new")

        assert (output / "index.html").read_text() == "old"


def test_a_failed_render_leaves_the_old_site(tmp_path: Path) -> None:
    """Whatever goes wrong, the old site is whole and nothing half-made lies about."""
    output = tmp_path / "_site"
    publish_one(output, "old")
    with pytest.raises(SiteError, match="broken"):
        break_off(output)

    assert (output / "index.html").read_text() == "old"
    assert [path.name for path in (tmp_path / "._site.build").iterdir()] == ["lock"]


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    """Half a site of a process that was killed goes with the next publication."""
    left = tmp_path / "._site.build" / "new-killed"
    left.mkdir(parents=True)
    (left / "index.html").write_text("half")
    publish_one(tmp_path / "_site", "new")

    assert not left.exists()


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    """A folder that is no site of ours is refused before anything is built, and kept."""
    output = tmp_path / "documents"
    output.mkdir()
    (output / "letter.txt").write_text("dear")
    with pytest.raises(SiteError, match=r"documents holds files .* --output"):
        publish_one(output, "new")

    assert [path.name for path in tmp_path.iterdir()] == ["documents"]
    assert (output / "letter.txt").read_text() == "dear"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """An output that is a file is an error that says so."""
    output = tmp_path / "_site"
    output.write_text("a file")
    with pytest.raises(SiteError, match=r"_site is a file. Name a folder"):
        publish_one(output, "new")


def test_a_full_disk_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    """The operating system's refusal is named, and the old site stays."""
    output = tmp_path / "_site"
    publish_one(output, "old")
    with pytest.raises(SiteError, match=r"No space left.*unchanged.*Free some"), replacing(output):
        raise OSError(28, "No space left on device")

    assert (output / "index.html").read_text() == "old"
