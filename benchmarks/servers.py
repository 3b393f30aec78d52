"""Servers that benchmarks start, wait for and end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PINS: Final = ("fastapi[standard]", "joblib", "pandas==3.1.1", "pyarrow", "scikit-learn==1.9.1")
SECONDS_TO_START: Final = 240


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def peer_python() -> Path:
    """The plain service's environment, below the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "vigie-benchmarks" / "plain-service"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PINS], check=True)
        (folder / "ready").touch()
    return python


@contextmanager
def running(command: list[str], port: int, path: str, **options: Any) -> Iterator[int]:
    """A server that answers at `path`, ended afterwards."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, **options)
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    words = said.read()[-2000:].decode(errors="replace")
                    raise SystemExit(f"{command[:4]} did not come up. It said:\n{words}")
                time.sleep(0.3)
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
