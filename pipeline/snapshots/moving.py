"""Push and pull. Either is whole or has not happened, whatever interrupts it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline import __version__
from pipeline.errors import SnapshotError
from pipeline.saying import Say
from pipeline.snapshots.carrying import fetch_files, megabytes, packs_of, send
from pipeline.snapshots.home import (
    SENDING,
    Base,
    listed,
    quiet,
    read_base,
    write_base,
    write_sending,
)
from pipeline.snapshots.manifest import File, Manifest, name_of, number_of, read_manifest
from pipeline.snapshots.places import Place
from pipeline.store.atomic import exchange
from pipeline.store.locks import owner
from pipeline.store.scratch import scratch_folder

SCRATCH = "vigie-snapshot-"
"""How folders begin that hold packs while they are made or read."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What a push or a pull did."""

    number: int
    files: int
    size: int
    """Bytes of the home, unpacked."""
    sent: int
    """Bytes that went over the line; 0 when both sides were equal already."""


def numbers(place: Place) -> list[int]:
    """Of the snapshots that are there, oldest first."""
    return sorted(number for name in place.names() if (number := number_of(name)) is not None)


def fetch_manifest(place: Place, number: int) -> Manifest:
    """The list of a snapshot; raises `SnapshotError` when it is damaged or not there."""
    name = name_of(number)
    with scratch_folder(SCRATCH) as scratch:
        path = scratch / name
        try:
            place.fetch(name, path)
        except FileNotFoundError as error:
            raise SnapshotError.for_missing(place.address, number, numbers(place)) from error
        return read_manifest(name, path.read_bytes())


def push(home: Path, place: Place, *, now: datetime, say: Say) -> Moved:
    """Sends what is new in the home as the next snapshot; nothing new makes none.

    Raises `SnapshotError` when somebody else has pushed since this home was pulled or pushed.
    """
    with quiet(home), scratch_folder(SCRATCH) as scratch:
        found = listed(home, scratch)
        if not found:
            raise SnapshotError(f"{home} holds no state yet. Run first: vigie run --home {home}.")
        newest = _newest(home, place)
        files = tuple(file for file, _ in found.values())
        if newest is not None and newest.files == files:
            _remember(home, place, newest)
            return Moved(number=newest.number, files=len(files), size=newest.size, sent=0)
        contents = {file.sha256: path for file, path in found.values()}
        number = (newest.number if newest else 0) + 1
        kept, pack = packs_of(newest, contents, scratch, number)
        manifest = Manifest(
            number=number,
            made=now,
            by=owner(),
            version=__version__,
            files=files,
            packs=(*kept, *([pack] if pack else [])),
        )
        say(f"Sending {megabytes(pack.size if pack else 0)} of {megabytes(manifest.size)} …")
        write_sending(home, _base(place, manifest))
        sent = send(place, pack, scratch / "pack") if pack else 0
        _publish(place, manifest, scratch)
        _remember(home, place, manifest)
        return Moved(number=manifest.number, files=len(files), size=manifest.size, sent=sent)


def pull(home: Path, place: Place, *, number: int | None, replace: bool, say: Say) -> Moved:
    """Makes the home equal to a snapshot (default: the newest).

    Raises `SnapshotError` when there is none, when it is damaged (the home stays as it is), and,
    unless `replace`, when the home holds work that was never pushed.
    """
    known = numbers(place)
    if not known:
        raise SnapshotError.for_empty_place(place.address)
    chosen = known[-1] if number is None else number
    home.parent.mkdir(parents=True, exist_ok=True)
    with quiet(home), _workshop(home) as folder:
        scratch = Path(folder)
        try:
            manifest = fetch_manifest(place, chosen)
            here = listed(home, scratch)
            if not replace:
                _refuse_to_lose(home, place, {name: file for name, (file, _) in here.items()})
            if tuple(file for file, _ in here.values()) == manifest.files:
                _remember(home, place, manifest)
                return Moved(number=chosen, files=len(here), size=manifest.size, sent=0)
            fresh = scratch / "home"
            fresh.mkdir()
            sent = fetch_files(place, manifest, here, fresh, scratch, say)
        except SnapshotError as error:
            raise _offering(error, place, chosen, [n for n in known if n < chosen]) from error
        write_base(fresh, _base(place, manifest))
        exchange(fresh, home)
    return Moved(number=manifest.number, files=len(manifest.files), size=manifest.size, sent=sent)


@contextmanager
def _workshop(home: Path) -> Iterator[str]:
    """A folder beside the home, on the same disk; those of pulls that were killed are removed."""
    prefix = f".{home.name}.pull-"
    for dead in home.parent.glob(f"{prefix}*"):
        shutil.rmtree(dead)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=prefix) as folder:
        yield folder


def _settle(home: Path, place: Place) -> None:
    """Finds out whether a push that was cut short had arrived."""
    sending = read_base(home, SENDING)
    if sending and sending.address == place.address and sending.number in numbers(place):
        there = fetch_manifest(place, sending.number)
        if (there.made, there.files) == (sending.made, sending.files):
            write_base(home, sending)


def _newest(home: Path, place: Place) -> Manifest | None:
    """The snapshot that a push adds to, which must be the one that the home comes from."""
    _settle(home, place)
    known = numbers(place)
    base = read_base(home)
    came_from = base.number if base and base.address == place.address else 0
    newest = known[-1] if known else 0
    if came_from != newest:
        raise SnapshotError.for_other_writer(place.address, newest, came_from)
    return fetch_manifest(place, newest) if newest else None


def _publish(place: Place, manifest: Manifest, scratch: Path) -> None:
    path = scratch / manifest.name
    path.write_bytes(manifest.to_bytes())
    try:
        place.create(manifest.name, path)
    except FileExistsError as error:
        raise SnapshotError.for_other_writer(
            place.address, manifest.number, manifest.number - 1
        ) from error


def _refuse_to_lose(home: Path, place: Place, here: dict[str, File]) -> None:
    _settle(home, place)
    base = read_base(home)
    known = {file.path: file for file in base.files} if base else {}
    new = sorted(name for name, file in here.items() if known.get(name) != file)
    if new and new != [".vigie"]:
        raise SnapshotError.for_unpushed_work(home, place.address, new)


def _offering(error: SnapshotError, place: Place, chosen: int, earlier: list[int]) -> SnapshotError:
    """The same error; a damaged snapshot names the one before it."""
    if not error.damaged or not earlier:
        return error
    return SnapshotError(
        f"Snapshot {chosen} of {place.address} is damaged, and nothing was changed. {error} "
        f"The one before it: vigie state pull {place.address} --snapshot {earlier[-1]}"
    )


def _remember(home: Path, place: Place, manifest: Manifest) -> None:
    write_base(home, _base(place, manifest))


def _base(place: Place, manifest: Manifest) -> Base:
    return Base(
        address=place.address, number=manifest.number, made=manifest.made, files=manifest.files
    )
