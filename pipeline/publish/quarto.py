"""The renderer for machines that have Quarto: the same sources as a Quarto website."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import SiteError
from pipeline.publish.navigation import CONFIGURATION

SITE = "_site"
LAST_LINES = 15


def find_quarto() -> str | None:
    """Quarto's executable, where one is on the path."""
    return shutil.which("quarto")


def render_quarto(
    executable: str, sources: Path, output: Path, *, configuration: dict[str, Any]
) -> None:
    """Renders the sources into the folder `output`; raises `SiteError` with Quarto's own words."""
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
    shutil.copytree(sources / SITE, output, dirs_exist_ok=True)


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
