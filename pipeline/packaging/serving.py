"""The service on this machine, as a child process that ends when its parent is asked to."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.packaging.bundles import Bundle
from pipeline.packaging.champions import export_champions
from pipeline.packaging.packing import bentoml_environment
from pipeline.store import Store, project

SERVICE: Final = "bento.service:Vigie"
SECONDS_TO_START: Final = 120.0
SECONDS_TO_END: Final = 15.0
DIRECT: Final = build_opener(ProxyHandler({}))


class _EndError(Exception):
    """Someone asked this process to end."""


def serve(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 3000,
    cases: Mapping[str, Case] | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Serves all champions until Ctrl-C or SIGTERM, then ends the service and its workers.

    Raises `ServiceError` when there is no champion, the port is taken, or the service doesn't
    come up.
    """
    _check_port(host, port)
    folder = store.home / "serving"
    bundles = export_champions(store, folder, cases=cases)
    say(f"Starting the service of {', '.join(bundle.card.case for bundle in bundles)} …")
    environment = {**bentoml_environment(store), "VIGIE_CHAMPIONS": str(folder)}
    Path(environment["BENTOML_HOME"]).mkdir(parents=True, exist_ok=True)
    address = f"http://{_reachable(host)}:{port}"
    with _ending_on_signals(), _service(host, port, environment) as process:
        _wait_until_ready(process, address)
        for line in _greeting(address, bundles):
            say(line)
        code = process.wait()
        raise ServiceError(f"The service ended by itself with code {code!r}; see its log above.")


def _greeting(address: str, bundles: tuple[Bundle, ...]) -> Iterator[str]:
    yield f"Vigie answers at {address} (Ctrl-C ends it); {address}/ shows every address. Try:"
    yield f"  curl {address}/v1/cases"
    for bundle in bundles:
        if bundle.card.example is not None:
            body = shlex.quote(json.dumps({"records": [bundle.card.example]}))
            yield (
                f"  curl {address}/v1/{bundle.card.case}/predict "
                f"-H 'Content-Type: application/json' -d {body}"
            )


@contextmanager
def _service(
    host: str, port: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The service in a session of its own, so that it and its workers can be ended as one."""
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE]
    process = subprocess.Popen(
        [*command, "--host", host, "--port", str(port)],
        cwd=project.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        _kill_what_is_left(process.pid)


def _kill_what_is_left(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Turns SIGTERM and Ctrl-C into the end of the block, without a traceback."""

    def end(_: int, __: FrameType | None) -> None:
        raise _EndError

    kept = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _EndError:
        return
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(
                f"The service ended at its start with code {process.returncode!r}; its log above "
                "has the reason."
            )
        if _is_ready(address):
            return
        time.sleep(0.1)
    raise ServiceError(
        f"The service was not ready after {SECONDS_TO_START:.0f} s; its log above has the reason."
    )


def _is_ready(address: str) -> bool:
    try:
        with DIRECT.open(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (URLError, OSError):
        return False


def _check_port(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
    except (OSError, OverflowError) as error:
        raise ServiceError(
            f"The service can't listen on {host!r}, port {port!r}: {error}. "
            "Choose another with --host and --port."
        ) from error


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  only compared
