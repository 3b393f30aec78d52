"""A Bento: the service, the package it needs and the champions, in one folder that runs anywhere.

`bentoml build` runs in a process of its own. It imports the service from the staged copy, which
must not meet the modules that are already loaded, and it reads BENTOML_HOME once per process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.case import Case
from pipeline.errors import ServiceError, StateError
from pipeline.packaging.champions import export_champions
from pipeline.packaging.requirements import pinned_requirements
from pipeline.store import Store, project

NAME: Final = "vigie"
PACKAGES: Final = ("pipeline", "bento")
SUFFIXES: Final = (".bento", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".zip")


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A Bento that was built."""

    tag: str
    """BentoML's name for it; the version is a digest of what it holds."""
    path: Path
    archive: Path | None
    """One file with all of it, when asked for."""


def bentoml_environment(store: Store) -> dict[str, str]:
    """The environment of this process, with BentoML's files below the home folder unless
    BENTOML_HOME names another place, so that nothing is written to the user's own.
    """
    home = os.environ.get("BENTOML_HOME", "") or str(store.home / "bentoml")
    return {**os.environ, "BENTOML_HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}


def pack(
    store: Store,
    output: Path | None = None,
    *,
    cases: Mapping[str, Case] | None = None,
) -> Packed:
    """Builds the Bento of all champions; the same content again is the same Bento, not rebuilt.

    `output` asks for an archive as well (.bento, .tar, .tar.gz, .tar.xz, .tar.bz2, .zip). Needs
    no network. Raises `ServiceError` when there is no champion or BentoML refuses.
    """
    if output is not None and not output.name.endswith(SUFFIXES):
        raise ServiceError(
            f"{str(output)!r} is not a name for a packed Bento. End it with one of: "
            f"{', '.join(SUFFIXES)}."
        )
    environment = bentoml_environment(store)
    home = Path(environment["BENTOML_HOME"])
    with _staging_folder(home) as staging:
        stage = Path(staging)
        export_champions(store, stage / "champions", cases=cases)
        _copy_project(stage)
        version = _digest(stage)
        path = home / "bentos" / NAME / version
        if not path.is_dir():
            _bentoml(["build", "--name", NAME, "--version", version], stage, environment)
    tag = f"{NAME}:{version}"
    archive = None if output is None else _export(tag, output.resolve(), environment)
    return Packed(tag=tag, path=path, archive=archive)


def _staging_folder(home: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        for name in ("bentos", "models", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=home, prefix="stage-")
    except OSError as error:
        raise StateError.for_failed_write(home, error) from error


def _copy_project(stage: Path) -> None:
    for name in PACKAGES:
        shutil.copytree(
            project.ROOT / name, stage / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    bento = project.ROOT / "bento"
    shutil.copy(bento / "bentofile.yaml", stage / "bentofile.yaml")
    pins = pinned_requirements(bento / "requirements.txt", project.LOCK_FILE)
    (stage / "requirements.lock").write_text("".join(f"{pin}\n" for pin in pins))


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
        total.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _export(tag: str, archive: Path, environment: Mapping[str, str]) -> Path:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".bento-") as work:
        written = Path(work) / archive.name
        _bentoml(["export", tag, str(written)], archive.parent, environment)
        written.replace(archive)
    return archive


def _bentoml(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-15:]
        heading = f"bentoml {arguments[0]} failed ({done.returncode}). It said:"
        raise ServiceError("\n".join([heading, *said]))
