"""How much models learn from more rows, and from rows of all groups or of whole ones.

`python -m benchmarks.bounds` generates cars in the EEA's layout, holds a quarter of the type
approvals back, fits candidates of the vehicles case on rows of the others, drawn as a case's bound
draws them, and prints one JSON line: for each number of rows the error on the cars held back, the
groups among the rows, and processor seconds of the fit. `ratio` is the first candidate's error with
the default bound, or the largest asked for below it, over that with the most rows.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.eea import write_csv
from pipeline.bounds import Drawn, limit_of
from pipeline.case import Case, find_case
from pipeline.errors import CaseError
from pipeline.sources import Request
from pipeline.steps.backtest import fitted
from pipeline.tasks.divisions import Division

MOST_TESTED = 20_000
WAYS = {"rows": (), "whole approvals": ("approval",)}


def cars(case: Case, folder: Path, rows: int) -> pa.Table:
    """Those that are told rightly, as the case's expectations would leave them."""
    write_csv(folder / "generated_eea.csv", rows)
    feed = case.source("files").fetch(Request(schema=case.schema, folder=folder))
    table = pa.Table.from_batches(feed.batches, case.schema.arrow())
    right = pc.and_(pc.greater(table["mass"], 500), pc.less(table["co2"], 290))
    return table.filter(pc.and_(right, pc.not_equal(table["fuel"], "WATER")))


def learned(case: Case, name: str, some: pa.Table, tested: pa.Table) -> dict[str, float]:
    """Error in g/km on the tested cars, and processor seconds."""
    rows, truth = some.to_pandas(), some["co2"].to_numpy()
    began = time.process_time()
    model = fitted(lambda: case.candidate(name).build(0), rows, truth, cores=1)
    seconds = time.process_time() - began
    errors = model.predict(tested.to_pandas()) - tested["co2"].to_numpy()
    return {"rmse": round(float(np.sqrt(np.mean(errors**2))), 3), "cpu_seconds": round(seconds, 2)}


def drawn(case: Case, rows: pa.Table, bound: Drawn) -> pa.Table | None:
    """The rows that take part; `None` where none do, since too many belong together."""
    marks = bound.marks(rows, case.schema)
    try:
        limit = limit_of(marks, bound.most)
    except CaseError:
        return None
    return rows if limit is None else rows.filter(pa.array(marks <= np.uint64(limit)))


def measured(
    case: Case, table: pa.Table, names: list[str], sizes: list[int]
) -> list[dict[str, Any]]:
    """One entry for each size, way to draw and candidate."""
    side = Division(groups=("approval",), held_out=0.25).side(table.to_pandas(), case.schema)
    known, tested = table.filter(pa.array(~side)), table.filter(pa.array(side))
    tested = tested.slice(0, MOST_TESTED)
    found = []
    for most in sizes:
        for way, whole in WAYS.items():
            some = drawn(case, known, Drawn(most=most, whole=whole))
            if some is None:
                continue
            told = {"most": most, "drawn": way, "rows": some.num_rows}
            told["approvals"] = len(some["approval"].unique())
            found += [
                {"candidate": name, **told, **learned(case, name, some, tested)} for name in names
            ]
    return found


@click.command()
@click.option("--rows", default=800_000, show_default=True, help="Cars that are generated.")
@click.option("--sizes", default="10000,50000,100000,200000,400000", show_default=True)
@click.option("--candidates", default="boosting,forest,linear", show_default=True)
def main(rows: int, sizes: str, candidates: str) -> None:
    """Print what was measured as one JSON line."""
    case, wanted = find_case("vehicles"), [int(size) for size in sizes.split(",")]
    names = candidates.split(",")
    with tempfile.TemporaryDirectory() as work:
        table = cars(case, Path(work), rows)
    found = measured(case, table, names, wanted)
    default = max((size for size in wanted if size <= Drawn().most), default=min(wanted))
    error = {
        one["most"]: one["rmse"]
        for one in found
        if one["candidate"] == names[0] and one["drawn"] == "rows"
    }
    print(
        json.dumps(
            {
                "benchmark": "bounds",
                "rows": table.num_rows,
                "ratio": round(error[default] / error[max(wanted)], 3),
                "measured": found,
            }
        )
    )


if __name__ == "__main__":
    main()
