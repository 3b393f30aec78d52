"""Jupyter's managers of one kernel: a new process, or a fork of the server; sockets of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import default

from pipeline.kernels import folders, warm

OWN = frozenset({"python", "python3"})
LAUNCHER = "ipykernel_launcher"
START_SECONDS = 120.0


class OwnPython(KernelSpecManager):
    """`python3` is this interpreter, not whatever kernel of that name the user has elsewhere."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The kernel of that name; raises `NoSuchKernel`."""
        if kernel_name not in OWN:
            return super().get_kernel_spec(kernel_name)
        return KernelSpec(
            argv=[sys.executable, "-m", LAUNCHER, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


class Client(AsyncKernelClient):
    """Knows that a kernel is ready by its own words, without a heartbeat or a fixed wait."""

    parent: LocalKernelManager
    language: dict[str, Any]
    """What the kernel says of its language."""

    def start_channels(
        self,
        shell: bool = True,
        iopub: bool = True,
        stdin: bool = True,
        hb: bool = True,
        control: bool = True,
    ) -> None:
        """All but the heartbeat: the process itself tells whether it runs."""
        super().start_channels(shell=shell, iopub=iopub, stdin=stdin, hb=False, control=control)

    async def wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Until it answers, and what it publishes arrives; raises `RuntimeError` when it dies.

        Who subscribes hears nothing that was published before: the question is put again until
        an echo of it comes.
        """
        try:
            async with asyncio.timeout(timeout):
                while not await self._answers():
                    if not await self.parent.is_alive():
                        raise RuntimeError("it died before its first answer")
        except TimeoutError as error:
            raise RuntimeError(f"it did not answer within {timeout} s") from error

    async def _answers(self) -> bool:
        self.kernel_info()
        tasks = [
            asyncio.create_task(channel.get_msg(timeout=None))
            for channel in (self.shell_channel, self.iopub_channel)
        ]
        done, pending = await asyncio.wait(tasks, timeout=1)
        for task in pending:
            task.cancel()
        if tasks[0] in done:
            self.language = tasks[0].result()["content"].get("language_info", {})
        return not pending


class LocalKernelManager(AsyncKernelManager):
    """Talks to its kernel over sockets in the file system; on Windows over the loopback address.

    A kernel on a TCP port runs whatever any local user sends it unencrypted. Each kernel has a
    folder of its own for its sockets and its key, readable by its user alone and removed when it
    has ended: by itself, Jupyter calls them alike in the working folder, and two kernels would
    hear each other.
    """

    @default("transport")
    def _default_transport(self) -> str:
        return "tcp" if os.name == "nt" else "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        return str(folders.make() / "kernel") if self.transport == "ipc" else "127.0.0.1"

    @default("connection_file")
    def _default_connection_file(self) -> str:
        return f"{self.ip}.json" if self.transport == "ipc" else ""

    @default("kernel_spec_manager")
    def _default_kernel_spec_manager(self) -> KernelSpecManager:
        return OwnPython()

    @default("client_factory")
    def _default_client_factory(self) -> type[Client]:
        return Client

    def cleanup_ipc_files(self) -> None:
        """Removes the sockets and their folder."""
        super().cleanup_ipc_files()
        if self.transport == "ipc":
            folders.remove(Path(self.ip).parent)


class WarmKernelManager(LocalKernelManager):
    """Its kernel is a fork of the server."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.provisioner = ForkedProvisioner(parent=self, kernel_spec=self.kernel_spec)


class ForkedProvisioner(LocalProvisioner):
    """Has the server fork a kernel in place of starting a process."""

    parent: LocalKernelManager
    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Returns when the kernel's sockets are bound; raises `RuntimeError` when it won't be."""
        request = {
            "arguments": cmd[cmd.index(LAUNCHER) + 1 :],
            "env": kwargs["env"],
            "cwd": str(kwargs.get("cwd") or Path.cwd()),
            "folder": str(Path(self.parent.ip).parent),
        }
        self.process = kernel = warm.server().fork(request)
        try:
            async with asyncio.timeout(START_SECONDS):
                while kernel.poll() is None and not kernel.ready:
                    await _readable(kernel)
        except TimeoutError as error:
            raise RuntimeError(f"no answer within {START_SECONDS:.0f} s") from error
        if not kernel.ready:
            raise RuntimeError(kernel.refusal or f"it ended with {kernel.returncode}")
        self.pid, self.cwd = kernel.pid, request["cwd"]
        return self.connection_info

    async def wait(self) -> int | None:
        """Its exit code, as soon as it has ended."""
        kernel: warm.ForkedKernel | None = self.process
        self.process = None
        if kernel is None:
            return 0
        while kernel.poll() is None:
            await _readable(kernel)
        kernel.close()
        return kernel.returncode

    async def cleanup(self, restart: bool = False) -> None:
        """Whatever has become of it, it runs no longer."""
        if self.process is not None:
            self.process.close()
            self.process = None


async def _readable(kernel: warm.ForkedKernel) -> None:
    loop = asyncio.get_running_loop()
    there = loop.create_future()

    def wake() -> None:
        if not there.done():
            there.set_result(None)

    loop.add_reader(kernel.channel, wake)
    try:
        await there
    finally:
        loop.remove_reader(kernel.channel)
