"""schemathesis over the OpenAPI document of a running service, all checks.

But one: where files are sent it isn't checked that whatever fits the document is taken, since no
schema can say what a picture is.

`python -m benchmarks.fuzz --cases 5000` starts `vigie serve --open` on a home with a champion and
prints how many cases were tried and what was found, as one JSON line.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import click

from benchmarks.servers import free_port, running
from benchmarks.serving import FREE, trained

MOST_SHOWN = 500
"""Characters of a line: some show a whole body."""


def _paths(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/openapi.json") as answer:
        found: dict[str, Any] = json.load(answer)["paths"]
    return found


def _operations(address: str) -> int:
    """How many the document has: schemathesis counts examples by operation."""
    return sum(len(methods) for methods in _paths(address).values())


def _config(address: str) -> str:
    """No schema can say which text is a picture: where files are sent, that what fits is taken is
    not checked.
    """
    return "".join(
        f'[[operations]]\ninclude-name = "POST {path}"\n'
        "checks.positive_data_acceptance.enabled = false\n"
        for path, methods in _paths(address).items()
        if "multipart/form-data" in json.dumps(methods.get("post", {}))
    )


@click.command()
@click.option("--cases", default=5000, show_default=True, help="At least so many.")
@click.option("--home", type=click.Path(path_type=Path), help="A home with a champion of bikes.")
def main(cases: int, home: Path | None) -> None:
    """Print the outcome."""
    with tempfile.TemporaryDirectory() as folder:
        store = trained(home or Path(folder) / "home")
        port = free_port()
        command = [sys.executable, "-m", "pipeline", "serve", "--home", str(store.home), "--open"]
        environment = {**os.environ, **FREE, "OMP_NUM_THREADS": "1"}
        with running([*command, "--port", str(port)], port, "/readyz", env=environment):
            address = f"http://127.0.0.1:{port}"
            Path(folder, "schemathesis.toml").write_text(_config(address))
            each = math.ceil(cases / _operations(address))
            ran = subprocess.run(
                [
                    str(Path(sys.executable).with_name("schemathesis")),
                    *("run", f"{address}/openapi.json"),
                    # All checks are on by default; naming them would overrule the file above.
                    *("--url", address, "--max-examples", str(each)),
                    *("--seed", "1", "--continue-on-failure", "--no-color"),
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
            )
        found = re.search(r"([\d,]+) generated", ran.stdout)
        for line in ran.stdout.splitlines():
            print(line[:MOST_SHOWN], file=sys.stderr)
        print(
            json.dumps(
                {
                    "benchmark": "fuzz",
                    "cases": int(found[1].replace(",", "")) if found else 0,
                    "passed": ran.returncode == 0,
                }
            )
        )


if __name__ == "__main__":
    main()
