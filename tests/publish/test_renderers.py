"""Both renderers start from one folder of sources and one navigation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import SiteError
from pipeline.publish import Published
from pipeline.publish.navigation import read_configuration, read_website
from pipeline.publish.rendering import render_page

Publish = Callable[..., Published]
Read = Callable[[Path], Any]

FAKE_QUARTO = """#!/bin/sh
[ "$1" = --version ] && { echo 1.11.0; exit; }
cd "$2"
mkdir -p _site
find . -name '*.md' | sort > _site/index.html
cp _quarto.yml _site/seen.yml
cp bikes/drift.md _site/drift.md
"""


def install_quarto(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Quarto, alone with the shell's tools on the path."""
    folder.mkdir()
    executable = folder / "quarto"
    executable.write_text(script)
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_auto_takes_quarto_where_it_is(
    home: Any, published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quarto gets the sources at the root of its folder, its own addresses without the prefix."""
    install_quarto(tmp_path / "bin", FAKE_QUARTO, monkeypatch)
    home.run()
    made = published(renderer="auto")
    seen = yaml.safe_load((made.output / "seen.yml").read_text())
    sources = (made.output / "index.html").read_text().split()

    assert made.renderer == "quarto"
    assert {"./index.md", "./_status.md", "./bikes/index.md", "./bikes/drift.md"} <= set(sources)
    assert seen["website"]["navbar"]["left"][0] == {"text": "Status", "href": "index.html"}
    assert seen["format"]["html"]["css"] == "assets/style.css"
    assert seen["execute"] == {"enabled": False}
    assert "site/" not in (made.output / "seen.yml").read_text()
    assert "{{<" not in (made.output / "drift.md").read_text()


def test_auto_goes_without_quarto(
    published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Quarto is missing, the embedded renderer makes the site."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert published(renderer="auto").renderer == "embedded"


def test_a_missing_quarto_is_an_error_when_asked_for(
    published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the remedy, and nothing is written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SiteError, match=r"quarto\.org.*--renderer embedded"):
        published(renderer="quarto")

    assert not (tmp_path / "public").exists()


BROKEN_QUARTO = r"""#!/bin/sh
[ "$1" = --version ] && { echo 1.11.0; exit; }
printf '\033[1m\r[ 1/2] index.md\033[22m\nfine so far\n[ 2/2] bikes/index.md\n' >&2
printf '\033[91mERROR: no such theme\033[39m\nstack traceback:\n\tmain.lua:3: in main\n' >&2
exit 3
"""


def test_a_failed_quarto_shows_its_last_words(
    home: Any, published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page and what Quarto said of it are in the error, and the old site stays."""
    home.run()
    old = published().output.joinpath("index.html").read_text()
    install_quarto(tmp_path / "bin", BROKEN_QUARTO, monkeypatch)
    with pytest.raises(SiteError, match=r"ended with 3 at bikes/index.md:\nERROR: no such theme"):
        published(renderer="quarto")

    assert old == (tmp_path / "public" / "index.html").read_text()


def test_a_quarto_that_cannot_start_is_named(
    published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken installation is an error of one line, not a traceback."""
    install_quarto(tmp_path / "bin", "#!/nowhere/interpreter\n", monkeypatch)
    with pytest.raises(SiteError, match="can't be started"):
        published(renderer="quarto")


def test_navigation_is_that_of_quarto(published: Publish, site: Path, read: Read) -> None:
    """An entry added to `_quarto.yml` shows on every page, and marks its own."""
    path = site.parent / "_quarto.yml"
    path.write_text(
        path.read_text().replace(
            "      - text: About",
            "      - text: News\n        href: site/news.md\n      - text: About",
        )
    )
    (site / "news.md").write_text("---\ntitle: News\n---\n\nNone.\n")
    output = published().output
    current = [held for _, held in read(output / "news.html").elements if "aria-current" in held]

    assert "news.html" in read(output / "index.html").links
    assert {held["href"] for held in current} == {"news.html"}


@pytest.mark.parametrize("text", ["website: {title: x}", "website: [", "just words"])
def test_a_broken_navigation_is_named(published: Publish, site: Path, text: str) -> None:
    """A file without navigation, or that isn't YAML, is an error that names it."""
    (site.parent / "_quarto.yml").write_text(text)
    with pytest.raises(SiteError, match=r"_quarto\.yml"):
        published()


def test_a_missing_navigation_is_named(published: Publish, site: Path) -> None:
    """Without `_quarto.yml` there is no site."""
    (site.parent / "_quarto.yml").unlink()
    with pytest.raises(SiteError, match=r"_quarto\.yml can't be read"):
        published()


def test_a_folder_without_pages_is_named(published: Publish, site: Path) -> None:
    """Sources without a single page are refused."""
    shutil.rmtree(site)
    with pytest.raises(SiteError, match="holds no pages"):
        published()


def test_a_missing_include_is_named(published: Publish, site: Path) -> None:
    """A page that includes what isn't there is an error that names both."""
    (site / "about.md").write_text("{{< include nothing.md >}}\n")
    with pytest.raises(SiteError, match=r"about.md includes 'nothing.md'"):
        published()


def test_links_to_sources_lead_to_pages(tmp_path: Path) -> None:
    """As with Quarto, a link to a source becomes a link to its page; other links stay."""
    source = tmp_path / "page.md"
    source.write_text("[a](b.md#c) [d](https://example.org/e.md) [f](g.csv)\n")
    body = render_page(source.read_text(), "page").body

    for address in ("b.html#c", "https://example.org/e.md", "g.csv"):
        assert f'href="{address}"' in body


def test_headings_get_pandocs_identifiers(tmp_path: Path) -> None:
    """The identifiers are those that Quarto gives; equal headings are told apart."""
    source = tmp_path / "page.md"
    source.write_text("## 1. What's new, *here*?\n\n## Again\n\n## Again\n")

    assert render_page(source.read_text(), "page").contents == (
        ("whats-new-here", "1. What's new, here?"),
        ("again", "Again"),
        ("again-1", "Again"),
    )


def test_the_projects_own_navigation_is_complete(site: Path) -> None:
    """Every entry leads to a page that exists in the folder of sources."""
    website = read_website(read_configuration(site))

    assert [entry.text for entry in website.entries] == [
        "Status",
        "Method",
        "API",
        "Search",
        "About",
    ]
    for entry in website.entries:
        assert (site / entry.address).with_suffix(".md").is_file()


FAITHFUL_QUARTO = """#!/bin/sh
[ "$1" = --version ] && { echo 1.11.0; exit; }
cd "$2"
for page in $(find . -name '*.md' -not -name '_*' | sort); do
  mkdir -p "_site/$(dirname "$page")"
  { echo "$page"; cat "$page"; } > "_site/${page%.md}.html"
done
find bikes trams -name "*.csv" | while read -r file; do
  mkdir -p "_site/$(dirname "$file")"; cp "$file" "_site/$file"
done
mkdir -p _site/site_libs && echo libs > _site/site_libs/quarto.js
"""


def test_quarto_gets_only_pages_that_changed(
    home: Any, published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are taken over: Quarto need not see a page that the navigation names."""
    install_quarto(tmp_path / "bin", FAITHFUL_QUARTO, monkeypatch)
    home.run("bikes")
    home.run("trams")
    first = published(renderer="quarto")
    before = {
        str(path.relative_to(first.output)): path.stat().st_ino
        for path in first.output.rglob("*.html")
    }
    home.sentence["drift"] = "It moved far."
    home.run("bikes", "20210911T060000Z-b2c3", as_of=datetime(2021, 9, 10, tzinfo=UTC))
    second = published(renderer="quarto")
    made = {name for name, node in before.items() if (first.output / name).stat().st_ino != node}

    assert first.rendered == first.pages
    assert "It moved far." in (second.output / "bikes" / "drift.html").read_text()
    assert second.rendered == len(made) + 1
    assert not any(name.startswith("trams/") for name in made)
    assert "bikes/drift.html" in made
    assert (second.output / "site_libs" / "quarto.js").is_file()
    assert (second.output / "trams" / "files" / "drift" / "volume.csv").is_file()


def test_another_quarto_renders_all(
    home: Any, published: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version is part of what every page rests on, as is the renderer."""
    install_quarto(tmp_path / "bin", FAITHFUL_QUARTO, monkeypatch)
    home.run()
    pages = published(renderer="quarto").pages
    newer = FAITHFUL_QUARTO.replace("1.11.0", "1.12.0")
    (tmp_path / "bin" / "quarto").write_text(newer)
    renewed = published(renderer="quarto").rendered

    assert pages == renewed
    assert pages == published(renderer="embedded").rendered
