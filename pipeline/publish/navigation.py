"""The site's title and navigation, read from `_quarto.yml`: the same for both renderers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import SiteError

CONFIGURATION = "_quarto.yml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the navigation."""

    text: str
    address: str
    """Of the published page, relative to the site's root."""


@dataclass(frozen=True, kw_only=True)
class Website:
    """What `_quarto.yml` says of the site as a whole."""

    title: str
    description: str
    entries: tuple[Entry, ...]


def read_configuration(site: Path) -> dict[str, Any]:
    """`_quarto.yml` beside the folder of sources, its addresses made relative to that folder;
    raises `SiteError` when it is missing or isn't YAML.
    """
    path = site.parent / CONFIGURATION
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SiteError(
            f"{path} can't be read: {error}. The site's navigation is in that file of the checkout."
        ) from error
    if not isinstance(found, dict):
        raise SiteError(f"{path} holds {found!r}; it needs project:, website: and format:.")
    return dict(_without_prefix(found, f"{site.name}/"))


def read_website(configuration: dict[str, Any]) -> Website:
    """Title and navigation; raises `SiteError` when an entry lacks its words or its address."""
    try:
        website = configuration["website"]
        return Website(
            title=website["title"],
            description=website["description"],
            entries=tuple(
                Entry(text=entry["text"], address=_published(entry["href"]))
                for entry in website["navbar"]["left"]
            ),
        )
    except (KeyError, TypeError) as error:
        raise SiteError(
            f"{CONFIGURATION} lacks {error}. website: needs title, description and navbar: left: "
            "with text and href in every entry."
        ) from error


def _published(address: str) -> str:
    return address.removesuffix(".md") + ".html" if address.endswith(".md") else address


def _without_prefix(value: Any, prefix: str) -> Any:
    if isinstance(value, dict):
        return {name: _without_prefix(held, prefix) for name, held in value.items()}
    if isinstance(value, list):
        return [_without_prefix(held, prefix) for held in value]
    if isinstance(value, str):
        return value.removeprefix(prefix).replace(f"!{prefix}", "!")
    return value
