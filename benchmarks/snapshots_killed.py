"""Pushes to an S3 server on the loopback address, each killed at a random moment.

    python -m benchmarks.snapshots_killed [--pushes 200]

After each kill every snapshot that is there must be whole. At the end one push that nobody kills
is pulled into another home, which must equal the first. Needs moto (development requirements).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BUCKET = "vigie-killed"
ADDRESS = f"s3://{BUCKET}/state"
LONGEST = 0.4
"""Seconds after which the latest kill comes; a push takes about a third of a second."""
FORK = multiprocessing.get_context("fork")


def serve(port: Any) -> None:
    from moto.server import ThreadedMotoServer

    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port.send(server.get_host_and_port()[1])
    signal.pause()


def silent(_: str) -> None:
    """What a command would print."""


def push_once(home: Path) -> None:
    from pipeline.snapshots.moving import push
    from pipeline.snapshots.places import open_place

    push(home, open_place(ADDRESS), now=datetime.now(UTC), say=silent)


def look() -> None:
    from pipeline.snapshots.keeping import verify
    from pipeline.snapshots.places import open_place

    found = verify(open_place(ADDRESS), say=silent)
    if found.damaged:
        raise SystemExit(json.dumps(found.damaged))


def pull_once(home: Path) -> None:
    from pipeline.snapshots.moving import pull
    from pipeline.snapshots.places import open_place

    pull(home, open_place(ADDRESS), number=None, replace=False, say=silent)


def make_bucket() -> None:
    import s3fs

    s3fs.S3FileSystem().mkdir(BUCKET)


def in_child(work: Callable[..., None], *arguments: Any, seconds: float | None = None) -> int:
    """Exit code of the work in a process of its own; killed after `seconds`."""
    child = FORK.Process(target=work, args=arguments)
    child.start()
    child.join(seconds)
    if child.is_alive() and child.pid:
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    return int(child.exitcode or 0)


def files_of(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "locks" not in path.parts and not path.name.startswith(".snapshot")
    }


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pushes", type=int, default=200)
    given.add_argument("--seed", type=int, default=0)
    asked = given.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = FORK.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ours.recv()}",
    }
    if in_child(make_bucket):
        raise SystemExit("the bucket could not be made")
    # Imported before the forks, so that a push is work and not imports; no thread is started yet.
    import s3fs  # noqa: F401

    import pipeline.snapshots.keeping
    import pipeline.snapshots.moving  # noqa: F401

    chance = random.Random(asked.seed)
    killed, damaged, began = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home, other = Path(folder) / "home", Path(folder) / "other"
        for number in range(asked.pushes):
            target = home / "runs" / "bikes" / str(number) / "record.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(chance.randbytes(20_000))
            killed += in_child(push_once, home, seconds=chance.uniform(0, LONGEST)) < 0
            damaged += in_child(look) != 0
        wanted = files_of(home)
        last = in_child(push_once, home)
        pulled = in_child(pull_once, other)
        equal = last == 0 and pulled == 0 and files_of(other) == wanted
    server.terminate()
    print(
        json.dumps(
            {
                "benchmark": "snapshots_killed",
                "pushes": asked.pushes,
                "killed": killed,
                "damaged": damaged,
                "last_push_is_what_pull_brings": equal,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
