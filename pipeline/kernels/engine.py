"""The papermill engines of Vigie: a kernel forked from the server, or a new process for each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger

from pipeline.kernels import warm
from pipeline.kernels.execution import Execution, Limits, Place, Turn
from pipeline.kernels.manager import OWN, LocalKernelManager, WarmKernelManager
from pipeline.options import NOTEBOOKS
from pipeline.store import project

SAVE_SECONDS = 5.0
"""A notebook that runs is saved after a cell when it was not within this time."""


class StockEngine(NBClientEngine):  # type: ignore[misc]
    """A new process for each kernel."""

    manager: type[LocalKernelManager] = LocalKernelManager

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: Any = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **named: Any,
    ) -> Any:
        """As papermill does it, but that the notebook is saved now and then, not twice a cell.

        Raises `OptionError` for parameters that a notebook of the pipeline can't use.
        """
        _refuse_unfit(nb, str(named.get("input_path", "")))
        document = Document(
            nb,
            output_path=output_path,
            progress_bar=progress_bar,
            log_output=log_output,
            autosave_cell_every=autosave_cell_every,
        )
        document.notebook_start()
        try:
            cls.execute_managed_notebook(document, kernel_name, log_output=log_output, **named)
        except BaseException:
            document.broken = True
            raise
        finally:
            document.cleanup_pbar()
            document.notebook_complete()
        return document.nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        input_path: str = "",
        limits: Limits | None = None,
        place: Place | None = None,
        turn: Turn | None = None,
        **named: Any,
    ) -> Any:
        """Raises `StepError` when the notebook is stopped, or its kernel dies or doesn't start."""
        execution = Execution(
            nb_man,
            notebook=Path(input_path).stem,
            limits=limits or Limits(cell_seconds=execution_timeout),
            place=place or Place(),
            turn=turn,
            kernel_manager_class=cls.manager if kernel_name in OWN else LocalKernelManager,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            log=logger,
            log_output=log_output,
            **named,
        )
        return execution.execute()


class WarmEngine(StockEngine):
    """Each kernel is a fork of a process that has imported the libraries; else as `stock`."""

    manager = WarmKernelManager if warm.AVAILABLE else LocalKernelManager


class Document(NotebookExecutionManager):  # type: ignore[misc]
    """A notebook that is being executed; saved now and then, and when it is broken off. One that
    has come to its end, or to the error of a cell, papermill writes itself.
    """

    broken = False
    saved = 0.0

    def notebook_start(self, **given: Any) -> None:
        self.saved = time.monotonic()
        super().notebook_start(**given)

    def save(self, **given: Any) -> None:
        if self.broken or time.monotonic() - self.saved > SAVE_SECONDS:
            super().save(**given)
            self.saved = time.monotonic()


def _refuse_unfit(nb: Any, input_path: str) -> None:
    """Of a notebook by hand papermill only warns that it does not know a parameter."""
    path = Path(input_path)
    options = {str(name): kind for name, kind in NOTEBOOKS.items()}.get(path.stem)
    if options is None or path.resolve() != (project.ROOT / "notebooks" / path.name).resolve():
        return
    options.checked(path.stem, dict(nb.metadata.get("papermill", {}).get("parameters", {})))
