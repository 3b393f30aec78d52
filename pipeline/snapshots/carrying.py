"""Packs on their way: what a push sends of the files, and what a pull fetches of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.errors import SnapshotError
from pipeline.saying import Say
from pipeline.snapshots.manifest import File, Manifest, Pack
from pipeline.snapshots.packs import unpack, write_pack
from pipeline.snapshots.places import Place

MOST_PACKS = 24
"""A push that would make more packs writes one that holds all."""


def packs_of(
    newest: Manifest | None, contents: dict[str, Path], scratch: Path, number: int
) -> tuple[tuple[Pack, ...], Pack | None]:
    """The packs of before that are still of use, and one with what is not in them."""
    of_use = tuple(
        pack
        for pack in (newest.packs if newest else ())
        if not contents.keys().isdisjoint(pack.holds)
    )
    kept = of_use if len(of_use) < MOST_PACKS else ()
    held = {digest for pack in kept for digest in pack.holds}
    new = {digest: path for digest, path in contents.items() if digest not in held}
    return kept, write_pack(new, scratch / "pack", number) if new else None


def send(place: Place, pack: Pack, path: Path) -> int:
    try:
        place.create(pack.name, path)
    except FileExistsError:
        # Named by its digest: an earlier push that was cut short has sent the same bytes.
        if place.size(pack.name) != pack.size:
            place.remove(pack.name)
            place.create(pack.name, path)
    return pack.size


def fetch_files(
    place: Place,
    manifest: Manifest,
    here: dict[str, tuple[File, Path]],
    fresh: Path,
    scratch: Path,
    say: Say,
) -> int:
    """The snapshot's files in `fresh`; gives the bytes fetched."""
    local = {file.sha256: path for file, path in here.values()}
    contents = scratch / "contents"
    contents.mkdir()
    missing = {file.sha256 for file in manifest.files} - local.keys()
    sent = 0
    for pack in manifest.packs:
        wanted = missing.intersection(pack.holds)
        if not wanted:
            continue
        say(f"Fetching {pack.name}, {megabytes(pack.size)} …")
        path = scratch / pack.name
        try:
            place.fetch(pack.name, path)
        except FileNotFoundError as error:
            raise SnapshotError.for_damage(manifest.name, [f"{pack.name} is missing"]) from error
        unpack(pack, path, wanted, contents)
        path.unlink()
        sent += pack.size
    for file in manifest.files:
        target = fresh / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local.get(file.sha256, contents / file.sha256), target)
    return sent


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
