"""Kernels that only this user's processes can reach, where the system has such sockets."""

from __future__ import annotations

import os

from jupyter_client.manager import AsyncKernelManager
from traitlets import default


class LocalKernelManager(AsyncKernelManager):
    """Talks to its kernel over sockets in the file system; on Windows over the loopback address.

    A kernel on a TCP port runs whatever any local user sends it unencrypted.
    """

    @default("transport")
    def _default_transport(self) -> str:
        return "tcp" if os.name == "nt" else "ipc"
