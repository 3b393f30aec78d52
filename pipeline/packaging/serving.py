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
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from pipeline.case import Case, find_cases
from pipeline.errors import ServiceError, VigieError
from pipeline.keys import read_keys
from pipeline.packaging.bundles import Bundle
from pipeline.packaging.generations import CURRENT, Stamp, export_generation, promotion_stamp
from pipeline.packaging.packing import bentoml_environment
from pipeline.packaging.settings import Settings
from pipeline.store import Store, project

SERVICE: Final = "bento.service:Vigie"
SECONDS_TO_START: Final = 120.0
SECONDS_TO_END: Final = 15.0
SECONDS_BETWEEN_LOOKS: Final = 0.5
DIRECT: Final = build_opener(ProxyHandler({}))


class _EndError(Exception):
    """Someone asked this process to end."""


def serve(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 3000,
    settings: Settings | None = None,
    cases: Mapping[str, Case] | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Serves all champions until Ctrl-C or SIGTERM, then ends the service and its workers.

    While it serves, it watches the home: what a run promotes is served within seconds. Raises
    `ServiceError` when there is no champion, the port is taken, or the service doesn't come up.
    """
    _check_port(host, port)
    known = find_cases() if cases is None else cases
    seen = promotion_stamp(store, known)
    bundles = export_generation(store, store.home / "serving", cases=known)
    chosen = _settings(store, settings or Settings())
    say(f"Starting the service of {', '.join(bundle.card.case for bundle in bundles)} …")
    environment = {**bentoml_environment(store), **chosen.environment()}
    Path(environment["BENTOML_HOME"]).mkdir(parents=True, exist_ok=True)
    address = f"http://{_reachable(host)}:{port}"
    with _ending_on_signals(), _service(host, port, environment) as process:
        _wait_until_ready(process, address)
        for line in _greeting(address, bundles, chosen):
            say(line)
        while process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            seen = _keep_new(store, known, seen, say)
        raise ServiceError(
            f"The service ended by itself with code {process.returncode!r}; see its log above."
        )


def service_files(store: Store) -> dict[str, Path]:
    """Where the service of a home keeps its keys and its call log."""
    return {"keys": store.home / "access" / "keys.json", "calls": store.calls_file}


def _settings(store: Store, settings: Settings) -> Settings:
    """With the files of this home where no others are named."""
    files = {
        name: path for name, path in service_files(store).items() if getattr(settings, name) is None
    }
    champions = store.home / "serving" / CURRENT
    return settings.model_copy(update={**files, "champions": champions})


def _keep_new(
    store: Store, cases: Mapping[str, Case], seen: Stamp, say: Callable[[str], object]
) -> Stamp:
    found = promotion_stamp(store, cases)
    if found == seen:
        return seen
    try:
        export_generation(store, store.home / "serving", cases=cases)
    except VigieError as error:
        say(f"What serves stays as it is: {error}")
    return found


def _greeting(address: str, bundles: tuple[Bundle, ...], settings: Settings) -> Iterator[str]:
    yield f"Vigie answers at {address} (Ctrl-C ends it). Every address: {address}/"
    yield f"To try it in a browser: {address}/try"
    yield from _access(settings)
    key = "" if settings.open else " -H 'Authorization: Bearer KEY'"
    yield f"  curl {address}/v1/cases{key}"
    for bundle in bundles:
        if bundle.card.upload is not None:
            name, field = bundle.card.case, bundle.card.upload
            yield f"  curl {address}/v1/{name}/predict{key} -F {field}=@FILE"
        elif bundle.card.example is not None:
            body = shlex.quote(json.dumps({"records": [bundle.card.example]}))
            yield (
                f"  curl {address}/v1/{bundle.card.case}/predict{key} "
                f"-H 'Content-Type: application/json' -d {body}"
            )


def _access(settings: Settings) -> Iterator[str]:
    if settings.open:
        yield "OPEN TO EVERYBODY who reaches this address: no key is asked for (--open)."
        return
    now = datetime.now(UTC)
    known = read_keys(settings.keys) if settings.keys else {}
    if not any(key.is_valid(now) for key in known.values()):
        yield "There is no key yet, so nobody can call. Make one, while it runs: vigie keys add me"


@contextmanager
def _service(
    host: str, port: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The service in a session of its own, so that it and its workers can be ended as one; its
    guard ends it when this process is killed.
    """
    theirs, ours = os.pipe()
    guard = [sys.executable, "-m", "pipeline.packaging.guard", str(theirs)]
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE]
    process = subprocess.Popen(
        [*guard, *command, "--host", host, "--port", str(port)],
        cwd=project.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[theirs],
    )
    os.close(theirs)
    try:
        yield process
    finally:
        _end(process)
        os.close(ours)


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
