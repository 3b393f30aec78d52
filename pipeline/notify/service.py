"""How the service has answered lately: calls and failures, of its log or of a Prometheus server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import StateError

FAILED = 500
"""The least status of an answer that is the service's own failure, not the caller's."""
SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Answers of a stretch of time."""

    calls: float
    failed: float
    within: timedelta
    most_of: str = ""
    """The case with the most failures; empty when it isn't known, or there is none."""

    @property
    def rate(self) -> float:
        return self.failed / self.calls if self.calls else 0.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When failures are news."""

    rate: float = 0.01
    """Share of answers that may be failures."""
    within: timedelta = timedelta(hours=1)
    """How far back it looks."""
    least: int = 20
    """With fewer calls than these nothing is concluded."""


def of_log(path: Path, *, within: timedelta, now: datetime) -> Answered | None:
    """Counted in the call log; `None` where no service has ever kept one."""
    from pipeline.calls import counted

    if not path.is_file():
        return None
    found = counted(path, since=now - within, failed=FAILED)
    failed = {case: bad for case, (_, bad) in found.items() if bad}
    return Answered(
        calls=sum(calls for calls, _ in found.values()),
        failed=sum(failed.values()),
        within=within,
        most_of=max(sorted(case for case in failed if case), key=failed.__getitem__, default=""),
    )


def of_prometheus(address: str, *, within: timedelta) -> Answered:
    """Counted by the Prometheus server at `address`, over all services that it watches.

    Raises `StateError` when it does not answer as Prometheus does.
    """
    stretch = f"[{int(within.total_seconds())}s]"
    return Answered(
        calls=_sum(address, f"sum(increase(vigie_requests_total{stretch}))"),
        failed=_sum(address, f'sum(increase(vigie_requests_total{{status=~"5.."}}{stretch}))'),
        within=within,
    )


def _sum(address: str, query: str) -> float:
    """The value of a query whose result is one number; 0 where there is nothing to count."""
    import httpx

    try:
        answer = httpx.get(
            f"{address.rstrip('/')}/api/v1/query", params={"query": query}, timeout=SECONDS
        )
        answer.raise_for_status()
        found: list[Any] = answer.json()["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StateError(f"Prometheus was not reached: {type(error).__name__}.") from error
    except (ValueError, LookupError, TypeError) as error:
        raise StateError("What was named as Prometheus answers like something else.") from error
