"""Connections that don't get anywhere are ended: uvicorn waits for the head of a request, and for
an answer to be read, for as long as somebody cares to keep it waiting.

The head of a request is to be there within the seconds that a body may take, and not longer than
`MOST_HEAD`; of an answer, something is to be read in that time.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.packaging.settings import Settings

MOST_HEAD: Final = 64 * 1024
"""Bytes after which a head that has not ended is refused."""


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    seconds = 30.0
    """For a head to arrive, and for something of an answer to be read."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._in_head = False
        self._began = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        self._something_was_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._began = False
        super().data_received(data)
        if not self._in_head:
            self._head_has_come()
            return
        if not self._began:
            self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD:
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        self._in_head = self._began = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        self._something_was_read()
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.seconds, self._head_is_late)

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._await_head()
        elif self._in_head:
            self._end(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _await_reader(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(self.seconds, self._reader_is_late)

    def _something_was_read(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _reader_is_late(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread:
            self._await_reader()
        else:
            self.transport.abort()

    def _end(self, status: HTTPStatus) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n".encode())
            self.transport.close()


def protocol(settings: Settings) -> type[Connection]:
    """Of connections, with the patience of the settings."""
    return type("Connection", (Connection,), {"seconds": settings.most_seconds})


def take_over(settings: Settings) -> None:
    """Makes uvicorn use them where nothing else is chosen, as BentoML starts it."""
    auto.AutoHTTPProtocol = protocol(settings)
