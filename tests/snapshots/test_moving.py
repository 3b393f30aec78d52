"""A home arrives elsewhere as it was; nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from homes import contents, silent, write

from pipeline.errors import SnapshotError, StateError
from pipeline.snapshots.moving import Moved, numbers, pull, push
from pipeline.snapshots.places import Folder, Place
from pipeline.store.locks import hold

NOW = datetime(2024, 10, 1, 6, 13, tzinfo=UTC)


def pushed(home: Path, place: Place) -> Moved:
    return push(home, place, now=NOW, say=silent)


def pulled(home: Path, place: Place, number: int | None = None, *, replace: bool = False) -> Moved:
    return pull(home, place, number=number, replace=replace, say=silent)


def test_a_home_arrives_on_another_machine_as_it_was(
    home: Path, place: Place, tmp_path: Path
) -> None:
    pushed(home, place)
    other = tmp_path / "other"

    moved = pulled(other, place)

    assert contents(home) == contents(other)
    assert (1, 3) == (moved.number, moved.files)


def test_a_second_push_sends_only_what_is_new(home: Path, place: Place, tmp_path: Path) -> None:
    write(home, {"runs/bikes/1/big.csv": "".join(str(i * 7919 % 10007) for i in range(40_000))})
    first = pushed(home, place)
    write(home, {"runs/bikes/2/run.json": "2"})

    second = pushed(home, place)

    assert second.sent < first.sent / 20
    pulled(tmp_path / "other", place)
    assert contents(home) == contents(tmp_path / "other")


def test_nothing_new_makes_no_snapshot(home: Path, place: Place) -> None:
    pushed(home, place)

    again = pushed(home, place)

    assert (1, 0) == (again.number, again.sent)
    assert [1] == numbers(place)


def test_of_two_machines_one_wins_and_the_other_loses_nothing(
    home: Path, place: Place, tmp_path: Path
) -> None:
    pushed(home, place)
    other = tmp_path / "other"
    pulled(other, place)
    write(home, {"runs/bikes/2/run.json": "mine"})
    write(other, {"runs/bikes/2/run.json": "theirs"})
    pushed(other, place)
    before = contents(home)

    with pytest.raises(SnapshotError, match=r"snapshot 2.*somebody else has pushed"):
        pushed(home, place)

    assert before == contents(home)
    assert [1, 2] == numbers(place)


PUSH = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from pipeline.errors import SnapshotError
from pipeline.snapshots.moving import push
from pipeline.snapshots.places import open_place
place = open_place(sys.argv[2])
place.names()
print("ready", flush=True)
sys.stdin.read()
try:
    push(Path(sys.argv[1]), place, now=datetime.now(UTC), say=lambda line: None)
except SnapshotError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)
def test_of_two_that_push_at_the_same_moment_one_wins_and_the_other_is_told(
    home: Path, place: Place, tmp_path: Path
) -> None:
    """Two processes; what is pulled is the winner's home, and the loser still has its own."""
    homes = [tmp_path / "mine", tmp_path / "theirs"]
    pushed(home, place)
    for each in homes:
        pulled(each, place)
        write(each, {f"runs/bikes/2/{each.name}.json": each.name})
    before = [contents(each) for each in homes]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PUSH, each, place.address], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) for each in homes
    ]  # fmt: skip
    assert ["ready\n"] * 2 == [one.stdout.readline() for one in both if one.stdout]
    for one in both:
        if one.stdin:
            one.stdin.close()
            one.stdin = None
    said = [one.communicate()[1] for one in both]

    assert [0, 1] == sorted(one.returncode for one in both), said
    winner = [one.returncode for one in both].index(0)
    assert "somebody else has pushed" in said[1 - winner]
    pulled(tmp_path / "other", place)
    assert before[winner] == contents(tmp_path / "other")
    assert before == [contents(each) for each in homes]


