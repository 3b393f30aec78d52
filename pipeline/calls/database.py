"""The tables of the call log, and how the file is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import StateError

SECONDS_TO_WAIT: Final = 30.0
"""For another worker's write."""

TABLES: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    time REAL NOT NULL,
    key TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    "case" TEXT NOT NULL,
    status INTEGER NOT NULL,
    problem TEXT NOT NULL,
    milliseconds REAL NOT NULL,
    records INTEGER NOT NULL,
    model TEXT NOT NULL,
    digest TEXT NOT NULL,
    input BLOB
);
CREATE INDEX IF NOT EXISTS calls_by_time ON calls (time);
CREATE INDEX IF NOT EXISTS calls_by_id ON calls (id);
CREATE TABLE IF NOT EXISTS predictions (
    call INTEGER NOT NULL REFERENCES calls (number) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    "case" TEXT NOT NULL,
    record TEXT,
    prediction,
    low REAL,
    high REAL,
    PRIMARY KEY (call, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS predictions_by_record ON predictions ("case", record);
CREATE TABLE IF NOT EXISTS pieces (
    call INTEGER PRIMARY KEY REFERENCES calls (number) ON DELETE CASCADE,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS actuals (
    "case" TEXT NOT NULL,
    record TEXT NOT NULL,
    value NOT NULL,
    time REAL NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY ("case", record)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores (
    "case" TEXT NOT NULL,
    hour INTEGER NOT NULL,
    sums TEXT NOT NULL,
    PRIMARY KEY ("case", hour)
) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """The log, made where it is missing; raises `StateError` when it can't be opened.

    With WAL and synchronous = NORMAL a write that was committed outlives the process; a power cut
    may take the last ones, and never leaves a damaged file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
        )
        connection.executescript(TABLES)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except (OSError, sqlite3.Error) as error:
        raise StateError.for_failed_write(path, error) from error
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The log for reading only; raises `StateError` when there is none."""
    if not path.is_file():
        raise StateError(f"There is no call log {path}. The service makes it: vigie serve.")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise StateError.for_damaged_file(path, str(error)) from error
    try:
        yield connection
    except sqlite3.Error as error:
        raise StateError.for_damaged_file(path, str(error)) from error
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
