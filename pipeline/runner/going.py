"""A run that is done in parts, by one thread after the other."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from pipeline.errors import StateError
from pipeline.options import NotebookName
from pipeline.records import RunRecord
from pipeline.runner.chain import END, Part, Parts
from pipeline.runner.order import Order
from pipeline.runner.slots import Slots
from pipeline.runner.turns import Turn

Result = RunRecord | StateError

RANKS: dict[NotebookName, int] = {
    "5-evaluate": 0,
    "4-train": 0,
    "3-drift": 1,
    "2-validate": 3,
    "1-ingest": 3,
    "6-report": 4,
}
"""What the next date waits for longest goes first."""
BEFORE_ITS_TURN = 2


@dataclass(eq=False)
class Going:
    """A run between two of its notebooks, one that stands already, or one not yet looked at."""

    order: Order
    run_id: str = ""
    parts: Parts | None = None
    following: Part | None = None
    result: Result | None = None
    early: dict[NotebookName, Future[None]] = field(default_factory=dict)
    """Notebooks that are executed before their turn."""
    turn: Turn | None = None
    """What a notebook waits for that was begun before the date before was judged."""

    def until(self, slots: Slots, stopping: threading.Event, *parts: Part) -> None:
        """Goes on to the first of these, else to its end; what broke it is its result."""
        while self.parts is not None and self.result is None and self.following not in parts:
            if stopping.is_set():
                return
            self._on(slots, self.parts)

    def _on(self, slots: Slots, parts: Parts) -> None:
        notebook = self.following
        if notebook is None or notebook == END or notebook in self.early:
            self._next(parts)
            return
        with slots.taken(RANKS[notebook]):
            self._next(parts)

    def _next(self, parts: Parts) -> None:
        try:
            self.following = next(parts)
        except StopIteration as ended:
            self.result = ended.value
        except StateError as error:
            self.result = error

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants all to end."""
        return isinstance(self.result, RunRecord) and self.result.failure == "interrupted"

    def close(self) -> None:
        """One that has not ended was interrupted."""
        if self.parts is not None:
            self.parts.close()
