"""A notebook that imports what 2-validate and 4-train import: engine `warm` against papermill's.

`python -m benchmarks.kernels` executes it in turn by both, in the same process, and prints one JSON
line: the seconds of each, the server's seconds until its first kernel and until all is imported,
and `ratio`, the median of ours over the median of theirs.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

CELLS = (
    """
from pipeline.options import TrainOptions, ValidateOptions
from pipeline.steps.run import open_run
from pipeline.steps.train import train
from pipeline.steps.validate import validate
import altair, duckdb, great_expectations, joblib, numpy, pandas, pyarrow.dataset, pyarrow.parquet
import deltalake, scipy.stats, skops.io, vl_convert
from great_expectations.expectations import expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
""",
    "pandas.DataFrame({'value': numpy.arange(5.0)})",
    "import sys; len(sys.modules)",
)
"""The opening of both notebooks, and what their steps import when they are called."""

COMPILES = "PYTHONDONTWRITEBYTECODE"


def write_notebook(path: Path) -> None:
    """The notebook that both execute."""
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    cells = [new_code_cell(cell.strip()) for cell in CELLS]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 3)


def imported_everything(path: Path) -> bool:
    """Whether the server has imported all that it will."""
    import papermill

    from pipeline.kernels.preload import STAGES

    last = path.with_name("last.ipynb")
    cell = new_code_cell(f"import sys; {STAGES[-1][-1]!r} in sys.modules")
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": kernel}), last)
    done = papermill.execute_notebook(last, None, engine_name="warm", progress_bar=False)
    return str(done.cells[0].outputs[0].data["text/plain"]) == "True"


def measure(path: Path, repetitions: int) -> dict[str, object]:
    """Both in turn, after one execution of each that isn't counted."""
    import papermill

    def execute(engine: str | None) -> None:
        output = path.with_name(f"{engine}.ipynb")
        papermill.execute_notebook(
            path, output, engine_name=engine, kernel_name="python3", progress_bar=False
        )

    began = time.monotonic()
    first = seconds_of(lambda: execute("warm"))
    while not imported_everything(path):
        time.sleep(0.1)
    ready = round(time.monotonic() - began, 3)
    execute(None)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(repetitions):
        theirs.append(seconds_of(lambda: execute(None)))
        ours.append(seconds_of(lambda: execute("warm")))
    return {
        "benchmark": "kernels",
        "measured": "seconds of one papermill.execute_notebook, interleaved, medians",
        "ours": {"engine": "warm", "median": statistics.median(ours), "all": ours},
        "theirs": {"engine": "papermill", "median": statistics.median(theirs), "all": theirs},
        "server": {"seconds_of_first_notebook": first, "seconds_until_all_imported": ready},
        "repetitions": repetitions,
        "cores": os.cpu_count(),
        "ratio": round(statistics.median(ours) / statistics.median(theirs), 4),
    }


@click.command()
@click.option("--repetitions", default=7, show_default=True, help="Executions of each engine.")
def main(repetitions: int) -> None:
    """Print the seconds of both engines as one JSON line."""
    if os.environ.pop(COMPILES, None):
        # Both sides use compiled modules, as they do where this is not set.
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.kernels", *sys.argv[1:]])
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "imports.ipynb")
        write_notebook(path)
        print(json.dumps(measure(path, repetitions)))


if __name__ == "__main__":
    main()
