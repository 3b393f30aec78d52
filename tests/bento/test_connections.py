"""Connections that don't get anywhere, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from toy_service import answering

from pipeline.packaging.settings import Settings

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
IMPATIENT = Settings(most_seconds=0.3)
LONG = b"x" * 30_000_000 + b"."
"""More than the buffers of both sides hold."""
SENT = threading.Event()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers `/` with a line, `/long` with more than is ever read at once."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    content = LONG if scope["path"] == "/long" else b"hello"
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    SENT.set()


@contextmanager
def connected(settings: Settings) -> Iterator[socket.socket]:
    with (
        answering(application, settings) as client,
        socket.create_connection((client.base_url.host, client.base_url.port or 0), 30) as made,
    ):
        yield made


def said(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("sent", [b"", b"GET / HT", REQUEST, REQUEST + b"X-Slow: 1\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    """With 408 where it had begun."""
    with connected(IMPATIENT) as connection:
        connection.sendall(sent)

        assert said(connection).startswith(b"HTTP/1.1 408 ") == bool(sent)


def test_the_head_after_an_answer_has_the_same_time() -> None:
    """A second request on one connection is waited for no longer than the first."""
    with connected(IMPATIENT) as connection:
        connection.sendall(REQUEST + b"\r\n" + REQUEST)

        found = said(connection)

    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"helloHTTP/1.1 408 " in found


def test_an_endless_head_is_refused() -> None:
    """What was received of it is not kept in memory without end."""
    with connected(Settings()) as connection:
        connection.sendall(REQUEST + b"X-Endless: ")
        try:
            for _ in range(4000):
                connection.sendall(b"x" * 1000)
        except (BrokenPipeError, ConnectionResetError):
            return

        assert said(connection).startswith(b"HTTP/1.1 431 ")


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    """It is not kept in memory for longer than a body may take to come."""
    SENT.clear()
    with connected(IMPATIENT) as connection:
        connection.sendall(REQUEST.replace(b"/ ", b"/long ") + b"\r\n")

        assert SENT.wait(20)


def test_an_answer_that_is_read_slowly_comes_whole() -> None:
    """As long as some of it is read in time, it goes on."""
    with connected(Settings(most_seconds=0.4)) as connection:
        last = b"Connection: close\r\n\r\n"
        connection.sendall(REQUEST.replace(b"/ ", b"/long ") + last)
        found = bytearray()
        while piece := connection.recv(2_000_000, socket.MSG_WAITALL):
            found += piece
            time.sleep(0.05)

    assert len(LONG) == len(found.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"X-Folded: one\r\n two\r\n",
        b"X Space: 1\r\n",
        b"X-Nothing\r\n",
        b"X-Zero: \x00\r\n",
        b"X-Return: a\rb\r\n",
    ],
)
def test_a_head_that_two_could_read_differently_is_refused(more: bytes) -> None:
    """Nothing that a proxy before the service may take for another request gets through."""
    with connected(IMPATIENT) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + more + b"\r\nhello")

        assert said(connection).startswith(b"HTTP/1.1 400 ")
