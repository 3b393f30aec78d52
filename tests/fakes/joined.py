"""Truths and predictions of a call log, joined from the start in a plain loop."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.calls.predictions import spread


@dataclass
class Joined:
    """Predictions whose truth is known, oldest first."""

    times: list[float] = field(default_factory=list)
    predicted: list[Any] = field(default_factory=list)
    low: list[Any] = field(default_factory=list)
    truth: list[Any] = field(default_factory=list)


def joined(path: Path, case: str) -> Joined:
    """A truth that was sent for the call itself counts before one that was sent by key."""
    spread(path)
    with closing(sqlite3.connect(path)) as connection:
        truths = dict(
            connection.execute('SELECT record, value FROM actuals WHERE "case" = ?', (case,))
        )
        rows = connection.execute(
            "SELECT c.time, c.id, p.place, p.record, p.prediction, p.low FROM predictions AS p "
            'JOIN calls AS c ON c.number = p.call WHERE p."case" = ? ORDER BY p.call, p.place',
            (case,),
        ).fetchall()
    found = Joined()
    for time, call, place, record, predicted, low in rows:
        truth = truths.get(f"{call}\x1f{place}", truths.get(record))
        if truth is not None:
            found.times.append(time)
            found.predicted.append(predicted)
            found.low.append(low)
            found.truth.append(truth)
    return found
