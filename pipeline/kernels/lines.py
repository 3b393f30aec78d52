"""What the server of kernels and its clients tell one another: JSON objects, a line each."""

from __future__ import annotations

import json
import socket
from typing import Any


def tell(channel: socket.socket, **words: Any) -> None:
    """Sends one line; nobody listening any more is no error."""
    try:
        channel.sendall(json.dumps(words).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):
        return


class Reader:
    """Takes whole lines from a socket; `ended` once the other side has closed it."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.ended = False
        self._rest = b""

    def take(self) -> list[dict[str, Any]]:
        """The lines that are there; on a socket that doesn't wait, perhaps none."""
        while not self.ended:
            try:
                found = self.channel.recv(1 << 16)
            except BlockingIOError:
                break
            except ConnectionResetError:
                found = b""
            self.ended = not found
            self._rest += found
            if self.channel.gettimeout() != 0 and b"\n" in found:
                break
        *whole, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in whole]
