"""A folder is built beside the one that it replaces, and takes its place when it is whole.

The folder that was replaced is kept, and the next one is built from it: two folders take turns, so
that a file which is in both of them need not be touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import SiteError
from pipeline.store.atomic import exchange

MARK = ".vigie-site"
"""Stands in a folder that is whole, and says what it was made from."""
SPARE = "spare"
LONGEST_WAIT = 600.0
"""Seconds to wait for another process that builds the same folder."""


@contextmanager
def replacing(output: Path, *, anew: bool = False) -> Iterator[Path]:
    """A folder that becomes `output` when the block ends well; else `output` stays.

    It holds what was `output` before the last time, whole, or nothing: as whoever fills it must
    find out by the mark, which has to be taken away first of all, and written last. `anew` gives an
    empty one. Files of it and of `output` may be the same: they are replaced, never written to.

    Raises `SiteError` for an `output` that holds something else than a site, and when the disk
    refuses.
    """
    from filelock import FileLock

    check_replaceable(output)
    workshop = output.parent / f".{output.name}.build"
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        with FileLock(workshop / "lock", timeout=LONGEST_WAIT):
            fresh = workshop / SPARE
            _clear(workshop, but=None if anew or not (fresh / MARK).is_file() else SPARE)
            try:
                fresh.mkdir(exist_ok=True)
                yield fresh
                (fresh / MARK).touch()
                fresh.chmod(0o755)
                exchange(fresh, output)
            except BaseException:
                _clear(workshop)
                raise
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


def _clear(workshop: Path, but: str | None = None) -> None:
    for path in workshop.iterdir():
        if path.is_dir() and path.name != but:
            shutil.rmtree(path)