def test_a_writer_who_is_overtaken_while_sending_is_told_so(
    home: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The last moment: both have read the same newest number, and one list is there already."""
    create = Folder.create

    def overtaken(self: Folder, name: str, content: Path) -> None:
        create(self, name, content)
        if name.startswith("pack"):
            create(self, "snapshot-00000001.json", content)

    monkeypatch.setattr(Folder, "create", overtaken)

    with pytest.raises(SnapshotError, match="somebody else has pushed"):
        pushed(home, folder)


def test_a_pull_refuses_to_lose_work_that_was_never_pushed(
    home: Path, folder: Folder, tmp_path: Path
) -> None:
    pushed(home, folder)
    write(home, {"runs/bikes/2/run.json": "new"})

    with pytest.raises(SnapshotError, match=r"1 files that were never pushed, runs/bikes/2"):
        pulled(home, folder)
    pulled(home, folder, replace=True)

    assert "runs/bikes/2/run.json" not in contents(home)


def test_a_removed_file_is_gone_after_the_pull(home: Path, folder: Folder, tmp_path: Path) -> None:
    pushed(home, folder)
    other = tmp_path / "other"
    pulled(other, folder)
    (home / "runs/bikes/1/run.json").unlink()
    pushed(home, folder)

    pulled(other, folder)

    assert contents(home) == contents(other)


@pytest.mark.parametrize("victim", ["pack", "snapshot"])
def test_a_damaged_snapshot_is_refused_and_the_one_before_it_offered(
    home: Path, folder: Folder, tmp_path: Path, victim: str
) -> None:
    pushed(home, folder)
    write(home, {"runs/bikes/2/run.json": "2"})
    pushed(home, folder)
    newest = [path for path in folder.path.iterdir() if path.name.startswith(f"{victim}-00000002")]
    content = bytearray(newest[0].read_bytes())
    content[len(content) // 2] ^= 1
    newest[0].write_bytes(content)
    other = tmp_path / "other"

    with pytest.raises(SnapshotError, match=r"damaged.*--snapshot 1$"):
        pulled(other, folder)

    assert contents(other) == {}
    pulled(other, folder, 1)
    assert "runs/bikes/1/run.json" in contents(other)


def test_an_old_pack_is_written_anew_when_there_are_many(
    home: Path, folder: Folder, tmp_path: Path
) -> None:
    for number in range(30):
        write(home, {f"runs/bikes/{number}/run.json": str(number)})
        pushed(home, folder)

    pulled(tmp_path / "other", folder)

    assert contents(home) == contents(tmp_path / "other")


def test_a_home_that_is_being_written_to_is_not_copied(home: Path, folder: Folder) -> None:
    with (
        hold(home, "bikes", "06:13"),
        pytest.raises(StateError, match="is being run by"),
    ):
        pushed(home, folder)


def test_a_database_in_use_arrives_whole(home: Path, folder: Folder, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "calls.db")) as calls:
        calls.execute("PRAGMA journal_mode=WAL")
        calls.execute("CREATE TABLE calls (id INTEGER)")
        calls.execute("INSERT INTO calls VALUES (7)")
        calls.commit()
        pushed(home, folder)

        pulled(tmp_path / "other", folder)

    with closing(sqlite3.connect(tmp_path / "other" / "calls.db")) as copy:
        assert [(7,)] == copy.execute("SELECT id FROM calls").fetchall()


def test_an_empty_place_and_an_empty_home_are_named(home: Path, folder: Folder) -> None:
    with pytest.raises(SnapshotError, match="holds no snapshot"):
        pulled(home, folder)
    with pytest.raises(SnapshotError, match="holds no state yet"):
        pushed(home.parent / "nothing", folder)


def test_a_list_of_a_later_format_is_refused(home: Path, folder: Folder, tmp_path: Path) -> None:
    import hashlib

    pushed(home, folder)
    path = folder.path / "snapshot-00000001.json"
    body = path.read_bytes().partition(b"\n")[2].rstrip().replace(b'"format": 1', b'"format": 9')
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body + b"\n")

    with pytest.raises(SnapshotError, match="in format 9, which this version can't read"):
        pulled(tmp_path / "other", folder)


def test_a_push_that_arrived_and_was_killed_then_is_recognised(
    home: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list was written, and the home was not told: that was no other machine."""

    def killed(home: Path, place: Place, manifest: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.snapshots.moving._remember", killed)
        with pytest.raises(KeyboardInterrupt):
            pushed(home, folder)
    write(home, {"runs/bikes/2/run.json": "2"})

    moved = pushed(home, folder)

    assert 2 == moved.number


def test_a_push_that_was_killed_before_its_list_has_not_happened(
    home: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(place: Place, manifest: object, scratch: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.snapshots.moving._publish", killed)
        with pytest.raises(KeyboardInterrupt):
            pushed(home, folder)

    assert [] == numbers(folder)
    assert 1 == pushed(home, folder).number
    pulled(tmp_path / "other", folder)
    assert contents(home) == contents(tmp_path / "other")


def test_a_pull_that_is_killed_leaves_the_home_as_it_was(
    home: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pushed(home, folder)
    other = tmp_path / "other"
    pulled(other, folder)
    write(home, {"runs/bikes/2/run.json": "2"})
    pushed(home, folder)
    before = contents(other)

    def killed(fresh: Path, current: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.snapshots.moving.exchange", killed)
    with pytest.raises(KeyboardInterrupt):
        pulled(other, folder)

    assert before == contents(other)
    assert ["home", "other", "place"] == sorted(path.name for path in tmp_path.iterdir())


def test_what_a_killed_pull_left_is_removed_by_the_next(
    home: Path, folder: Folder, tmp_path: Path
) -> None:
    pushed(home, folder)
    write(tmp_path / ".other.pull-dead", {"contents/0": "half"})

    pulled(tmp_path / "other", folder)

    assert not (tmp_path / ".other.pull-dead").exists()
