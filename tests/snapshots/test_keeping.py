"""Damage is found, leftovers are told from what is in use, and old snapshots go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from homes import contents, silent, write

from pipeline.snapshots.keeping import prune_place, verify
from pipeline.snapshots.moving import pull, push
from pipeline.snapshots.places import Folder, Place

NOW = datetime(2024, 10, 1, 6, 13, tzinfo=UTC)


def pushes(home: Path, place: Place, count: int) -> None:
    for number in range(count):
        write(home, {f"runs/bikes/{number}/run.json": f"run {number}"})
        push(home, place, now=NOW + timedelta(days=number), say=silent)


def test_every_snapshot_of_a_sound_place_is_whole(home: Path, place: Place) -> None:
    pushes(home, place, 2)

    found = verify(place, say=silent)

    assert ((1, 2), {}, ()) == (found.whole, found.damaged, found.left_over)


def test_damage_is_named_by_snapshot(home: Path, folder: Folder) -> None:
    pushes(home, folder, 2)
    (pack,) = folder.path.glob("pack-00000002-*")
    pack.write_bytes(pack.read_bytes()[:-3])

    found = verify(folder, say=silent)

    assert (1,) == found.whole
    assert f"{pack.name} is damaged" in found.damaged[2]


def test_a_missing_pack_is_damage(home: Path, folder: Folder) -> None:
    pushes(home, folder, 1)
    (pack,) = folder.path.glob("pack-*")
    pack.unlink()

    assert "it is missing" in verify(folder, say=silent).damaged[1]


def test_old_snapshots_go_and_the_newest_can_be_pulled(
    home: Path, place: Place, tmp_path: Path
) -> None:
    pushes(home, place, 3)

    gone = prune_place(place, keep=1)
    pull(tmp_path / "other", place, number=None, replace=False, say=silent)

    assert (1, 2) == gone.snapshots
    assert contents(home) == contents(tmp_path / "other")


def test_the_pack_of_a_push_that_was_cut_short_goes(home: Path, folder: Folder) -> None:
    """It was made for snapshot 1, which another push has become since."""
    pushes(home, folder, 1)
    orphan = folder.path / "pack-00000001-0123456789abcdef01234567.tar.zst"
    orphan.write_bytes(b"cut short")

    assert (orphan.name,) == verify(folder, say=silent).left_over
    assert (orphan.name,) == prune_place(folder, keep=5).packs


def test_the_pack_of_a_push_that_is_going_on_stays(home: Path, folder: Folder) -> None:
    """It is made for snapshot 2, which is not there yet."""
    pushes(home, folder, 1)
    coming = folder.path / "pack-00000002-0123456789abcdef01234567.tar.zst"
    coming.write_bytes(b"being sent")

    assert () == prune_place(folder, keep=5).packs
    assert coming.exists()
