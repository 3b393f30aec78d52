"""Looks whether the snapshots of a place are whole, and removes old ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import SnapshotError
from pipeline.saying import Say
from pipeline.snapshots.manifest import Manifest, Pack, name_of
from pipeline.snapshots.moving import SCRATCH, fetch_manifest, numbers
from pipeline.snapshots.packs import number_of_pack, unpack
from pipeline.snapshots.places import Place
from pipeline.store.scratch import scratch_folder


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of a place."""

    whole: tuple[int, ...]
    damaged: dict[int, str]
    """Snapshots that can't be used, and why."""
    left_over: tuple[str, ...]
    """Packs of pushes that were cut short; harmless, removed by `prune`."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed from a place."""

    snapshots: tuple[int, ...]
    packs: tuple[str, ...]


def verify(place: Place, *, say: Say) -> Verdict:
    """Reads every snapshot: its list, its packs and every content, each by its digest."""
    whole, damaged, checked = [], {}, set[str]()
    for number in numbers(place):
        try:
            manifest = fetch_manifest(place, number)
            for pack in manifest.packs:
                if pack.name not in checked:
                    say(f"Reading {pack.name} …")
                    _check(place, pack)
                    checked.add(pack.name)
            whole.append(number)
        except SnapshotError as error:
            damaged[number] = str(error)
    return Verdict(whole=tuple(whole), damaged=damaged, left_over=_left_over(place))


def prune_place(place: Place, keep: int) -> Pruned:
    """Removes all snapshots but the newest `keep`, and the packs that no snapshot uses."""
    old = numbers(place)[:-keep]
    for number in old:
        place.remove(name_of(number))
    packs = _left_over(place)
    for name in packs:
        place.remove(name)
    return Pruned(snapshots=tuple(old), packs=packs)


def _check(place: Place, pack: Pack) -> None:
    with scratch_folder(SCRATCH) as folder:
        path = folder / "pack"
        try:
            place.fetch(pack.name, path)
        except FileNotFoundError as error:
            raise SnapshotError.for_damage(pack.name, ["it is missing"]) from error
        contents = folder / "contents"
        contents.mkdir()
        unpack(pack, path, pack.holds, contents)


def _left_over(place: Place) -> tuple[str, ...]:
    """Packs that no snapshot uses, nor will: the number that each was made for is taken.

    The names are read before the lists, so that a push that ends in between is seen whole.
    """
    packs = [(name, number_of_pack(name)) for name in place.names()]
    lists = list(_readable(place, numbers(place)))
    newest = max((manifest.number for manifest in lists), default=0)
    used = {pack.name for manifest in lists for pack in manifest.packs}
    return tuple(
        name
        for name, number in packs
        if number is not None and number <= newest and name not in used
    )


def _readable(place: Place, known: Iterable[int]) -> Iterable[Manifest]:
    for number in known:
        try:
            yield fetch_manifest(place, number)
        except SnapshotError as error:
            if not error.damaged:
                raise
