"""Load on an HTTP service from a process of its own: so many connections, each with one call at a
time. `python -m benchmarks.load` reads a plan as JSON and prints what came back as JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final

HEAD_ENDS: Final = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be called, and for how long."""

    port: int
    path: str
    bodies: list[str]
    """Sent in turn, JSON each."""
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 32
    seconds: float = 5.0
    most: int = 0
    """Calls after which it ends as well; 0: no limit."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came back."""

    calls: int
    failed: int
    """Answers with another status than 200, and connections that were lost."""
    statuses: dict[str, int]
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    ids: list[str] = field(default_factory=list)
    """X-Request-ID of every answer, where it was asked to keep them."""


def measure(plan: Plan) -> Measured:
    """Runs the plan in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout))


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.buffer = b""
        self.began = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(HEAD_ENDS)
        if end < 0:
            return
        head = self.buffer[:end].lower()
        if len(self.buffer) < end + len(HEAD_ENDS) + int(_header(head, b"content-length") or b"0"):
            return
        self.run.answered(head, time.perf_counter() - self.began)
        self.buffer = b""
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.run.lost += 1
            self.done.set_result(None)

    def _send(self) -> None:
        request = self.run.next()
        if request is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.requests = [_request(plan, body) for body in plan.bodies]
        self.ends = time.perf_counter() + plan.seconds
        self.most = plan.most or math.inf
        self.sent = self.lost = 0
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}
        self.ids: list[str] = []

    def next(self) -> bytes | None:
        if self.sent >= self.most or time.perf_counter() >= self.ends:
            return None
        self.sent += 1
        return self.requests[self.sent % len(self.requests)]

    def answered(self, head: bytes, seconds: float) -> None:
        status = head.split(b" ", 2)[1].decode()
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(seconds)
        if self.most < math.inf:
            self.ids.append((_header(head, b"x-request-id") or b"").decode())


async def run(plan: Plan) -> Measured:
    """All connections at once."""
    loop = asyncio.get_running_loop()
    going = _Run(plan)
    began = time.perf_counter()
    callers = [
        (await loop.create_connection(lambda: _Caller(going), "127.0.0.1", plan.port))[1]
        for _ in range(plan.connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    seconds = time.perf_counter() - began
    ordered = sorted(going.latencies) or [0.0]
    good = going.statuses.get("200", 0)
    return Measured(
        calls=len(going.latencies),
        failed=len(going.latencies) - good + going.lost,
        statuses=going.statuses,
        seconds=round(seconds, 3),
        per_second=round(good / seconds, 1),
        p50_ms=round(ordered[len(ordered) // 2] * 1000, 2),
        p99_ms=round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
        ids=going.ids,
    )


def _request(plan: Plan, body: str) -> bytes:
    headers = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body.encode())),
        **plan.headers,
    }
    lines = [f"POST {plan.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found == name:
            return value.strip()
    return None


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Plan(**json.load(sys.stdin)))))))
