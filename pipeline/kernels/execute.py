"""Executes one notebook with papermill; a broken one leaves its partly executed copy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline import errors
from pipeline.errors import StepError, VigieError
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.store import project

FAILED = ".failed.ipynb"

# Set before a kernel starts, and inherited by it. A user's own choice is left as it is.
ENVIRONMENT = {
    # The kernel of this environment, not one of the same name in the user's home.
    "JUPYTER_PREFER_ENV_PATH": "1",
    # OpenMP's threads wait for one another in loops: two on a busy machine took thirty times as
    # long as one, and on an idle one no less. Folds and trees are spread over the cores instead.
    "OMP_NUM_THREADS": "1",
}


def execute(
    notebook: NotebookName, output: Path, values: dict[str, Any], *, seconds: int | None = None
) -> None:
    """Runs the notebook with `values` as parameters and writes the executed copy to `output`.

    Raises `OptionError` before a kernel starts when a parameter is unknown or ill-typed; else the
    error that the notebook ended with. `seconds` limits each cell.
    """
    NOTEBOOKS[notebook].checked(notebook, values)
    source = project.notebook(notebook)
    unfinished = output.with_name(f".{output.name}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _papermill(source, unfinished, values, seconds)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise errors.StateError.for_failed_write(output, error) from error
    except VigieError:
        if unfinished.exists():
            unfinished.replace(output.with_name(f"{notebook}{FAILED}"))
        raise
    unfinished.replace(output)
    output.with_name(f"{notebook}{FAILED}").unlink(missing_ok=True)


def _papermill(source: Path, output: Path, values: dict[str, Any], seconds: int | None) -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            source,
            output,
            parameters=values,
            kernel_name="python3",
            progress_bar=False,
            cwd=project.ROOT,
            kernel_manager_class=f"{__package__}.local.LocalKernelManager",
            execution_timeout=seconds,
        )
    except PapermillExecutionError as error:
        raise _as_raised(source.stem, error.ename, error.evalue) from error
    except CellTimeoutError as error:
        raise StepError(
            f"Notebook {source.stem}: a cell took longer than {seconds} s and was stopped. "
            "Give it more time or less data."
        ) from error
    except DeadKernelError as error:
        raise StepError(
            f"Notebook {source.stem}: its kernel died, most often for want of memory. "
            "Free some memory or take less data (--set days=…), then run again."
        ) from error
    except RuntimeError as error:
        raise StepError(
            f"Notebook {source.stem}: its kernel did not start: {error}. "
            "See that `jupyter kernelspec list` names python3, then run again."
        ) from error


def _as_raised(notebook: str, name: str, message: str) -> VigieError:
    """The error as the notebook's code raised it, when it is one of ours."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, VigieError):
        # Past __init__, since some are built of more than their message.
        return kind.__new__(kind, message)
    return StepError(
        f"Notebook {notebook} broke with {name}: {message} "
        f"The cell and its traceback are in {notebook}{FAILED}, in the folder of the run."
    )
