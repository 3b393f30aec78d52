"""MLflow is told of the runs that have ended while others go on: it takes seconds that are idle."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.tracking import catch_up, tracked

logger = logging.getLogger("vigie.tracking")


class Tracks:
    """Tells MLflow in a thread of its own, from the first run that ends."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.added: Counter[str] = Counter()
        self.broken = False
        """Whether MLflow could not be told; what it lacks is then left to who asks next."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vigie tracks")
        self._waiting: dict[str, Future[None]] = {}

    def soon(self, case: str) -> None:
        """Tells of the case's runs, once for all that end before it is its turn."""
        before = self._waiting.get(case)
        if before is not None:
            before.cancel()
        self._waiting[case] = self._pool.submit(self._tell, case)

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
        if self.broken:
            return
        try:
            self.added[case] += catch_up(self.store, case)
        except Exception:
            # `mirror` meets it again, at its time, and tells it.
            self.broken = True
            logger.debug("MLflow could not be told of %s yet", case, exc_info=True)
