"""How well plants are told apart, how long it takes, and how much of it is done once only.

`python -m benchmarks.plants --data DIR` reads DIR/plants/<class>/; without it, simulated pictures.
Every candidate that can run here is scored on the folds that 4-train uses, over the pictures that
are not held out. Nothing is tuned on a fold; a few choices, such as the size of the network, were
made once by looking at five folds of all real pictures. Kernels have one thread for OpenMP: run it
with OMP_NUM_THREADS=1 too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.case import Folders, find_case
from pipeline.pictures import StoredPicture
from pipeline.sources import Request
from pipeline.steps.backtest import Competitor, backtest

Work = Callable[[], pd.DataFrame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder with a subfolder plants/ of classes")
    parser.add_argument("--candidates", default="", help="names, comma-separated; default: all")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(measured(Path(home), asked.data, asked.candidates.split(","))))


def measured(home: Path, data: str | None, names: list[str]) -> dict[str, object]:
    """The line of JSON; seconds are of the clock and of the processor."""
    case = find_case("plants")
    rows, ingest = timed(lambda: table(home, data))
    folders = Folders(files=home / "files", cache=home / "cache")
    frame, first = timed(lambda: case.with_files(rows, folders))
    kept, again = reused(lambda: case.with_files(rows, folders), frame)
    now = datetime.now(UTC)
    folds = case.task.folds(
        frame, case.schema, count=case.windows.folds, length=case.windows.fold, end=now
    )
    found: dict[str, dict[str, float]] = {}
    for candidate in case.candidates:
        if candidate.missing() or (any(names) and candidate.name not in names):
            continue
        began = time.process_time()
        tested = backtest(
            Competitor(
                name=candidate.name,
                title=candidate.title,
                build=lambda build=candidate.build: build(0),
            ),
            case,
            frame,
            folds,
            seconds=time.monotonic,
        )
        found[candidate.name] = {
            "accuracy": round(tested.scores["accuracy"], 4),
            "accuracy_spread": round(tested.spread["accuracy"], 4),
            "log_loss": round(tested.scores["log_loss"], 4),
            "seconds": tested.seconds,
            "processor_seconds": round(time.process_time() - began, 1),
        }
        print(candidate.name, found[candidate.name], flush=True)
    best = min(found, key=lambda name: found[name]["log_loss"])
    return {
        "benchmark": "plants",
        "pictures": len(rows),
        "simulated": data is None,
        "folds": len(folds),
        "candidates": found,
        "left_out": {each.name: each.missing() for each in case.candidates if each.missing()},
        "champion": best,
        "champion_accuracy": found[best]["accuracy"],
        "seconds_of_ingest": round(ingest, 1),
        "seconds_of_features": round(first, 1),
        "seconds_of_features_again": round(again, 2),
        "features_reused": round(kept, 4),
    }


def table(home: Path, data: str | None) -> pd.DataFrame:
    case = find_case("plants")
    request = Request(
        schema=case.schema,
        folder=Path(data).expanduser() / "plants" if data else None,
        files=home / "files",
    )
    feed = case.source("files" if data else "sample").fetch(request)
    return pa.Table.from_batches(feed.batches, case.schema.arrow()).to_pandas()


def timed(work: Work) -> tuple[pd.DataFrame, float]:
    began = time.monotonic()
    found = work()
    return found, time.monotonic() - began


def reused(work: Work, frame: pd.DataFrame) -> tuple[float, float]:
    """Share of pictures whose features were not computed again, and the seconds that it took."""
    computed = []
    pixels = StoredPicture.pixels
    StoredPicture.pixels = lambda self: computed.append(self.sha256) or pixels(self)
    try:
        _, seconds = timed(work)
    finally:
        StoredPicture.pixels = pixels
    return 1 - len(set(computed)) / len(frame), seconds


if __name__ == "__main__":
    main()
