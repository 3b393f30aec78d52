"""Keeps the site of a home up to date while somebody works, and shows it in the browser.

It is made again when something that it rests on has changed.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import VigieError
from pipeline.publish.serving import Edition, served
from pipeline.saying import Say
from pipeline.store import project

LOOK_EVERY = 1.0
"""Seconds between two looks at the home."""
NEWEST = 50
"""Runs of a case whose steps are looked at, and not the run as a whole alone."""
Print = tuple[tuple[str, int, int], ...]


def watch(
    make: Callable[[], str], home: Path, output: Path, *, port: int, say: Say, stop: threading.Event
) -> None:
    """Serves the site in `output` and keeps it up to date by `make`, until `stop` is set or
    somebody presses Ctrl-C.
    """
    edition, look = Edition(), functools.partial(look_at, home, project.SITE)
    with served(output, edition, port) as address:
        say(f"Open {address} (Ctrl-C ends it). Pages follow what runs and hand-written pages say.")
        try:
            keep_up(make, look, edition=edition, say=say, stop=stop)
        except KeyboardInterrupt:
            say("Ended.")


def keep_up(
    make: Callable[[], str],
    look: Callable[[], Print],
    *,
    edition: Edition,
    say: Say,
    stop: threading.Event,
    every: float = LOOK_EVERY,
) -> None:
    """Makes the site again, by `make`, whenever `look` sees something else, until `stop` is set.

    What is being written is left to come to rest first. A site that can't be made is said, and the
    one before stays.
    """
    known = seen = look()
    while not stop.wait(every):
        before, seen = seen, look()
        if seen == known or seen != before:
            continue
        known = seen
        try:
            say(make())
        except VigieError as error:
            say(str(error))
        else:
            edition.advance()


def look_at(home: Path, site: Path) -> Print:
    """What the file system says of runs and hand-written pages, at a cost that doesn't grow much
    with the number of runs.
    """
    found: list[tuple[str, int, int]] = []
    for case in sorted(_folders(home / "runs")):
        runs = sorted(_folders(case), reverse=True)
        found += [_told(path) for run in runs for path in (run, run / "run.json")]
        found += [
            _told(path) for run in runs[:NEWEST] for path in sorted(run.glob("*/record.json"))
        ]
    written = [
        site.parent / "_quarto.yml",
        *site.rglob("*"),
        *(home / "checks").glob("*.json"),
        *project.ROOT.glob("pipeline/cases/*/page.md"),
    ]
    return (*found, *map(_told, sorted(written)))


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]


def _told(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), stat.st_mtime_ns, stat.st_size)
