"""The home as files: what belongs to a snapshot, and what was there at the last push or pull."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import StateError
from pipeline.snapshots.manifest import File, Listed
from pipeline.store.atomic import sha256_of, write_bytes
from pipeline.store.locks import hold, take_turns

BASE = ".snapshot.json"
SENDING = ".snapshot-sending.json"
"""What is being pushed: kept until it is known whether the push arrived."""
MARK = ".vigie"
LEFT_OUT = frozenset({"locks", "cache", "pages", "serving"})
"""Folders of this machine alone, or that are made anew from the rest."""
DATABASE = ".db"


class Base(Listed):
    """The snapshot that a home was last equal to."""

    address: str
    number: int
    made: datetime
    files: tuple[File, ...]


def read_base(home: Path, name: str = BASE) -> Base | None:
    """What the home was last equal to; `None` when it was never pushed or pulled."""
    path = home / name
    if not path.exists():
        return None
    try:
        return Base.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StateError.for_damaged_file(path, str(error).splitlines()[0]) from error


def write_base(home: Path, base: Base) -> None:
    write_bytes(home / BASE, base.model_dump_json().encode())
    (home / SENDING).unlink(missing_ok=True)


def write_sending(home: Path, base: Base) -> None:
    write_bytes(home / SENDING, base.model_dump_json().encode())


@contextmanager
def quiet(home: Path) -> Iterator[None]:
    """Holds every case of the home, so that nothing is written; raises `StateError` if held."""
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, to copy the state"
    folders = [home / "tables", home / "runs"]
    cases = {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()}
    with ExitStack() as held:
        for case in sorted(cases):
            held.enter_context(hold(home, case, since))
        held.enter_context(take_turns(home, "mlflow"))
        yield


def paths_of(home: Path) -> list[Path]:
    """All files that belong to a snapshot, sorted. Unfinished files have hidden names."""
    found = []
    for entry in sorted(home.iterdir()) if home.is_dir() else []:
        if entry.name == MARK or _belongs(entry):
            found += [entry] if entry.is_file() else list(_below(entry))
    return sorted(found)


def _belongs(entry: Path) -> bool:
    # What SQLite keeps beside a database is part of the copy that `listed` makes of it.
    hidden = entry.name.startswith(".")
    return not hidden and entry.name not in LEFT_OUT and not entry.name.endswith(("-wal", "-shm"))


def _below(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry)
        elif entry.is_file():
            yield entry


def listed(home: Path, scratch: Path) -> dict[str, tuple[File, Path]]:
    """Every file of the home by its path in it, and where its bytes are to be read.

    A database is copied to `scratch` first, since another process may be writing to it.
    """
    found = {}
    for path in paths_of(home):
        name = path.relative_to(home).as_posix()
        source = _copied(path, scratch) if path.suffix == DATABASE else path
        file = File(path=name, sha256=sha256_of(source), size=source.stat().st_size)
        found[name] = (file, source)
    return found


def _copied(database: Path, scratch: Path) -> Path:
    copy = scratch / database.name
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source:  # noqa: SIM117
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)
    except sqlite3.Error as error:
        raise StateError.for_damaged_file(database, str(error)) from error
    return copy
