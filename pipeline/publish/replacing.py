"""A folder is built beside the one that it replaces, and takes its place when it is whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import SiteError
from pipeline.store.atomic import exchange

MARK = ".vigie-site"
LONGEST_WAIT = 600.0
"""Seconds to wait for another process that builds the same folder."""


@contextmanager
def replacing(output: Path) -> Iterator[Path]:
    """An empty folder that becomes `output` when the block ends well; else `output` stays.

    Raises `SiteError` for an `output` that holds something else than a site, and when the disk
    refuses.
    """
    from filelock import FileLock

    check_replaceable(output)
    workshop = output.parent / f".{output.name}.build"
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        with FileLock(workshop / "lock", timeout=LONGEST_WAIT):
            _clear(workshop)
            fresh = Path(tempfile.mkdtemp(dir=workshop, prefix="new-"))
            try:
                yield fresh
                (fresh / MARK).touch()
                fresh.chmod(0o755)
                exchange(fresh, output)
            finally:
                _clear(workshop)
    except OSError as error:
        raise SiteError(
            f"The site can't be written to {output}: {error.strerror or error}. The site that was "
            "there is unchanged. Free some space or name another folder with --output."
        ) from error


def check_replaceable(output: Path) -> None:
    """Raises `SiteError` unless `output` is absent, empty or a site of ours."""
    if output.is_dir() and not (output / MARK).is_file() and any(output.iterdir()):
        raise SiteError(
            f"{output} holds files that are not a site made by Vigie, and publishing would replace "
            "them. Name an empty or a new folder with --output."
        )
    if output.exists() and not output.is_dir():
        raise SiteError(f"{output} is a file. Name a folder with --output.")


def _clear(workshop: Path) -> None:
    for path in workshop.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
