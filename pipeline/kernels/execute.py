"""Executes one notebook with papermill; a broken one leaves its partly executed copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pipeline import errors
from pipeline.errors import OptionError, StepError, VigieError
from pipeline.kernels import warm
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.store import project

FAILED = ".failed.ipynb"

Engine = Literal["warm", "stock"]
ENGINES: tuple[Engine, ...] = ("warm", "stock")


def default_engine() -> Engine:
    """VIGIE_ENGINE, else `warm`; raises `OptionError` for an engine that there is not."""
    chosen = os.environ.get("VIGIE_ENGINE") or "warm"
    for engine in ENGINES:
        if engine == chosen:
            return engine
    raise OptionError(f"VIGIE_ENGINE is {chosen!r}. Choose one of: {', '.join(ENGINES)}.")


def execute(
    notebook: NotebookName,
    output: Path,
    values: dict[str, Any],
    *,
    seconds: float | None = None,
    notebook_seconds: float | None = None,
    output_bytes: int | None = None,
    engine: Engine | None = None,
    cores: int | None = None,
    turn: Callable[[], None] | None = None,
) -> None:
    """Runs the notebook with `values` as parameters and writes the executed copy to `output`.

    `seconds` limits each cell, `notebook_seconds` the whole, `output_bytes` all that it shows
    (100 MB unless told). It may use `cores` cores, by default all. Several threads may execute
    notebooks at once. `turn` is called when the opening is done, and returns when the other cells
    may follow; what it raises ends the notebook.

    Raises `OptionError` before a kernel starts when a parameter is unknown or ill-typed; else the
    error that the notebook ended with: one of ours as it was raised, any other as a `StepError`
    whose `failure` says how it ended.
    """
    NOTEBOOKS[notebook].checked(notebook, values)
    engine = engine or default_engine()
    ready(engine)
    source = project.notebook(notebook)
    output = output.absolute()
    unfinished = output.with_name(f".{output.name}")
    from pipeline.kernels.execution import OUTPUT_BYTES, Limits

    limits = Limits(
        cell_seconds=seconds,
        notebook_seconds=notebook_seconds,
        output_bytes=output_bytes or OUTPUT_BYTES,
    )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _papermill(source, unfinished, values, engine=engine, limits=limits, cores=cores, turn=turn)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise errors.StateError.for_failed_write(output, error) from error
    except (VigieError, KeyboardInterrupt):
        if unfinished.exists():
            unfinished.replace(output.with_name(f"{notebook}{FAILED}"))
        raise
    unfinished.replace(output)
    output.with_name(f"{notebook}{FAILED}").unlink(missing_ok=True)


def ready(engine: Engine | None) -> None:
    """Begins to import what kernels will need, while the caller does something else."""
    if (engine or default_engine()) == "warm" and warm.AVAILABLE:
        warm.server()


def environment(cores: int | None) -> dict[str, str]:
    """A kernel's, in which folds and trees are spread over that many cores, and nothing else is.

    A user's own choice is left as it is.
    """
    chosen = {
        # OpenMP's threads wait for one another in loops: two on a busy machine took thirty times
        # as long as one, and on an idle one no less. Folds and trees are spread instead.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    if cores is not None:
        chosen |= dict.fromkeys(
            ("LOKY_MAX_CPU_COUNT", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"), str(cores)
        )
    return chosen | dict(os.environ)


def _papermill(
    source: Path,
    output: Path,
    values: dict[str, Any],
    *,
    engine: Engine,
    limits: Any,
    cores: int | None,
    turn: Callable[[], None] | None,
) -> None:
    import papermill
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    from pipeline.kernels.engine import StockEngine, WarmEngine
    from pipeline.kernels.execution import Place

    # Not by the entry point: an environment may be older than it.
    papermill_engines.register("warm", WarmEngine)
    papermill_engines.register("stock", StockEngine)
    try:
        papermill.execute_notebook(
            source,
            output,
            parameters=values,
            engine_name=engine,
            kernel_name="python3",
            progress_bar=False,
            limits=limits,
            turn=turn,
            # Not papermill's cwd, which changes that of the whole process.
            place=Place(folder=project.ROOT, environment=environment(cores)),
        )
    except PapermillExecutionError as error:
        raise _as_raised(source.stem, error.ename, error.evalue) from error


def _as_raised(notebook: str, name: str, message: str) -> VigieError:
    """The error as the notebook's code raised it, when it is one of ours."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, VigieError):
        # Past __init__, since some are built of more than their message.
        return kind.__new__(kind, message)
    return StepError.for_error(notebook, name, message, copy=f"{notebook}{FAILED}")
