"""MLflow is made ready while the first notebook waits for its kernel, and told of the runs that
have ended while others go on: it takes seconds that are idle.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.experiments import load
from pipeline.store.tracking import catch_up, prepare, tracked

logger = logging.getLogger("vigie.tracking")


class Tracks:
    """Speaks with MLflow in a thread of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.added: Counter[str] = Counter()
        self.broken = False
        """Whether MLflow could not be told; what it lacks is then left to who asks next."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vigie tracks")
        self._waiting: dict[str, Future[None]] = {}

    def prepare(self) -> None:
        """Makes MLflow ready to be told: it is imported, and its tables are made. In two pieces,
        since whoever interrupts all waits for the one that has begun.
        """
        self._pool.submit(self._quietly, load)
        self._pool.submit(self._quietly, lambda: prepare(self.store))

    def soon(self, case: str) -> None:
        """Tells of the case's runs, once for all that end before it is its turn."""
        before = self._waiting.get(case)
        if before is not None:
            before.cancel()
        self._waiting[case] = self._pool.submit(self._quietly, lambda: self._tell(case))

    def end(self, say: Say) -> None:
        """Waits for what is being told, and says what was added in all."""
        self._pool.shutdown()
        for case, count in self.added.items():
            if count:
                say(tracked(self.store, case, count))

    def stop(self) -> None:
        """Tells of nothing that has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self, case: str) -> None:
        self.added[case] += catch_up(self.store, case)

    def _quietly(self, work: Callable[[], None]) -> None:
        if self.broken:
            return
        try:
            work()
        except Exception:
            # `mirror` meets it again, at its time, and tells it.
            self.broken = True
            logger.debug("MLflow could not be told yet", exc_info=True)
