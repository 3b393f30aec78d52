"""How fast the service answers, beside a plain service of the same forecast and a bare BentoML.

`python -m benchmarks.serving` trains on simulated counters, starts `vigie serve` with keys, limits
and call log on, a FastAPI + joblib + pandas + random forest service of the same data (in an
environment of its own, made once) and a BentoML API that returns a constant, and loads them in
turn from another process on loopback. `ratio` is requests per second over requests per second.

`our_share` is the part of a call's processor time that comes on top of a bare BentoML endpoint's:
1 - bare / ours, and 0 where our call costs less, since it is answered before BentoML's router.
Processor time is that of all processes of a server, so what else runs on the machine hardly counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.load import Plan
from benchmarks.loaded import Loads, loaded
from benchmarks.servers import free_port, peer_python, running
from pipeline.case import find_case
from pipeline.keys import make_key
from pipeline.packaging.bundles import read_bundle
from pipeline.packaging.serving import service_files
from pipeline.store import Store

PEERS: Final = Path(__file__).parent / "peers"
FREE: Final = {"VIGIE_RATE_PER_KEY": "1000000/second", "VIGIE_RATE_PER_ADDRESS": "1000000/second"}
"""Limits that are counted and never reached."""


def trained(home: Path) -> Store:
    """A home with a champion: the boosted trees, on simulated counters."""
    store = Store(home=home)
    if store.champion("bikes") is None:
        command = [sys.executable, "-m", "pipeline", "run", "bikes", "--home", str(home)]
        chosen = ["--set", "folds=1", "--set", "candidates=boosting"]
        subprocess.run([*command, *chosen], check=True, stdout=subprocess.DEVNULL)
    return store


def write_frame(store: Store, path: Path) -> list[dict[str, str]]:
    """The past of the plain service, features computed, and the records that can be asked."""
    import pandas as pd
    import pyarrow.parquet as pq

    from pipeline.packaging import export_champions
    from pipeline.tasks.lookup import PastLookup, frame_of

    case = find_case("bikes")
    with tempfile.TemporaryDirectory() as folder:
        (bundle,) = export_champions(store, Path(folder) / "out", cases={"bikes": case})
        history = pq.read_table(bundle.history_path).to_pandas()
        observed = pq.read_table(bundle.observations_path()).to_pandas()
    lookup = case.task.lookup(history, case.schema)
    assert isinstance(lookup, PastLookup)
    values = lookup.values()
    records = [{"counter": c, "time": t} for t in values["time"] for c in values["counter"]]
    asked = pd.DataFrame(records)
    times = pd.to_datetime(asked["time"], utc=True).dt.tz_localize(None)
    ahead = frame_of(
        lookup(
            {
                "counter": asked["counter"].to_numpy(dtype=object),
                "time": times.to_numpy("datetime64[us]"),
            }
        )
    )
    whole = pd.concat([case.task.frame(observed, case.schema), ahead], ignore_index=True)
    whole.to_parquet(path)
    return records


def bodies(records: list[dict[str, str]], size: int) -> list[str]:
    """Sixty-four calls, each with other records first."""
    many = records * (1 + (size + 64) // len(records))
    return [json.dumps({"records": many[place : place + size]}) for place in range(64)]


@click.command()
@click.option("--seconds", default=5.0, show_default=True, help="Of load, each time.")
@click.option("--repetitions", default=3, show_default=True)
@click.option("--home", type=click.Path(path_type=Path), help="A home with a champion of bikes.")
def main(seconds: float, repetitions: int, home: Path | None) -> None:
    """Measure all in turn, and print one JSON line."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = trained(home or work / "home")
        records = write_frame(store, work / "frame.parquet")
        keys = service_files(store)["keys"]
        _, key = make_key(keys, f"benchmark {time.time()}", ["predict"], now=datetime.now(UTC))
        servers = _started(stack, store, work)
        plans = _plans(servers, records, key, seconds)
        found = loaded({name: pid for name, (pid, _) in servers.items()}, plans, repetitions)
        candidate = read_bundle(store.home / "serving" / "current" / "bikes").card.candidate
        print(json.dumps(_told(found, candidate)))


def _started(stack: ExitStack, store: Store, work: Path) -> dict[str, tuple[int, int]]:
    """The three servers: process and port, by name."""
    python, model, frame = (
        str(peer_python()),
        str(work / "model.joblib"),
        str(work / "frame.parquet"),
    )
    plain = [python, str(PEERS / "plain_service.py")]
    subprocess.run([*plain, "train", frame, model], check=True)
    environment = {**os.environ, **FREE, "OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}
    (work / "bentoml").mkdir()
    bare = {"cwd": PEERS, "env": {**environment, "BENTOML_HOME": str(work / "bentoml")}}
    ports = {name: free_port() for name in ("vigie", "plain", "bare")}
    port = {name: str(number) for name, number in ports.items()}
    vigie = [sys.executable, "-m", "pipeline", "serve", "--home", str(store.home)]
    bentoml = [sys.executable, "-m", "bentoml", "serve", "bare_bentoml:Bare"]
    commands: dict[str, tuple[list[str], str, dict[str, Any]]] = {
        "vigie": ([*vigie, "--port", port["vigie"]], "/readyz", {"env": environment}),
        "plain": ([*plain, "serve", frame, model, port["plain"]], "/docs", {"env": environment}),
        "bare": ([*bentoml, "--host", "127.0.0.1", "--port", port["bare"]], "/readyz", bare),
    }
    return {
        name: (
            stack.enter_context(running(command, ports[name], path, **options)),
            ports[name],
        )
        for name, (command, path, options) in commands.items()
    }


def _plans(
    servers: dict[str, tuple[int, int]], records: list[dict[str, str]], key: str, seconds: float
) -> dict[str, Plan]:
    """What is measured, by server and records of a call."""
    header = {"Authorization": f"Bearer {key}"}
    ports = {name: port for name, (_, port) in servers.items()}
    plans: dict[str, Plan] = {}
    for size, connections in ((1, 32), (1000, 4)):
        common: dict[str, Any] = {
            "bodies": bodies(records, size),
            "connections": connections,
            "seconds": seconds,
        }
        plans[f"vigie {size}"] = Plan(
            port=ports["vigie"], path="/v1/bikes/predict", headers=header, **common
        )
        plans[f"plain {size}"] = Plan(port=ports["plain"], path="/predict", **common)
    plans["bare 1"] = Plan(
        port=ports["bare"], path="/predict", bodies=bodies(records, 1), seconds=seconds
    )
    return plans


def _told(found: Mapping[str, Loads], candidate: str) -> dict[str, Any]:
    told = {name: loads.told() for name, loads in found.items()}

    def ratio(one: str, other: str) -> float:
        return round(found[one].middle("per_second") / found[other].middle("per_second"), 2)

    ours, bare = (told[name]["processor_ms_a_call"] for name in ("vigie 1", "bare 1"))
    return {
        "benchmark": "serving",
        "champion": candidate,
        "measured": told,
        "ratio": ratio("vigie 1", "plain 1"),
        "ratio_p99": round(
            found["vigie 1"].middle("p99_ms") / found["plain 1"].middle("p99_ms"), 3
        ),
        "ratio_rows_in_batches": ratio("vigie 1000", "plain 1000"),
        "rows_per_second_in_batches": round(1000 * found["vigie 1000"].middle("per_second")),
        "our_share": round(max(0.0, 1 - bare / ours), 3),
        "ratio_to_bare_bentoml": ratio("vigie 1", "bare 1"),
    }


if __name__ == "__main__":
    main()
