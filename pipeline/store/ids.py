"""Names of runs, which sort by the time of their start."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

FORM: Final = "%Y%m%dT%H%M%S%fZ"
RUN_ID: Final = re.compile(r"\d{8}T\d{12}Z")
"""An id as it is written here, to the microsecond."""
STEP: Final = timedelta(microseconds=1)
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class RunIds:
    """New ids of one case, each later than all before it.

    Where the clock was set back since the newest run, ids go on from that one: what is decided now
    would else count as decided before it.
    """

    def __init__(self, known: Iterable[str], now: Callable[[], datetime]) -> None:
        """`known` are the ids of all runs there are; others than ours are passed over."""
        self._last = max(map(_time, known), default=NEVER)
        self._now = now
        self._lock = threading.Lock()

    def new(self) -> str:
        """One that was not given before."""
        with self._lock:
            self._last = max(self._now(), self._last + STEP)
            return f"{self._last:{FORM}}"


def _time(run_id: str) -> datetime:
    found = RUN_ID.match(run_id)
    try:
        return datetime.strptime(found[0], FORM).replace(tzinfo=UTC) if found else NEVER
    except ValueError:
        return NEVER
