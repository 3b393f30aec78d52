"""What a picture costs the service, and whether calls answered together would cost less.

`python -m benchmarks.pictures` trains on drawn pictures (or takes a home), and loads in turn, from
another process on loopback, `vigie serve` and the same champion behind BentoML's own router, with
its adaptive batching and without. Each call brings one picture, a JPEG of 500 x 375 pixels, or of
4000 x 3000 where costs are told. `ratio` is requests per second with batching over those of
`vigie serve`, at 32 connections; `ratio_of_batching` over the same router without batching.

`costs` are milliseconds of processor time a picture: to decode it, for its features, and for the
model to answer alone or among others. If batches paid, a picture among 32 would cost clearly less.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from benchmarks.load import Plan
from benchmarks.loaded import Loads, loaded
from benchmarks.servers import free_port, running
from benchmarks.serving import FREE
from bento.champion import Champion
from bento.loading import load_champion
from pipeline.case import find_case
from pipeline.keys import make_key
from pipeline.packaging import export_champions
from pipeline.packaging.serving import service_files
from pipeline.packaging.settings import Settings
from pipeline.pictures import decoded
from pipeline.store import Store

CASE: Final = "plants"
PICTURES: Final = 64
CONNECTIONS: Final = (8, 32)
SIZE: Final = (500, 375)
LARGE: Final = (4000, 3000)


def drawn(seed: int, size: tuple[int, int]) -> bytes:
    """A JPEG with smooth shapes and some noise, as photographs have."""
    from PIL import Image

    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    rough = random.normal(0, 8, (size[1], size[0], 1))
    pixels = np.clip(smooth + rough, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def trained(home: Path) -> Store:
    """A home with a champion of pictures."""
    store = Store(home=home)
    if store.champion(CASE) is None:
        command = [sys.executable, "-m", "pipeline", "run", CASE, "--home", str(home)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return store


def costs(champion: Champion, pictures: Sequence[bytes]) -> dict[str, float]:
    """Milliseconds of processor time a picture."""
    large = drawn(0, LARGE)
    texts = [base64.b64encode(picture).decode("ascii") for picture in pictures]
    found = {
        "decode": _spent(lambda: [decoded(each) for each in pictures]) / len(pictures),
        "decode_12_megapixels": _spent(lambda: decoded(large)),
    }
    records = [champion.body.model_validate({"records": [_record(champion, t)]}) for t in texts]
    asked = [body.records[0] for body in records]  # type: ignore[attr-defined]
    for size in (1, 8, 32):
        parts = [asked[at : at + size] for at in range(0, len(asked), size)]
        spent = _spent(lambda parts=parts: [champion.answer(part) for part in parts])  # type: ignore[misc]
        found[f"whole_answer_among_{size}"] = spent / len(pictures)
    return {name: round(value, 2) for name, value in found.items()}


def _record(champion: Champion, text: str) -> dict[str, str]:
    return {str(champion.upload): text}


def _spent(work: Callable[[], Any], repetitions: int = 3) -> float:
    """The least of some times, in milliseconds of this process."""
    work()
    times = []
    for _ in range(repetitions):
        before = time.process_time()
        work()
        times.append(1000 * (time.process_time() - before))
    return min(times)


@click.command()
@click.option("--seconds", default=5.0, show_default=True, help="Of load, each time.")
@click.option("--repetitions", default=3, show_default=True)
@click.option("--home", type=click.Path(path_type=Path), help="A home with a champion of plants.")
def main(seconds: float, repetitions: int, home: Path | None) -> None:
    """Measure all in turn, and print one JSON line."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = trained(home or work / "home")
        case = find_case(CASE)
        (bundle,) = export_champions(store, work / "champions", cases={CASE: case})
        pictures = [drawn(seed, SIZE) for seed in range(PICTURES)]
        champion = load_champion(bundle, case, Settings(most_files=32))
        told = costs(champion, pictures)
        champion.close()
        servers = _started(stack, store, work)
        plans = _plans(servers, store, pictures, seconds)
        found = loaded({name: pid for name, (pid, _) in servers.items()}, plans, repetitions)
        print(json.dumps(_told(found, told, bundle.card.candidate)))


def _started(stack: ExitStack, store: Store, work: Path) -> dict[str, tuple[int, int]]:
    """Process and port of each server, by name."""
    environment = {
        **os.environ,
        **FREE,
        "OMP_NUM_THREADS": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(work / "bentoml"),
        "PICTURES_CASE": CASE,
    }
    (work / "bentoml").mkdir()
    ports = {name: free_port() for name in ("vigie", "batched", "single")}
    vigie = [sys.executable, "-m", "pipeline", "serve", "--home", str(store.home)]
    commands = {"vigie": [*vigie, "--port", str(ports["vigie"])]}
    for name, service in (("batched", "Batched"), ("single", "Single")):
        target = f"benchmarks.peers.picture_batches:{service}"
        bentoml = [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1"]
        commands[name] = [*bentoml, "--port", str(ports[name])]
    other = environment | {"VIGIE_CHAMPIONS": str(work / "champions")}
    return {
        name: (
            stack.enter_context(
                running(
                    command, ports[name], "/readyz", env=environment if name == "vigie" else other
                )
            ),
            ports[name],
        )
        for name, command in commands.items()
    }


def _plans(
    servers: dict[str, tuple[int, int]], store: Store, pictures: Sequence[bytes], seconds: float
) -> dict[str, Plan]:
    keys = service_files(store)["keys"]
    _, key = make_key(keys, f"benchmark {time.time()}", ["predict"], now=datetime.now(UTC))
    texts = [base64.b64encode(each).decode("ascii") for each in pictures]
    plans: dict[str, Plan] = {}
    for connections in CONNECTIONS:
        common: dict[str, Any] = {"connections": connections, "seconds": seconds}
        plans[f"vigie {connections}"] = Plan(
            port=servers["vigie"][1],
            path=f"/v1/{CASE}/predict",
            headers={"Authorization": f"Bearer {key}"},
            bodies=[json.dumps({"records": [{"picture": text}]}) for text in texts],
            **common,
        )
        bodies = [json.dumps({"pictures": [text]}) for text in texts]
        for name in ("batched", "single"):
            plans[f"{name} {connections}"] = Plan(
                port=servers[name][1], path="/predict", bodies=bodies, **common
            )
    return plans


def _told(found: Mapping[str, Loads], costs: dict[str, float], candidate: str) -> dict[str, Any]:
    most = CONNECTIONS[-1]
    batched, ours, single = (
        found[f"{name} {most}"].middle("per_second") for name in ("batched", "vigie", "single")
    )
    return {
        "benchmark": "pictures",
        "champion": candidate,
        "costs": costs,
        "measured": {name: loads.told() for name, loads in found.items()},
        "ratio": round(batched / ours, 2),
        "ratio_of_batching": round(batched / single, 2),
    }


if __name__ == "__main__":
    main()
