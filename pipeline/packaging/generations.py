"""Exported champions that a running service reads: each export is a folder of its own, and a link
names the newest. The link is replaced in one step, so that there is always something to read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.case import Case
from pipeline.errors import StateError
from pipeline.packaging.bundles import Bundle
from pipeline.packaging.champions import export_champions
from pipeline.store import Store

CURRENT: Final = "current"
KEPT: Final = 3
"""Exports: the newest, and those that calls which have begun may still read."""

Stamp = tuple[object, ...]


def export_generation(
    store: Store, folder: Path, *, cases: Mapping[str, Case] | None = None
) -> tuple[Bundle, ...]:
    """Exports all champions and makes `folder/current` lead to them; raises as
    `export_champions` does, and then leaves what is there.
    """
    earlier = _numbers(folder)
    new = folder / str(max(earlier, default=0) + 1)
    bundles = export_champions(store, new, cases=cases)
    link = folder / f".{CURRENT}.{os.getpid()}"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(new.name)
        link.replace(folder / CURRENT)
    except OSError as error:
        raise StateError.for_failed_write(link, error) from error
    for number in earlier[: 1 - KEPT] if len(earlier) >= KEPT else []:
        shutil.rmtree(folder / str(number), ignore_errors=True)
    return bundles


def promotion_stamp(store: Store, cases: Mapping[str, Case]) -> Stamp:
    """Changes when a run has ended that may have made a promotion; reads no file."""
    return tuple(_stamp(store, name) for name in sorted(cases))


def _stamp(store: Store, case: str) -> Stamp:
    run_ids = store.run_ids(case)
    newest = run_ids[-5:]
    files = [
        store.run_folder(case, run_id) / name
        for run_id in newest
        for name in ("run.json", "promote/record.json")
    ]
    return (len(run_ids), *newest, *map(_changed, files))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _numbers(folder: Path) -> list[int]:
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdigit())
