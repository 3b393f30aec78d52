"""A Bento in an environment that holds nothing but what the Bento pins.

`python -m benchmarks.pinned` packs the champions of a home, installs the Bento's requirements into
an environment of its own, serves the Bento from there, asks every case for the example of its model
card, and compares the answers with those of this checkout. It tells how long the first start and
an answer took.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import click

from benchmarks.environments import environment
from benchmarks.servers import free_port, running
from benchmarks.serving import trained
from bento.asking import ask
from bento.trial import same
from pipeline.case import find_cases
from pipeline.packaging import pack
from pipeline.packaging.bundles import read_bundles
from pipeline.store import Store


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="A home with champions.")
def main(home: Path | None) -> None:
    """Print one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        store = Store(home=home) if home else trained(work / "home")
        packed = pack(store)
        pins = (packed.path / "env" / "python" / "requirements.txt").read_text().splitlines()
        programs = environment("bento-from-pins", *[pin for pin in pins if pin.strip()])
        port = free_port()
        command = [str(programs / "bentoml"), "serve", str(packed.path), "--port", str(port)]
        chosen = {"BENTOML_HOME": folder, "BENTOML_DO_NOT_TRACK": "true", "VIGIE_OPEN": "true"}
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        began = time.monotonic()
        with running(command, port, "/readyz", cwd=work, env={**inherited, **chosen}):
            seconds = time.monotonic() - began
            bundles = read_bundles(packed.path / "src" / "champions")
            answers = {bundle.card.case: _asked(port, bundle.card) for bundle in bundles}
        expected = {
            name: ask(store, find_cases()[name], [record], None)["predictions"]
            for name, (record, _, _) in answers.items()
        }
    print(
        json.dumps(
            {
                "benchmark": "pinned",
                "packages": len(pins),
                "seconds_to_start": round(seconds, 1),
                "cases": {
                    name: {"milliseconds": took, "as_in_the_checkout": same(found, expected[name])}
                    for name, (_, found, took) in answers.items()
                },
            }
        )
    )


def _asked(port: int, card: Any) -> tuple[Any, list[dict[str, Any]], float]:
    """The record, the predictions of a second call, and how long that took."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/{card.case}/predict",
        data=json.dumps({"records": [card.example]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    for _ in range(2):
        began = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            found = json.load(answer)["predictions"]
        took = round(1000 * (time.perf_counter() - began), 2)
    return card.example, found, took


if __name__ == "__main__":
    main()
