"""The renderer for machines that have Quarto: the same sources as a Quarto website."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import SiteError
from pipeline.publish.building import Build
from pipeline.publish.made import digest
from pipeline.publish.navigation import CONFIGURATION, Website, read_website
from pipeline.publish.rendering import render_page, with_includes

SITE = "_site"
LAST_LINES = 15


def find_quarto() -> str | None:
    """Quarto's executable, where one is on the path."""
    return shutil.which("quarto")


def version_of(executable: str) -> str:
    """What Quarto calls itself; empty for one that can't say."""
    try:
        told = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return told.stdout.strip()


def render_quarto(
    executable: str, sources: Path, build: Build, *, configuration: dict[str, Any]
) -> None:
    """Renders the sources into the build's folder; raises `SiteError` with Quarto's own words.

    Pages that are rendered already are taken out of the sources; those of the navigation stay,
    since every page needs to know them.
    """
    _take_out_rendered(sources, build, read_website(configuration))
    (sources / CONFIGURATION).write_text(
        yaml.safe_dump(_for_rendering(configuration), sort_keys=False, allow_unicode=True),
        encoding="utf-8",
    )
    try:
        ended = subprocess.run(
            [executable, "render", str(sources)],
            capture_output=True,
            text=True,
            check=False,
            cwd=sources,
        )
    except OSError as error:
        raise SiteError(f"{executable} can't be started: {error}. {_remedy()}") from error
    if ended.returncode != 0:
        words = "\n".join(ended.stderr.strip().splitlines()[-LAST_LINES:])
        raise SiteError(f"Quarto ended with {ended.returncode}:\n{words}\n{_remedy()}")
    for path in sorted((sources / SITE).rglob("*")):
        if path.is_file():
            build.put(path.relative_to(sources / SITE).as_posix(), path)


def _take_out_rendered(sources: Path, build: Build, website: Website) -> None:
    needed = {entry.address for entry in website.entries}
    for path in sorted(sources.rglob("*.md")):
        if path.name.startswith("_"):
            continue
        address = path.relative_to(sources).with_suffix(".html").as_posix()
        text = with_includes(path)
        if address not in needed and build.is_rendered(address, digest(text)):
            path.unlink()
        else:
            build.rendered[address] = render_page(text, path.stem)


def missing_quarto() -> SiteError:
    return SiteError(f"There is no 'quarto' on this machine's path. {_remedy()}")


def _for_rendering(configuration: dict[str, Any]) -> dict[str, Any]:
    project = {**configuration["project"], "output-dir": SITE}
    return {**configuration, "project": project}


def _remedy() -> str:
    return (
        "Install Quarto from https://quarto.org, or take the embedded renderer: "
        "vigie site --renderer embedded."
    )
