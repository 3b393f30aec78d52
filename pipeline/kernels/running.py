"""What runs in this process, so that it can be stopped from another thread.

Apart from what runs it: a stop may come while papermill is still being imported.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Protocol

from pipeline.errors import StepError


class Stoppable(Protocol):
    """A notebook that is being executed in an event loop."""

    notebook: str
    loop: asyncio.AbstractEventLoop

    def end(self, error: StepError) -> None:
        """Ends it at once, for that reason."""


_LOCK = threading.Lock()
_RUNNING: set[Stoppable] = set()


def begin(execution: Stoppable) -> None:
    """From now on it can be stopped."""
    with _LOCK:
        _RUNNING.add(execution)


def finish(execution: Stoppable) -> None:
    """It has ended, and its loop is about to close."""
    with _LOCK:
        _RUNNING.discard(execution)


def stop() -> None:
    """Stops every notebook that this process executes, in whatever thread; each is interrupted."""
    with _LOCK:
        for execution in _RUNNING:
            execution.loop.call_soon_threadsafe(
                execution.end, StepError.for_interrupt(execution.notebook)
            )
