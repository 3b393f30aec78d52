"""What was worked out of a case's runs, kept in the home's cache, so that no run is read again that
has ended.

Nothing in it is state. All of it can be worked out again from the runs, and is, wherever it is
missing, damaged or made by other code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.store.order import as_of_in, in_order

LONGEST_WAIT = 10.0
"""Seconds to wait for another process that writes."""
LOOKED_AT = 100
"""Newest runs whose files are looked at every time. Older ones that had ended are taken to be as
they were: a look at each costs more than all else that grows with their number.
"""
MOST_ASKED_BY_NAME = 500
"""More runs than this are found by reading those of all."""
NOTHING = ("", "")
TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    case_name TEXT, run_id TEXT, stat TEXT, digest TEXT, as_of TEXT,
    PRIMARY KEY (case_name, run_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    case_name TEXT, kind TEXT, run_id TEXT, digest TEXT, version TEXT, text TEXT,
    PRIMARY KEY (case_name, kind, run_id)) WITHOUT ROWID;
"""


class Line(NamedTuple):
    """A run, without what it found; a tuple, since there are thousands of them."""

    run_id: str
    as_of: str
    """In UTC, as text that sorts; empty when nothing tells it."""
    digest: str
    """Of `run.json` and all records."""
    stat: str
    """What the file system says of a run that has ended; empty for one that may still change."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The runs of one home, and what was worked out of them."""

    runs: Path
    """Folder with a folder a case, with a folder a run."""
    file: Path
    """SQLite; where it can't be written, everything is worked out anew."""
    thorough: bool = False
    """Look at the files of all runs, however old."""

    def lines(self, case: str) -> tuple[Line, ...]:
        """Every run of the case in the order of time."""
        with self._opened() as base:
            known = {line.run_id: line for line in _known(base, case)}
            looked_at = len(known) + LOOKED_AT if self.thorough else LOOKED_AT
            found = {line.run_id: line for line in _found(self.runs / case, known, looked_at)}
            changed = [line for line in found.values() if known.get(line.run_id) != line]
            _note(base, case, changed, gone=known.keys() - found.keys())
        order = in_order({line.run_id: line.as_of for line in found.values()})
        return tuple(found[run_id] for run_id in order)

    def facts(
        self, case: str, kind: str, version: str, lines: Sequence[Line], make: Callable[[str], str]
    ) -> list[str]:
        """What `make` gives for the id of each run; asked only where run or `version` is another.

        `kind` names what is made, and `version` the code that makes it.
        """
        with self._opened() as base:
            kept = _facts(base, case, kind, version, lines)
            missing = [line for line in lines if kept.get(line.run_id, NOTHING)[0] != line.digest]
            made = {line.run_id: (line.digest, make(line.run_id)) for line in missing}
            rows = [(case, kind, name, held, version, text) for name, (held, text) in made.items()]
            base.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?)", rows)
        both = kept | made
        return [both[line.run_id][1] for line in lines]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connected()) as base, base:
            yield base

    def _connected(self) -> sqlite3.Connection:
        for attempt in (_kept, _kept_anew):
            try:
                return attempt(self.file)
            except (OSError, sqlite3.Error):
                continue
        return _prepared(sqlite3.connect(":memory:"))


def _kept(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    return _prepared(sqlite3.connect(file, timeout=LONGEST_WAIT))


def _kept_anew(file: Path) -> sqlite3.Connection:
    """In the place of one that is damaged; a busy one stays, and isn't used."""
    with closing(sqlite3.connect(file, timeout=0)) as base:
        try:
            base.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            file.unlink()
    return _kept(file)


def _prepared(base: sqlite3.Connection) -> sqlite3.Connection:
    """Tables made, and one writer at a time; losing the newest lines in a crash costs nothing."""
    try:
        base.execute("PRAGMA synchronous = OFF")
        base.executescript(TABLES)
        base.execute("BEGIN IMMEDIATE")
    except BaseException:
        base.close()
        raise
    return base


def _known(base: sqlite3.Connection, case: str) -> Iterator[Line]:
    asked = "SELECT run_id, as_of, digest, stat FROM runs WHERE case_name = ?"
    yield from map(Line._make, base.execute(asked, (case,)))


def _facts(
    base: sqlite3.Connection, case: str, kind: str, version: str, lines: Sequence[Line]
) -> dict[str, tuple[str, str]]:
    """Digest and text by run."""
    asked = "SELECT run_id, digest, text FROM facts WHERE case_name = ? AND kind = ?"
    only = [line.run_id for line in lines] if len(lines) <= MOST_ASKED_BY_NAME else []
    if only:
        asked += f" AND run_id IN ({','.join('?' * len(only))})"
    found = base.execute(f"{asked} AND version = ?", (case, kind, *only, version))
    return {run_id: (digest, text) for run_id, digest, text in found}


def _note(base: sqlite3.Connection, case: str, lines: Iterable[Line], gone: Iterable[str]) -> None:
    rows = [(case, line.run_id, line.stat, line.digest, line.as_of) for line in lines]
    base.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", rows)
    for table in ("runs", "facts"):
        base.executemany(
            f"DELETE FROM {table} WHERE case_name = ? AND run_id = ?",
            [(case, run_id) for run_id in gone],
        )


def _found(folder: Path, known: dict[str, Line], looked_at: int) -> Iterator[Line]:
    if not folder.is_dir():
        return
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    newest = len(names) - looked_at
    for place, name in enumerate(names):
        line = known.get(name)
        if line is not None and line.stat and place < newest:
            yield line
            continue
        stat = _stat(f"{folder}/{name}")
        same = line is not None and stat and line.stat == stat
        yield line if line is not None and same else _read(folder / name, stat)


def _stat(folder: str) -> str:
    """`run.json` as the file system has it: a run that ends anew gets another file."""
    try:
        whole = os.stat(f"{folder}/run.json")  # noqa: PTH116 - 3 times faster
    except OSError:
        return ""
    return f"{whole.st_mtime_ns}-{whole.st_size}-{whole.st_ino}"


def _read(folder: Path, stat: str) -> Line:
    """The run by what its files hold; a damaged file is refused by whoever reads it as a record."""
    total, whole = hashlib.sha256(), folder / "run.json"
    for path in (whole, *sorted(folder.glob("*/record.json"))):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(path.read_bytes())
    return Line(
        run_id=folder.name,
        as_of=as_of_in(folder),
        digest=total.hexdigest()[:16],
        stat=stat if _has_ended(whole) else "",
    )


def _has_ended(whole: Path) -> bool:
    try:
        return bool(json.loads(whole.read_bytes()).get("outcome") != "running")
    except (OSError, ValueError, AttributeError):
        return False
