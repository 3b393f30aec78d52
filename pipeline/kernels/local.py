"""Kernels that only this user's processes can reach, where the system has such sockets."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from traitlets import default


class LocalKernelManager(AsyncKernelManager):
    """Talks to its kernel over sockets in the file system; on Windows over the loopback address.

    A kernel on a TCP port runs whatever any local user sends it unencrypted. Each kernel has a
    folder of its own for its sockets, readable by its user alone and removed when it has ended:
    by itself, Jupyter calls them alike in the working folder, and two kernels would hear each
    other.
    """

    @default("transport")
    def _default_transport(self) -> str:
        return "tcp" if os.name == "nt" else "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        if self.transport != "ipc":
            return "127.0.0.1"
        return str(Path(tempfile.mkdtemp(prefix="vigie-")) / "kernel")

    def cleanup_ipc_files(self) -> None:
        """Removes the sockets and their folder."""
        super().cleanup_ipc_files()
        if self.transport == "ipc":
            shutil.rmtree(Path(self.ip).parent, ignore_errors=True)
