"""A home folder in which the toy case has a champion, as the steps would have left it."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import uvicorn
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from starlette.types import ASGIApp

from bento.app import create_app
from bento.connections import protocol
from pipeline.case import Case
from pipeline.intervals import LevelConformal
from pipeline.models import dump_model
from pipeline.packaging import export_champions
from pipeline.packaging.settings import Settings
from pipeline.records import (
    CandidateScores,
    DriftRecord,
    EvaluateRecord,
    FittedModel,
    IngestRecord,
    ModelRef,
    PromoteRecord,
    TableVersion,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.store import Store
from pipeline.store.atomic import write_bytes

START = datetime(2021, 3, 1, tzinfo=UTC)
HOURS = 24 * 7
RUN = "20210308T000000-aaaa"
INTERVALS = LevelConformal(level=0.9, edges=(50.0,), low=(-20.0, -30.0), high=(25.0, 35.0))


def toy_case() -> Case:
    name = "toy_case_of_the_service_tests"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).parents[1] / "bento" / "toy.py"
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    case: Case = sys.modules[name].CASE
    return case


def observations() -> pa.Table:
    rows = [
        {"counter": counter, "hour": START + timedelta(hours=step), "count": base + step % 24}
        for counter, base in (("north", 10.0), ("south", 60.0))
        for step in range(HOURS)
    ]
    return pa.Table.from_pylist(rows, schema=toy_case().schema.arrow())


def fitted(alpha: float = 1.0) -> Any:
    rows = observations().to_pandas()
    frame = pd.DataFrame({"counter": rows["counter"], "clock": rows["hour"].dt.hour.astype(float)})
    columns = ColumnTransformer(
        [("counter", OneHotEncoder(handle_unknown="ignore"), ["counter"])], remainder="passthrough"
    )
    return make_pipeline(columns, Ridge(alpha=alpha)).fit(frame, rows["count"])


def promote(store: Store, run_id: str = RUN, alpha: float = 1.0, simulated: bool = True) -> None:
    """Writes the records and the model of one run that ended with a promotion."""
    case = toy_case()
    content = dump_model(fitted(alpha))
    write_bytes(store.run_folder("toy", run_id) / "train" / "model.skops", content)
    end = START + timedelta(hours=HOURS)
    common: dict[str, Any] = {
        "case": "toy",
        "run_id": run_id,
        "source": "sample" if simulated else "files",
        "as_of": end,
        "started": end,
        "finished": end,
        "code_version": "0",
        "lock_digest": "0",
        "parameters": {},
        "sentence": "It is so.",
    }
    version = store.table("toy", "observations").merge(observations(), case.schema).version
    read = TableVersion(table="observations", version=version, rows=2 * HOURS)
    window = Window(start=START, end=end, rows=2 * HOURS)
    scores = {"rmse": 1.5}
    champion = FittedModel(
        ref=ModelRef(
            candidate="ridge",
            run_id=run_id,
            path="train/model.skops",
            sha256=hashlib.sha256(content).hexdigest(),
            learned=window,
        ),
        calibration=INTERVALS,
        backtest=scores,
        worst_fold=2.0,
    )
    store.write_record(
        IngestRecord(
            **common,
            publisher="Nobody",
            licence="CC0",
            address="",
            simulated=simulated,
            note="",
            parts=(),
            read=1,
            not_yet_known=0,
            outside_days=0,
            duplicates=0,
            conflicting=0,
            inserted=1,
            updated=0,
            unchanged=0,
            withdrawn=0,
            revisions=(),
            oldest=START,
            newest=end,
            observations=read,
        )
    )
    failing = observations().slice(HOURS - 1, 1).append_column("copy", pa.array([0], pa.int64()))
    quarantine = store.table("toy", "quarantine").replace(failing)
    store.write_record(
        ValidateRecord(
            **common,
            inputs=(read,),
            suite_sha256="0",
            findings=(),
            rows=2 * HOURS,
            quarantined=1,
            most_quarantined=0.1,
            quarantine=TableVersion(table="quarantine", version=quarantine, rows=1),
        )
    )
    candidate = CandidateScores(
        name="ridge",
        title="Ridge regression",
        baseline=False,
        not_eligible="",
        folds=(),
        scores=scores,
        spread=scores,
        skill=0.5,
        seconds=0.1,
    )
    store.write_record(
        TrainRecord(
            **common,
            primary="rmse",
            candidates=(candidate,),
            challenger=champion,
            baseline=champion,
        )
    )
    store.write_record(
        DriftRecord(
            **common,
            reference=window,
            current=window,
            alpha=0.05,
            columns=(),
            champion_error=None,
            expected_error=None,
            worst_expected_error=None,
        )
    )
    store.write_record(
        EvaluateRecord(
            **common,
            primary="rmse",
            held_out=window,
            systems=(),
            subject="champion",
            comparisons={},
            segments=(),
        )
    )
    store.write_record(
        PromoteRecord(
            **common,
            inputs=(read,),
            action="promote",
            champion=champion,
            scores=scores,
            baseline_scores=scores,
            primary="rmse",
        )
    )


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The service on a real socket, without BentoML around it."""

    client: httpx.Client
    store: Store
    settings: Settings
    folder: Path


@contextmanager
def serving(folder: Path, **chosen: Any) -> Iterator[Serving]:
    """Serves the toy champion; `chosen` are settings beside those that name its files."""
    store = Store(home=folder / "home")
    promote(store)
    cases = {"toy": toy_case()}
    export_champions(store, folder / "champions", cases=cases)
    files = {
        "champions": folder / "champions",
        "keys": folder / "keys.json",
        "calls": folder / "calls.db",
    }
    settings = Settings(**{**files, **chosen})
    with answering(create_app(settings, cases), settings) as client:
        yield Serving(client=client, store=store, settings=settings, folder=folder)


@contextmanager
def answering(app: ASGIApp, settings: Settings | None = None) -> Iterator[httpx.Client]:
    """An application on a real socket, its connections as those of the service."""
    connections = protocol(settings or Settings())
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="critical", ws="none", http=connections, timeout_graceful_shutdown=5
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 90
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            yield client
        server.should_exit = True
        thread.join(timeout=10)
