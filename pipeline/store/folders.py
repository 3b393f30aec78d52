"""Where everything is in a home."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.seals import home_at
from pipeline.store.atomic import write_bytes
from pipeline.store.order import in_order_of_time


@dataclass(frozen=True, kw_only=True)
class Folders:
    """The folders of one home, and which runs they hold."""

    home: Path

    @classmethod
    def at(cls, home: str | Path = "") -> Self:
        """The store in `home`, else in VIGIE_HOME, else in the checkout's `var`."""
        return cls(home=home_at(home))

    def prepare(self) -> None:
        """Makes the folder; raises `StateError` when nothing can be written there."""
        write_bytes(self.home / ".vigie", b"home of Vigie; see README.md\n")

    @property
    def calls_file(self) -> Path:
        """The call log of the service: VIGIE_CALLS, or of this home."""
        return Path(os.environ.get("VIGIE_CALLS") or self.home / "calls.db")

    def cache_folder(self, case: str) -> Path:
        """Where a live source keeps what it fetched; may be removed at any time."""
        return self.home / "cache" / case

    def folds_folder(self, case: str) -> Path:
        """Predictions of folds, by the digest of what they follow from."""
        return self.cache_folder(case) / "folds"

    def forget_folds(self, case: str) -> None:
        """So that every candidate is fitted anew on every fold."""
        shutil.rmtree(self.folds_folder(case), ignore_errors=True)

    def files_folder(self, case: str) -> Path:
        """What the rows of a case refer to, such as pictures: state, as the tables are."""
        return self.home / "files" / case

    def run_folder(self, case: str, run_id: str) -> Path:
        return self.home / "runs" / case / run_id

    def notebook_path(self, case: str, run_id: str, notebook: str) -> Path:
        """Where the executed copy of a notebook is."""
        return self.run_folder(case, run_id) / f"{notebook}.ipynb"

    def run_ids(self, case: str) -> list[str]:
        """Runs of a case, oldest first: by as-of time, so that a replay of the past is no news;
        of one as-of time by id, which begins with the time of the start.
        """
        folder = self.home / "runs" / case
        if not folder.is_dir():
            return []
        return in_order_of_time(
            [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
        )

    def cases(self) -> list[str]:
        """Cases that have run here."""
        folder = self.home / "runs"
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
