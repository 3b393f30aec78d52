"""Where observations come from: a source yields them as Arrow batches of the case's schema.

A source renames, converts and joins what its publisher offers. It never drops, fills or judges
rows: that is the business of the expectations. What it can't read is an error that names the
file, the column and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa

from pipeline.schema import Schema

Mode = Literal["live", "files", "sample"]
MODES: tuple[Mode, ...] = ("live", "files", "sample")

ROWS_PER_BATCH = 65_536
"""Most rows that a source gives at once."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run asks of a source."""

    schema: Schema
    folder: Path | None = None
    """Folder of the case's files; `None` where the source needs none."""
    as_of: datetime | None = None
    """Nothing newer is wanted; `None` for all there is. The step filters again."""
    since: datetime | None = None
    """The newest time that is already held: a live source asks for what is newer, and for as much
    before it as its publisher still revises. `None` for all there is."""
    cache: Path | None = None
    """Where a live source keeps what it may not have to fetch again; `None` for nowhere."""
    files: Path | None = None
    """Where a source keeps files that its rows refer to, such as pictures; `None` for nowhere."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file (or page, or simulation) that a feed was made from."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What came: where from, and the observations themselves."""

    parts: Sequence[Part]
    """Complete once all batches were taken: a file is digested while it is read."""
    batches: Iterable[pa.RecordBatch]


class Source(Protocol):
    """Where one case's observations come from in one mode.

    Whether it holds something new is told from its settings (a simulation) or from the files of the
    folder, which is that of the case or, where this is missing, one of those that the source names
    in `also_in` (`folders.folder_of`). A source that can say it cheaply in another way has a method
    `fingerprint`; see `pipeline.sources.fingerprints`.
    """

    @property
    def publisher(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def address(self) -> str:
        """Where a reader finds the data; empty for a simulation."""

    @property
    def simulated(self) -> bool: ...
    @property
    def note(self) -> str:
        """What a reader must know: for a simulation, the shift that was put in and when."""

    def fetch(self, request: Request) -> Feed:
        """The observations, typed as the schema says; raises `SourceError`."""
