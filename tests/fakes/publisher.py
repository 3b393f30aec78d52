"""A publisher on loopback that answers, and misbehaves, as it is told: one reply a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it arrived; header names are lower-case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer. `cut` bytes of the body are sent and then the line is cut; `drip` seconds pass
    between its bytes.
    """

    status: int = 200
    body: bytes = b""
    kind: str = "text/csv"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0


Answer = Callable[[Asked], Reply]


@dataclass(kw_only=True)
class Publisher:
    """What was asked so far, and where to ask."""

    site: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def publishing(*replies: Reply | Answer) -> Iterator[Publisher]:
    """Serves the replies in their order, the last one again and again; a function is asked."""
    lock, publisher = threading.Lock(), Publisher(site="")
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                path=parts.path,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
            )
            with lock:
                reply = replies[min(len(publisher.asked), len(replies) - 1)]
                publisher.asked.append(asked)
            answer(self, reply(asked) if callable(reply) else reply, stopping)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    publisher.site = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield publisher
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, reply: Reply, stopping: threading.Event) -> None:
    handler.send_response(reply.status)
    if reply.status not in (204, 304):
        given = {"Content-Type": reply.kind, "Content-Length": str(len(reply.body))}
        for name, value in (given | reply.headers).items():
            if value:
                handler.send_header(name, value)
    else:
        for name, value in reply.headers.items():
            handler.send_header(name, value)
    handler.end_headers()
    body = reply.body if reply.cut is None else reply.body[: reply.cut]
    if reply.status in (204, 304):
        return
    if reply.drip:
        for byte in body:
            if stopping.is_set():
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(reply.drip)
    else:
        handler.wfile.write(body)
    if reply.cut is not None:
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(1)
