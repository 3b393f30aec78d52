"""All that one worker holds between requests, and the thread that keeps its champions new."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from bento.access import Access
from bento.champion import Champion
from bento.metrics import Metrics
from bento.openapi import document_bytes
from bento.rates import Rates
from bento.roster import Roster
from pipeline.calls import CallLog
from pipeline.packaging.settings import Settings

logger = logging.getLogger("vigie")


class State:
    """Made when the module is imported; `start` reads files and starts threads."""

    def __init__(self, settings: Settings, roster: Roster) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.rates = Rates(settings)
        self.access = Access(settings)
        self.log = (
            CallLog(settings.calls, keep_days=settings.keep_days, inputs=settings.log_inputs)
            if settings.calls
            else None
        )
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="predict")
        """For calls of many records, so that those of few don't wait behind them."""
        self.readers = ThreadPoolExecutor(2, thread_name_prefix="read")
        """For what is read of the log and the observations: a long log takes its time, and no
        prediction waits for that.
        """
        self.document = b""
        self._roster = roster
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._keep_new, name="champions", daemon=True)
        self._told = {"written": 0, "dropped": 0}

    @property
    def champions(self) -> Mapping[str, Champion]:
        """By case. The mapping is replaced, never changed: a call that has begun goes on with
        the champion that it began with.
        """
        return self._roster.champions

    def start(self) -> None:
        """Loads every champion; raises `VigieError` when one can't be served."""
        self._roster.load(self.metrics)
        self.document = document_bytes(self.champions, self.settings)
        _leave_alone()
        if self.log is not None:
            self.log.open()
        if self.settings.open:
            logger.warning("OPEN: everybody who reaches this address may call. Made with --open.")
        self._watch.start()

    def end(self) -> None:
        """Writes what the log still holds."""
        self._ended.set()
        if self._watch.is_alive():
            self._watch.join()
        self.threads.shutdown(wait=True)
        self.readers.shutdown(wait=True)
        if self.log is not None:
            self.log.close()
        self._count()
        self._roster.close()
        gc.unfreeze()

    def _keep_new(self) -> None:
        while not self._ended.wait(self.settings.reload_seconds):
            try:
                if self._roster.refresh(self.metrics):
                    self.document = document_bytes(self.champions, self.settings)
                    _leave_alone()
                self._count()
            except Exception:
                logger.exception("Looking for new champions failed; those that serve stay.")

    def _count(self) -> None:
        if self.log is None:
            return
        self.metrics.log_waiting.set(self.log.waiting)
        for name, counter in (
            ("written", self.metrics.log_written),
            ("dropped", self.metrics.log_dropped),
        ):
            found = getattr(self.log, name)
            counter.inc(found - self._told[name])
            self._told[name] = found


def _leave_alone() -> None:
    """What has been loaded stays: looking through it for garbage again and again would cost more
    than a call of a thousand records does. What of it is garbage by now is removed first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
