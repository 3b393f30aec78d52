import asyncio
import os
import stat
from pathlib import Path

import pytest

from pipeline.kernels.manager import LocalKernelManager

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no sockets in the file system")


def test_two_kernels_at_once_do_not_hear_each_other() -> None:
    """Each kernel has sockets in a folder of its own, which only its user may open."""
    one, other = LocalKernelManager(), LocalKernelManager()
    folders = [Path(manager.ip).parent for manager in (one, other)]

    assert folders[0] != folders[1]
    assert [0o700, 0o700] == [stat.S_IMODE(folder.stat().st_mode) for folder in folders]

    for manager in (one, other):
        manager.cleanup_ipc_files()


def test_a_kernel_that_has_ended_leaves_no_sockets() -> None:
    """Nothing of a kernel stays in the temporary folder."""

    async def start_and_end() -> Path:
        manager = LocalKernelManager(kernel_name="python3")
        await manager.start_kernel()
        folder = Path(manager.ip).parent
        assert folder.is_dir()
        await manager.shutdown_kernel(now=True)
        return folder

    assert not asyncio.run(start_and_end()).exists()


def test_on_tcp_the_kernel_listens_on_the_loopback_address() -> None:
    """Where sockets in the file system are missing, nothing beyond this machine reaches it."""
    assert "127.0.0.1" == LocalKernelManager(transport="tcp").ip
