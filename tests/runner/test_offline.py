"""A whole run needs no network, and asks for none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.store import Store

FAKES = Path(__file__).parent.parent / "fakes"
SWITCHES = {
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
}


def without_network() -> list[str]:
    """The words before a command that take its network away; none where that isn't permitted."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*words, "true"], check=False, capture_output=True).returncode
        ):
            return words
    return []


def test_a_run_with_the_network_cut_ends_well_and_reaches_for_nothing(tmp_path: Path) -> None:
    """Ingest to report and MLflow; no library looks up or connects to another machine."""
    home = tmp_path / "home"
    ran = subprocess.run(
        [*without_network(), sys.executable, str(FAKES / "offline.py"), str(home)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={name: value for name, value in os.environ.items() if name not in SWITCHES},
    )

    assert ran.returncode == 0, ran.stderr
    assert (home / "attempts").read_text() == ""
    assert (home / "mlflow.db").exists()
    assert Store.at(home).champion("tiny") is not None


def test_the_watch_sees_a_lookup(tmp_path: Path) -> None:
    """What the test above rests on: it can fail."""
    code = (
        "import sys, socket; sys.path.insert(0, sys.argv[1]); import offline\n"
        "sys.addaudithook(offline.note)\n"
        "for ask in (lambda: socket.getaddrinfo('example.invalid', 80),\n"
        "            lambda: socket.create_connection(('127.0.0.1', 1), 1)):\n"
        "    try: ask()\n"
        "    except OSError: pass\n"
        "print(offline.ATTEMPTS)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(FAKES)], check=True, capture_output=True, text=True
    )

    assert ran.stdout == "['example.invalid']\n"


@pytest.mark.parametrize("before", ["", "yes"])
def test_importing_the_package_switches_telemetry_off(before: str) -> None:
    """Whatever the environment said before, and before any library is imported."""
    code = f"import json, os, pipeline; print(json.dumps([os.environ[n] for n in {[*SWITCHES]}]))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | dict.fromkeys(SWITCHES, before),
    )

    assert json.loads(ran.stdout) == list(SWITCHES.values())
