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
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import psutil

from benchmarks.load import Measured, Plan, measure
from pipeline.case import find_case
from pipeline.keys import make_key
from pipeline.packaging.bundles import read_bundle
from pipeline.packaging.serving import service_files
from pipeline.store import Store

PEERS: Final = Path(__file__).parent / "peers"
PINS: Final = ("fastapi[standard]", "joblib", "pandas==3.1.1", "pyarrow", "scikit-learn==1.9.1")
SECONDS_TO_START: Final = 240
FREE: Final = {"VIGIE_RATE_PER_KEY": "1000000/second", "VIGIE_RATE_PER_ADDRESS": "1000000/second"}
"""Limits that are counted and never reached."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def peer_python() -> Path:
    """The plain service's environment, below the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "vigie-benchmarks" / "plain-service"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PINS], check=True)
        (folder / "ready").touch()
    return python


@contextmanager
def running(command: list[str], port: int, path: str, **options: Any) -> Iterator[int]:
    """A server that answers at `path`, ended afterwards."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, **options)
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    words = said.read()[-2000:].decode(errors="replace")
                    raise SystemExit(f"{command[:4]} did not come up. It said:\n{words}")
                time.sleep(0.3)
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


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
        python, model = str(peer_python()), str(work / "model.joblib")
        plain = [python, str(PEERS / "plain_service.py")]
        subprocess.run([*plain, "train", str(work / "frame.parquet"), model], check=True)
        keys = service_files(store)["keys"]
        _, key = make_key(keys, f"benchmark {time.time()}", ["predict"], now=datetime.now(UTC))
        ports = {name: free_port() for name in ("vigie", "plain", "bare")}
        environment = {**os.environ, **FREE, "OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}
        bentoml_home = {"BENTOML_HOME": str(work / "bentoml")}
        (work / "bentoml").mkdir()
        serve = [sys.executable, "-m", "pipeline", "serve", "--home", str(store.home)]
        servers = {
            "vigie": stack.enter_context(
                running(
                    [*serve, "--port", str(ports["vigie"])],
                    ports["vigie"],
                    "/readyz",
                    env=environment,
                )
            )
        }
        plain += ["serve", str(work / "frame.parquet"), model, str(ports["plain"])]
        servers["plain"] = stack.enter_context(
            running(plain, ports["plain"], "/docs", env=environment)
        )
        bare = [sys.executable, "-m", "bentoml", "serve", "bare_bentoml:Bare"]
        bare += ["--host", "127.0.0.1", "--port", str(ports["bare"])]
        servers["bare"] = stack.enter_context(
            running(bare, ports["bare"], "/readyz", cwd=PEERS, env={**environment, **bentoml_home})
        )
        header = {"Authorization": f"Bearer {key}"}
        plans: dict[str, Plan] = {}
        for size, connections in ((1, 32), (1000, 4)):
            sent = bodies(records, size)
            common: dict[str, Any] = {
                "bodies": sent,
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
        for plan in plans.values():
            measure(Plan(**{**vars(plan), "seconds": 1.0}))
        found: dict[str, list[Measured]] = {name: [] for name in plans}
        costs: dict[str, list[float]] = {name: [] for name in plans}
        for _ in range(repetitions):
            for name, plan in plans.items():
                pid = servers[name.split()[0]]
                before = _processor_seconds(pid)
                found[name].append(measure(plan))
                took = _processor_seconds(pid) - before
                costs[name].append(1000 * took / found[name][-1].calls)
        candidate = read_bundle(store.home / "serving" / "current" / "bikes").card.candidate
        print(json.dumps(_told(found, costs, candidate)))


def _processor_seconds(pid: int) -> float:
    parent = psutil.Process(pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _told(
    found: dict[str, list[Measured]], costs: dict[str, list[float]], candidate: str
) -> dict[str, Any]:
    def middle(name: str, what: str) -> float:
        return round(statistics.median(getattr(each, what) for each in found[name]), 2)

    told = {
        name: {
            "requests_per_second": middle(name, "per_second"),
            "p50_ms": middle(name, "p50_ms"),
            "p99_ms": middle(name, "p99_ms"),
            "processor_ms_a_call": round(statistics.median(costs[name]), 3),
            "failed": sum(each.failed for each in runs),
        }
        for name, runs in found.items()
    }
    ours, bare = (told[name]["processor_ms_a_call"] for name in ("vigie 1", "bare 1"))
    return {
        "benchmark": "serving",
        "champion": candidate,
        "measured": told,
        "ratio": round(middle("vigie 1", "per_second") / middle("plain 1", "per_second"), 2),
        "ratio_p99": round(middle("vigie 1", "p99_ms") / middle("plain 1", "p99_ms"), 3),
        "ratio_rows_in_batches": round(
            middle("vigie 1000", "per_second") / middle("plain 1000", "per_second"), 2
        ),
        "rows_per_second_in_batches": round(1000 * middle("vigie 1000", "per_second")),
        "our_share": round(max(0.0, 1 - bare / ours), 3),
        "ratio_to_bare_bentoml": round(
            middle("vigie 1", "per_second") / middle("bare 1", "per_second"), 2
        ),
    }


if __name__ == "__main__":
    main()
