"""Takes calls without waiting, and writes them from a thread of its own."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.calls.actuals import forget_actuals
from pipeline.calls.database import connect, transaction
from pipeline.calls.inputs import as_kept
from pipeline.calls.predictions import Predictions, keep, spread_some
from pipeline.calls.scores import HOUR, Changes, count_once
from pipeline.errors import StateError

SECONDS_BETWEEN_WRITES: Final = 0.1
SECONDS_BETWEEN_CLEANINGS: Final = 600.0
MOST_WAITING: Final = 50_000
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
SECONDS_OF_SPREADING: Final = 0.05
"""Between two writes."""
TRUTHS_AT_ONCE: Final = 500
DAY: Final = 86_400.0
CALL: Final = f"INSERT INTO calls VALUES ({', '.join('?' * 14)})"

logger = logging.getLogger("vigie.calls")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was answered. Nothing secret is in it."""

    id: str
    time: float
    """Seconds since 1970."""
    key: str
    """Id of the key; empty where none was shown."""
    method: str
    route: str
    case: str
    status: int
    problem: str
    milliseconds: float
    records: int = 0
    model: str = ""
    input: bytes = b""
    predictions: Predictions | None = None


class CallLog:
    """Started with `open`, ended with `close`; `add` may be called from any thread."""

    def __init__(
        self, path: Path, *, keep_days: float = 30, inputs: Literal["full", "digest"] = "full"
    ) -> None:
        self.path = path
        self.written = 0
        self.dropped = 0
        self._keep = keep_days * DAY
        self._inputs = inputs
        self._waiting: list[Call] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Makes the file and starts the thread; raises `StateError`."""
        self._connection = connect(self.path)
        try:
            count_once(self._connection)
        except sqlite3.Error as error:
            raise StateError.for_failed_write(self.path, error) from error
        self._thread = threading.Thread(target=self._run, name="call log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Calls that are not on the disk yet."""
        return len(self._waiting)

    def add(self, call: Call) -> None:
        """Never waits for the disk. When the disk has failed for so long that the memory set
        aside for it is full, the call is dropped, and counted in `dropped`.
        """
        with self._lock:
            full = (
                len(self._waiting) >= MOST_WAITING
                or self._bytes + len(call.input) > MOST_WAITING_BYTES
            )
            if full:
                self.dropped += 1
            else:
                self._waiting.append(call)
                self._bytes += len(call.input)

    def flush(self) -> None:
        """Writes what waits, now; raises `sqlite3.Error` and keeps the calls when it can't."""
        with self._writing:
            with self._lock:
                calls, self._waiting = self._waiting, []
                size, self._bytes = self._bytes, 0
            try:
                self._write(calls)
            except BaseException:
                with self._lock:
                    self._waiting = calls + self._waiting
                    self._bytes += size
                raise
            self.written += len(calls)

    def close(self) -> None:
        """Writes all that waits and ends the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        cleaned = 0.0
        failing = False
        while True:
            last = self._ended.wait(SECONDS_BETWEEN_WRITES)
            try:
                self.flush()
                if not last:
                    self._spread()
                if time.monotonic() - cleaned > SECONDS_BETWEEN_CLEANINGS:
                    self._clean()
                    cleaned = time.monotonic()
                if failing:
                    logger.warning("%s is written again. Calls lost: %d.", self.path, self.dropped)
                failing = False
            except sqlite3.Error as error:
                if not failing or last:
                    self._tell(error, last=last)
                failing = True
            if last:
                return

    def _tell(self, error: sqlite3.Error, *, last: bool) -> None:
        if last:
            lost = self.waiting + self.dropped
            logger.error("Calls lost, as %s can't be written (%s): %d.", self.path, error, lost)
            return
        logger.error(
            "%s can't be written: %s. Calls wait in memory until it can be; above %d calls or %d "
            "MiB further ones are lost. Make room, or name another file in VIGIE_CALLS.",
            self.path,
            error,
            MOST_WAITING,
            MOST_WAITING_BYTES // 1024**2,
        )

    def _write(self, calls: list[Call]) -> None:
        if not calls or self._connection is None:
            return
        connection = self._connection
        with transaction(connection):
            (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM calls").fetchone()
            connection.executemany(
                CALL, (self._row(number + place, call) for place, call in enumerate(calls, 1))
            )
            rows = [
                number + place
                for place, call in enumerate(calls, 1)
                if call.predictions is not None
                and keep(connection, number + place, call.case, call.predictions)
            ]
            if rows and connection.execute("SELECT EXISTS (SELECT 1 FROM actuals)").fetchone()[0]:
                changes = Changes(connection)
                changes.new_predictions(rows)
                changes.keep()

    def _row(self, number: int, call: Call) -> tuple[Any, ...]:
        return (
            number,
            call.id,
            call.time,
            call.key,
            call.method,
            call.route,
            call.case,
            call.status,
            call.problem,
            call.milliseconds,
            call.records,
            call.model,
            hashlib.sha256(call.input).hexdigest() if call.input else "",
            as_kept(call.input) if call.input and self._inputs == "full" else None,
        )

    def _spread(self) -> None:
        """Predictions of large calls find their truths, some at a time: those who log wait for no
        longer than that.
        """
        if self._connection is None:
            return
        until = time.monotonic() + SECONDS_OF_SPREADING
        with self._writing:
            while spread_some(self._connection) and time.monotonic() < until:
                pass

    def _clean(self) -> None:
        """Removes what is older than is kept, by whole hours as the scores are, and gives its room
        back to the disk.
        """
        if self._connection is None:
            return
        hour = int((time.time() - self._keep) // HOUR)
        with self._writing:
            with transaction(self._connection):
                self._connection.execute("DELETE FROM calls WHERE time < ?", (hour * HOUR,))
                self._connection.execute("DELETE FROM scores WHERE hour < ?", (hour,))
            while forget_actuals(self._connection, before=hour * HOUR, most=TRUTHS_AT_ONCE):
                pass
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()
