"""The renderer for machines that have Quarto: the same sources as a Quarto website."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import SiteError
from pipeline.publish.building import Build
from pipeline.publish.made import digest
from pipeline.publish.navigation import CONFIGURATION
from pipeline.publish.rendering import render_page, with_includes
from pipeline.saying import Say

SITE = "_site"
LAST_LINES = 15
TELL_EVERY = 5.0
"""Seconds between two words on how far Quarto is."""
NOT_PUBLISHED = frozenset({"search.json"})
"""An index of the pages rendered now, for a search of Quarto's that ours replaces."""
LIBRARIES = "site_libs/"
"""Quarto's own style and scripts, for all pages."""
PAGES = ("*.md", "*/*.md", "*/runs/*.md")
FILES = (
    "status.json",
    "feed.xml",
    "sitemap.xml",
    "schemas/*",
    "cases/**",
    "assets/*",
    "*/files/**",
)
"""What is published as it is."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
AT_PAGE = re.compile(r"^\[ *(?P<place>\d+)/(?P<all>\d+)\] (?P<page>.+)$")
TRACE = re.compile(r"^(\t.*| +at .*|stack traceback:|)$")
FILTER = "_pages.lua"
FILTERED = """-- Wide code scrolls within itself: a keyboard must reach it (WCAG 2.2, 2.1.1).
function CodeBlock(block)
  block.attributes.tabindex = "0"
  return block
end

-- Quarto itself does so only for pages that it renders this time.
function Link(link)
  if not link.target:match("^%a[%w+.-]*:") then
    link.target = link.target:gsub("%.md$", ".html"):gsub("%.md#", ".html#")
  end
  return link
end
"""


def find_quarto() -> str | None:
    """Quarto's executable: the one that called us, else one on the path."""
    ours = os.environ.get("QUARTO_BIN_PATH")
    return (shutil.which("quarto", path=ours) if ours else None) or shutil.which("quarto")


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
    executable: str, sources: Path, build: Build, *, configuration: dict[str, Any], say: Say
) -> None:
    """Renders the sources into the build's folder, and says now and then how far it is; raises
    `SiteError` with Quarto's own words.

    Pages that are rendered already are taken out of the sources. Where all are, Quarto is not
    called.
    """
    pages = {_address(path, sources): path for path in _pages(sources)}
    texts = {address: with_includes(path) for address, path in pages.items()}
    there = {address for address, text in texts.items() if build.is_rendered(address, digest(text))}
    if there == set(pages) and build.takes_over(LIBRARIES, LIBRARIES):
        _put_all(sources, build, [path for path in _files(sources) if path.suffix != ".md"])
        return
    for address in there:
        pages.pop(address).unlink()
    build.rendered.update(
        {address: render_page(texts[address], path.stem) for address, path in pages.items()}
    )
    (sources / FILTER).write_text(FILTERED, encoding="utf-8")
    (sources / CONFIGURATION).write_text(
        yaml.safe_dump(_for_rendering(configuration), sort_keys=False, allow_unicode=True),
        encoding="utf-8",
    )
    _run(executable, sources, say)
    made = sources / SITE
    _put_all(made, build, [path for path in _files(made) if path.name not in NOT_PUBLISHED])
    libraries = (made / LIBRARIES).rglob("*")
    build.note(LIBRARIES, LIBRARIES, [_name(path, made) for path in libraries if path.is_file()])


@dataclass
class Course:
    """What Quarto has said so far."""

    say: Say
    page: str = ""
    """The page that it is at."""
    words: list[str] = field(default_factory=list)
    """Its words since it came to that page."""
    told: float = field(default_factory=time.monotonic)

    def hear(self, line: str) -> None:
        """Takes in a line."""
        plain = COLOURS.sub("", line).strip("\r\n")
        if at := AT_PAGE.match(plain.lstrip()):
            self.page, self.words = at["page"], []
            if time.monotonic() - self.told > TELL_EVERY:
                self.say(f"Quarto is at page {at['place']} of {at['all']}: {at['page']}")
                self.told = time.monotonic()
        elif not TRACE.match(plain):
            self.words.append(plain)


def _run(executable: str, sources: Path, say: Say) -> None:
    course = Course(say=say)
    # Quarto tells scripts about the project that it runs them for; this is another project.
    around = {name: held for name, held in os.environ.items() if "QUARTO_PROJECT" not in name}
    try:
        with subprocess.Popen(
            [executable, "render", str(sources)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=sources,
            env=around,
        ) as running:
            for line in running.stdout or ():
                course.hear(line)
    except OSError as error:
        raise SiteError(f"{executable} can't be started: {error}. {_remedy()}") from error
    if running.returncode != 0:
        words = "\n".join(course.words[-LAST_LINES:])
        where = f" at {course.page}" if course.page else ""
        raise SiteError(f"Quarto ended with {running.returncode}{where}:\n{words}\n{_remedy()}")


def _published(value: Any) -> Any:
    """A part of the configuration, its addresses those of the published pages: Quarto itself links
    to a source only where that is rendered this time.
    """
    if isinstance(value, dict):
        return {name: _published(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_published(held) for held in value]
    return re.sub(r"\.md$", ".html", value) if isinstance(value, str) else value


def _files(folder: Path) -> list[Path]:
    """All files but those whose names say that they are parts of others."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("_")
    ]


def _pages(sources: Path) -> list[Path]:
    return [path for path in _files(sources) if path.suffix == ".md"]


def _put_all(folder: Path, build: Build, paths: list[Path]) -> None:
    for path in paths:
        build.put(_name(path, folder), path)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _address(path: Path, sources: Path) -> str:
    return _name(path.with_suffix(".html"), sources)


def missing_quarto() -> SiteError:
    return SiteError(f"There is no 'quarto' on this machine's path. {_remedy()}")


def _for_rendering(configuration: dict[str, Any]) -> dict[str, Any]:
    """For the folder of sources, where pages and files stand as they will be published."""
    return {
        **configuration,
        "website": _published(configuration["website"]),
        "project": {
            "type": "website",
            "output-dir": SITE,
            "render": list(PAGES),
            "resources": [*configuration["project"].get("resources", ()), *FILES],
        },
        "filters": [*configuration.get("filters", ()), FILTER],
    }


def _remedy() -> str:
    return (
        "Install Quarto from https://quarto.org, or take the embedded renderer: "
        "vigie site --renderer embedded."
    )
