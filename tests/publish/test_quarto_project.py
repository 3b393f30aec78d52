"""At the project's root Quarto's own commands do what its users expect."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from pipeline.publish import Published
from pipeline.store import project

Publish = Callable[..., Published]
STAND_IN = Path(__file__).parent.parent / "fakes" / "quarto.py"
SECONDS = 60.0
STAMPED = re.compile(
    rb'datetime="[^"]*">[^<]*</time>|"published": "[^"]*"|<updated>[^<]*</updated>|\d\d:\d\d UTC'
)


@pytest.fixture
def checkout(site: Path, home: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root with a home that holds a run, and no Quarto yet."""
    home.run()
    monkeypatch.setenv("VIGIE_HOME", str(home.store.home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return site.parent


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the stand-in for Quarto on the path."""
    (tmp_path / "bin").mkdir()
    executable = tmp_path / "bin" / "quarto"
    executable.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" 1.11.0 "$@"\n')
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(params=["stand-in", "real"])
def quarto(request: pytest.FixtureRequest) -> None:
    """Quarto on the path: the stand-in, and the real one where it is installed."""
    if request.param == "real":
        if shutil.which("quarto") is None:
            pytest.skip("needs Quarto on the path")
    else:
        request.getfixturevalue("stand_in")


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Quarto at the root, as somebody at a terminal calls it."""
    return subprocess.run(
        ["quarto", *arguments], cwd=checkout, capture_output=True, text=True, check=False
    )


def contents(folder: Path) -> dict[str, str]:
    """Digest of each file of a site, less when it was made."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            STAMPED.sub(b"", path.read_bytes())
        ).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".vigie-site"
    }


def test_quarto_render_makes_the_same_site(checkout: Path, quarto: None, tmp_path: Path) -> None:
    """As `vigie site --renderer quarto` does, file by file; its addresses begin with the case."""
    ended = run(checkout, "render")
    other = tmp_path / "other"
    vigie = ["vigie", "site", "--renderer", "quarto", "--output", str(other)]
    subprocess.run(vigie, check=True, capture_output=True)

    assert 0 == ended.returncode, ended.stderr
    assert (checkout / "_site" / "bikes" / "index.html").is_file()
    assert not (checkout / "_site" / "site").exists()
    assert contents(other) == contents(checkout / "_site")


def test_a_failed_render_is_quartos_failure(
    checkout: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quarto ends with an error, and with words on what to do."""
    monkeypatch.setenv("VIGIE_EVERY", "often")
    ended = run(checkout, "render")

    assert 0 != ended.returncode
    assert "often" in ended.stderr
    assert not (checkout / "_site").exists()


def test_a_preview_shows_the_site(checkout: Path, stand_in: None) -> None:
    """What `quarto preview` starts, on the port that it chose."""
    held = yaml.safe_load((checkout / "_quarto.yml").read_text())["project"]
    (checkout / held["output-dir"]).mkdir()
    words = {"{host}": "127.0.0.1", "{port}": "0"}
    command = [words.get(word, word) for word in held["preview"]["serve"]["cmd"].split()]
    with subprocess.Popen(
        command, cwd=checkout / held["output-dir"], stdout=subprocess.PIPE, text=True
    ) as running:
        killer = threading.Timer(SECONDS, running.kill)
        killer.start()
        try:
            ready = next(
                line
                for line in running.stdout or ()
                if re.search(held["preview"]["serve"]["ready"], line)
            )
            address = re.findall(r"http://\S+", ready)[0]
            with urlopen(f"{address}bikes/index.html", timeout=SECONDS) as answer:
                page = answer.read().decode()
        finally:
            # Not by SIGINT, which a process that was begun in the background may not hear.
            running.terminate()
            running.wait()
            killer.cancel()

    assert "Bicycle counts in Paris" in page


def test_a_preview_for_other_machines_is_refused(checkout: Path) -> None:
    """Pages in the making are nobody else's."""
    script = [sys.executable, "site/render.py", "preview", "0.0.0.0", "8400"]
    ended = subprocess.run(script, cwd=checkout, capture_output=True, text=True, check=False)

    assert 1 == ended.returncode
    assert "answer this machine alone" in ended.stderr


def test_without_vigie_the_remedy_is_named(checkout: Path, monkeypatch: Any) -> None:
    """Where neither the Python that runs the script nor the path has it."""
    bare = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    ended = subprocess.run(
        [bare, "site/render.py"], cwd=checkout, capture_output=True, text=True, check=False
    )

    assert "make setup" in ended.stderr
    assert 1 == ended.returncode


def test_the_root_is_no_website_of_its_own() -> None:
    """Quarto renders nothing from the checkout itself: its README is no page."""
    held = yaml.safe_load((project.ROOT / "_quarto.yml").read_text())["project"]

    assert [] == held["render"]
    assert (project.ROOT / held["pre-render"]).is_file()
