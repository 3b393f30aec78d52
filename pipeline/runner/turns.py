"""Notebooks that are begun before those they follow have ended."""

from __future__ import annotations

import threading

from pipeline.errors import StepError, VigieError
from pipeline.runner.slots import Slots


class Turn:
    """Of a notebook that was begun early: at the end of its opening it gives its slot back, and
    takes one again when those it follows have ended.
    """

    def __init__(
        self, slots: Slots, *, notebook: str, rank: int, stopping: threading.Event
    ) -> None:
        self.slots = slots
        self.notebook = notebook
        self.rank = rank
        self.stopping = stopping
        self._come = threading.Event()

    @property
    def has_come(self) -> bool:
        return self._come.is_set()

    def come(self) -> None:
        """Those it follows have ended, or all is to end."""
        self._come.set()

    def wait(self) -> None:
        """Called with a slot, and returns with one; raises `StepError` when all is to end."""
        self.slots.give()
        try:
            self._come.wait()
        finally:
            self.slots.take(self.rank)
        if self.stopping.is_set():
            raise StepError.for_interrupt(self.notebook)

    def is_spoiled(self, error: VigieError) -> bool:
        """Whether it broke before its turn, for what those it follows may still change."""
        return not self.has_come and error.failure != "interrupted"
