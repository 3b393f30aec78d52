"""The command `keys`, and where the files of a home's service are."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import CONTEXT, home_option


@click.group(context_settings=CONTEXT)
def keys() -> None:
    """Make, list and revoke the API keys of the service."""


@keys.command("add", context_settings=CONTEXT)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["predict", "read", "admin"]),
    help="What the key may do. May be given again. Default: predict and read.",
)
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Ends after this many days.")
@home_option
def add(name: str, scopes: tuple[Any, ...], days: int | None, home: str) -> None:
    """Make a key for NAME, which says who uses it. It is shown once and kept nowhere.

    predict asks for predictions; read sees trends, scores and model cards; admin may do
    everything, and sends true values.
    """
    from pipeline.keys import make_key

    now = datetime.now(UTC)
    key, text = make_key(
        _keys_file(home),
        name,
        scopes or ("predict", "read"),
        now=now,
        expires=now + timedelta(days=days) if days else None,
    )
    click.echo(
        f"Key {key.id} of {name!r}, scope {' '.join(key.scopes)}. It is shown only now:", err=True
    )
    click.echo(text)


@keys.command("list", context_settings=CONTEXT)
@home_option
def list_keys(home: str) -> None:
    """Show all keys, without what is secret."""
    from pipeline.keys import read_keys

    found = read_keys(_keys_file(home))
    now = datetime.now(UTC)
    for key in sorted(found.values(), key=lambda key: key.made):
        ends = "revoked" if key.revoked else "expired" if not key.is_valid(now) else "valid"
        until = f", until {key.expires:%Y-%m-%d}" if key.expires and ends == "valid" else ""
        click.echo(
            f"{key.id}  {key.name:<20} {' '.join(key.scopes):<20} made {key.made:%Y-%m-%d}, "
            f"{ends}{until}"
        )
    if not found:
        click.echo("There is no key yet. Make one: vigie keys add NAME")


@keys.command("revoke", context_settings=CONTEXT)
@click.argument("name")
@home_option
def revoke(name: str, home: str) -> None:
    """End a key, by its name or id: at once, with all tokens made of it."""
    from pipeline.keys import revoke_key

    key = revoke_key(_keys_file(home), name, now=datetime.now(UTC))
    click.echo(f"Key {key.id} of {key.name!r} is revoked.")


def service_file(home: str, name: str) -> Path:
    """Of the environment, else of the home, as the service itself finds it."""
    from pipeline.packaging.serving import service_files
    from pipeline.store import Store

    named = os.environ.get(f"VIGIE_{name.upper()}", "")
    return Path(named) if named else service_files(Store.at(home))[name]


def _keys_file(home: str) -> Path:
    return service_file(home, "keys")
