"""What the server of kernels has imported when it forks one: libraries and the steps, no threads.

A fork copies one thread only. A lock that another one holds at that moment stays locked in the
copy for ever, so nothing that is imported here may start a thread.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pipeline

SINGLE_THREADED = {
    # OpenMP and OpenBLAS start their threads on import, or at the first product of matrices.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # The allocators of Arrow and of deltalake clean up in a thread of their own.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
"""The server's environment; a kernel has that of its request."""

STAGES = (
    (
        "numpy.random",
        "pandas",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "scipy.stats",
        "sklearn.compose",
        "sklearn.ensemble",
        "sklearn.impute",
        "sklearn.linear_model",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "skops.io",
        "joblib",
        "cloudpickle",
        "multiprocessing.pool",
        "threadpoolctl",
        "altair",
        "narwhals.stable.v1",
        "vl_convert",
        "deltalake",
        "duckdb",
        "IPython.core.completerlib",
        "IPython.core.debugger",
        "IPython.core.oinspect",
        "IPython.extensions.storemagic",
        "ipykernel.ipkernel",
        "ipykernel.kernelapp",
        "ipykernel.zmqshell",
        "matplotlib_inline.backend_inline",
        "tornado.platform.asyncio",
    ),
    ("tqdm.auto", "great_expectations", "great_expectations.expectations.expectation"),
)
"""Modules by stage; a kernel that is asked for between two stages has the first ones only."""

ABOVE = frozenset({"__main__", "cli", "kernels", "packaging", "publish", "runner"})
"""Modules of this package that no notebook imports."""


def stages() -> Iterator[int]:
    """Imports one stage after another, giving its number; the steps belong to the first."""
    _without_debugger()
    for number, names in enumerate(STAGES):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in names:
                _attempt(name)
            if not number:
                for name in _own_modules():
                    _attempt(name)
        if "tqdm" in sys.modules:
            # Great Expectations' progress bars would start a thread that watches over them.
            sys.modules["tqdm"].tqdm.monitor_interval = 0
        if number:
            _rehearse(_judging)
        yield number
        if not number:
            _rehearse(_describing)


def thread_names() -> list[str]:
    """Of this process, as the system calls them."""
    return [
        (task / "comm").read_text().strip() for task in sorted(Path("/proc/self/task").iterdir())
    ]


def _without_debugger() -> None:
    """Nobody sets breakpoints in a kernel that is run by papermill, and to get ready for them takes
    half of a kernel's start. A notebook can import debugpy itself.
    """
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    _attempt("ipykernel.debugger")
    del sys.modules["debugpy"]


def _own_modules() -> Iterator[str]:
    for found in pkgutil.iter_modules(pipeline.__path__):
        if found.name not in ABOVE:
            name = f"{pipeline.__name__}.{found.name}"
            yield name
            if found.ispkg:
                yield from _beneath(name)


def _beneath(package: str) -> Iterator[str]:
    imported = sys.modules.get(package)
    for found in pkgutil.iter_modules(getattr(imported, "__path__", ())):
        name = f"{package}.{found.name}"
        yield name
        if found.ispkg:
            yield from _beneath(name)


def _rehearse(what: Callable[[], None]) -> None:
    """Does once what is slow the first time."""
    try:
        what()
    except Exception as error:  # noqa: BLE001
        print(f"vigie: not all was made ready beforehand: {error!r}", file=sys.stderr)


def _describing() -> None:
    """Describes a chart, takes digests of what is installed, and asks the cases what they say."""
    import narwhals.stable.v1 as narwhals

    from pipeline.case import find_cases
    from pipeline.figures import rehearse
    from pipeline.store import project

    rehearse()
    # Libraries that know no table of theirs in it look for plugins, once a process.
    narwhals.dependencies.is_into_dataframe(object())
    project.code_version()
    project.lock_digest()
    for case in find_cases().values():
        case.prepare()


def _judging() -> None:
    """Has Great Expectations judge a small table."""
    from pipeline.suites import rehearse

    rehearse()


def _attempt(name: str) -> None:
    """What can't be imported is left to the notebook that wants it: there the error is seen."""
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001
        print(f"vigie: {name} was not imported beforehand: {error!r}", file=sys.stderr)
