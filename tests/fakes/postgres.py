"""A PostgreSQL server of Debian's package, on a socket of its own and no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path:
    """The folder of initdb and pg_ctl; skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    return found[-1].parent


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty database, for SQLAlchemy."""
    here = programs()
    # In a short path, since names of sockets may not be long; PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user: str | None = None
    if os.getuid() == 0:
        user = "postgres"
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)

    def run(*command: str | Path) -> None:
        subprocess.run(
            [str(word) for word in command], user=user, check=True, cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    data = folder / "data"
    options = f"-c listen_addresses='' -k {folder} -c fsync=off"
    try:
        run(here / "initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8")
        run(here / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        yield f"postgresql+psycopg://mlflow@/postgres?host={folder}"
    finally:
        run(here / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
