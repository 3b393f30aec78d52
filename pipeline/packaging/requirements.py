"""What a Bento installs: the part of the lock file that the service needs, at its versions.

The whole lock would bring notebooks, tracking and validation into every image, three times the
packages. Names are followed through the metadata of the installed distributions, offline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.errors import ServiceError

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?P<marker>;[^\\]*)?")


def pinned_requirements(roots: Path, lock: Path) -> tuple[str, ...]:
    """`name==version` (and the lock's marker) of all that `roots` lists and needs, no hashes.

    Raises `ServiceError` for a name that the lock file lacks.
    """
    pins = list(_pins(lock))
    needed = _closure([Requirement(line) for line in _lines(roots)])
    missing = needed - {name for name, _ in pins}
    if missing:
        raise ServiceError.for_problems(
            f"{lock} has no version of what the service needs (see {roots}). Lock again:", missing
        )
    return tuple(sorted(pin for name, pin in pins if name in needed))


def _closure(roots: list[Requirement]) -> set[str]:
    found: dict[tuple[str, str], None] = {}
    waiting = list(roots)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in sorted({"", *requirement.extras}):
            if (name, extra) not in found:
                found[name, extra] = None
                waiting.extend(_needs(name, extra))
    return {name for name, _ in found}


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    try:
        declared = requires(name) or []
    except PackageNotFoundError as error:
        raise ServiceError(
            f"{name!r} is needed by the service and is not installed. Make the environment "
            "again: make setup."
        ) from error
    for line in declared:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _pins(lock: Path) -> Iterator[tuple[str, str]]:
    for line in _lines(lock):
        if pin := PIN.match(line):
            name, marker = canonicalize_name(pin["name"]), (pin["marker"] or "").strip()
            yield name, f"{name}=={pin['version']} {marker}".rstrip()


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise ServiceError(
            f"{path} can't be read: {error.strerror}. Pack from a whole checkout of the project."
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
