"""One notebook in one kernel, held to its limits; it ends what it started however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient

from pipeline.errors import StepError
from pipeline.kernels import folders, running
from pipeline.kernels.cells import OPENING
from pipeline.kernels.manager import LocalKernelManager
from pipeline.kernels.memory import times_out_of_memory

OUTPUT_BYTES = 100_000_000
Turn = Callable[[], None]
"""Called in a thread of its own once a notebook's opening is done; returns when it may go on."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a notebook may take; `None` for no limit."""

    cell_seconds: float | None = None
    notebook_seconds: float | None = None
    output_bytes: int = OUTPUT_BYTES


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a kernel works: its folder and its environment; `None` for those of this process."""

    folder: Path | None = None
    environment: dict[str, str] | None = None

    def as_arguments(self) -> dict[str, Any]:
        found = {"cwd": self.folder and str(self.folder), "env": self.environment}
        return {name: value for name, value in found.items() if value is not None}


class Execution(PapermillNotebookClient):  # type: ignore[misc]
    """One notebook in one kernel, from start to end."""

    loop: asyncio.AbstractEventLoop
    km: Any
    kc: Any
    work: asyncio.Task[None]
    ending: StepError | None = None
    """Why it is to end before its last cell."""

    def __init__(
        self,
        nb_man: Any,
        *,
        notebook: str,
        limits: Limits,
        place: Place,
        turn: Turn | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(nb_man, timeout=limits.cell_seconds, **traits)
        self.notebook = notebook
        self.limits = limits
        self.place = place
        self.turn = turn
        self.taken = 0
        self.without_memory = times_out_of_memory()

    def execute(self, **named: Any) -> Any:
        """In an event loop of its own, so in any thread, and within a notebook too."""
        _sweep_once()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._execute())
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._execute()).result()

    async def _execute(self) -> Any:
        self.loop = asyncio.get_running_loop()
        self.reset_execution_trackers()
        self.work = asyncio.create_task(self._work())
        seconds = self.limits.notebook_seconds
        timer = seconds and self.loop.call_later(
            seconds, lambda: self.end(StepError.for_time(self.notebook, "it", seconds))
        )
        running.begin(self)
        try:
            await self.work
        except BaseException as error:
            await self._close(now=True)
            if self.ending and isinstance(error, asyncio.CancelledError):
                raise self.ending from None
            raise
        finally:
            if timer:
                timer.cancel()
            running.finish(self)
        await self._close(now=False)
        return self.nb

    async def _work(self) -> None:
        await self._start()
        await self._execute_cells()

    async def _start(self) -> None:
        self.km = self.create_kernel_manager()
        self.extra_arguments = ["--HistoryManager.hist_file=:memory:"]
        try:
            await self.async_start_new_kernel(**self.place.as_arguments())
            await self.async_start_new_kernel_client()
        except (RuntimeError, OSError) as error:
            raise StepError.for_start(self.notebook, error) from error

    async def _execute_cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            try:
                await self._execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                break
            except BaseException as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                raise
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
            if self.turn and OPENING in cell.metadata.get("tags", []):
                await asyncio.to_thread(self.turn)
        self.nb.metadata["language_info"] = self.kc.language
        self.set_widgets_metadata()

    async def _execute_cell(self, cell: Any, index: int) -> None:
        try:
            await self.async_execute_cell(cell, index)
        except CellTimeoutError as error:
            raise StepError.for_time(self.notebook, "a cell", self.limits.cell_seconds) from error
        except DeadKernelError as error:
            task = asyncio.current_task()
            if task and task.cancelling():
                # nbclient takes any cancelling for a death.
                raise asyncio.CancelledError from error
            raise await self._death() from error

    async def _death(self) -> StepError:
        code = await self.km.provisioner.poll()
        short = times_out_of_memory() > self.without_memory
        return StepError.for_death(self.notebook, code, out_of_memory=short)

    def end(self, error: StepError) -> None:
        """Ends it at once, for that reason; the first reason counts."""
        if self.ending is None:
            self.ending = error
            self.work.cancel()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Takes what a cell shows, until it is more than the notebook may show."""
        self.taken += _size(msg["content"])
        if self.taken > self.limits.output_bytes:
            self.end(StepError.for_output(self.notebook, cell_index, self.limits.output_bytes))
            return None
        return super().process_message(msg, cell, cell_index)

    async def _close(self, *, now: bool) -> None:
        """Ends the kernel, politely unless `now`, and everything that belongs to it."""
        manager, client = self.km, self.kc
        if client is not None:
            client.stop_channels()
        if manager is None:
            return
        if manager.has_kernel:
            if now:
                await manager.shutdown_kernel(now=True)
            else:
                await manager.request_shutdown()
                await manager.finish_shutdown(pollinterval=0.01)
        await manager.cleanup_resources()
        self.km = self.kc = None


def _size(content: Any) -> int:
    """Of all text within, as many bytes as it has characters."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, dict):
        return sum(_size(value) for value in content.values())
    return sum(_size(value) for value in content) if isinstance(content, list) else 0


@cache
def _sweep_once() -> None:
    if LocalKernelManager().transport == "ipc":
        folders.sweep()
