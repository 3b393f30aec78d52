"""The commands that make something of it: `site`, `new`, `pack`."""

from __future__ import annotations

import functools
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import CONTEXT, home_option


@click.command(context_settings=CONTEXT)
@click.option(
    "--output", default="_site", show_default=True, metavar="DIR", help="Where the site goes."
)
@click.option(
    "--renderer",
    type=click.Choice(["auto", "quarto", "embedded"]),
    default="auto",
    show_default=True,
    help="auto takes Quarto where it is installed.",
)
@click.option(
    "--every",
    default="",
    metavar="TIME",
    envvar="VIGIE_EVERY",
    help="How often a schedule runs the cases, like 1d or 12h: pages then say when the next run is "
    "due, and that none came. Default: VIGIE_EVERY, else as runs on a live feed have come so far.",
)
@click.option(
    "--address",
    default="",
    metavar="URL",
    envvar="VIGIE_SITE_URL",
    help="Where the site will be published, for whole links in its feed, and for a sitemap. "
    "Default: VIGIE_SITE_URL.",
)
@click.option("--all", "anew", is_flag=True, help="Render every page, also those unchanged.")
@click.option(
    "--serve",
    is_flag=True,
    help="Show it to browsers of this machine, render again what runs and notebooks change, and "
    "reload it there, until Ctrl-C.",
)
@click.option("--port", default=8400, show_default=True, help="Where --serve listens; 0: any.")
@home_option
def site(
    output: str,
    renderer: Any,
    every: str,
    address: str,
    anew: bool,
    serve: bool,
    port: int,
    home: str,
) -> None:
    """Render the records and executed notebooks as a site.

    Pages that would come out as they are in DIR are taken over from there.
    """
    from bento.describing import describe
    from pipeline.publish import publish
    from pipeline.runner.schedule import parse_every
    from pipeline.store import Store

    store, folder = Store.at(home), Path(output)
    length = parse_every(every) if every else None

    def make(*, anew: bool = False) -> str:
        made = publish(
            store,
            folder,
            renderer=renderer,
            now=datetime.now(UTC),
            every=length,
            address=address,
            interface=describe(store),
            anew=anew,
            say=functools.partial(click.echo, err=True),
        )
        return (
            f"{made.pages} pages in {made.output}, {made.rendered} of them rendered now "
            f"(renderer: {made.renderer})."
        )

    click.echo(make(anew=anew))
    if serve:
        from pipeline.publish.watching import watch

        watch(make, store.home, folder, port=port, say=click.echo, stop=threading.Event())
    else:
        click.echo(f"Open it: {(folder.resolve() / 'index.html').as_uri()}")


@click.command(context_settings=CONTEXT)
@click.argument("name")
@click.option(
    "--from", "path", required=True, metavar="FILE", help="A table with a header, as CSV."
)
@click.option("--target", required=True, metavar="COLUMN", help="What is to be predicted.")
@click.option("--time", default="", metavar="COLUMN", help="When a row was; needed for forecasts.")
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="What tells rows, or series, apart. May be given again. Default: the row's number.",
)
@click.option(
    "--task",
    type=click.Choice(["forecasting", "regression", "classification"]),
    help="Default: by target and time, and said.",
)
def new(
    name: str, path: str, target: str, time: str, key: tuple[str, ...], task: str | None
) -> None:
    """Write a case of your own, NAME, from a file.

    \b
    vigie new sales --from sales.csv --target revenue --time day --key shop
    vigie new irises --from iris.csv --target species

    Separator, decimal sign, encoding, ways to write times, the step that they lie apart and kinds
    of columns are guessed, and said. A forecast takes any regular step: 15 minutes, hours, weeks,
    ends of months, quarters, years. The case goes to pipeline/cases/NAME/, its expectations to
    expectations/NAME.json, with bounds from the data that a person should review. Nothing is
    overwritten. The case reads files alone: it has no sample, since nobody knows how data of yours
    come about.
    """  # noqa: D301  click reads \b as a character
    from pipeline.newcase import make_case

    made = make_case(name, Path(path), target=target, time=time, key=key, task=task or "")
    for sentence in made.said:
        click.echo(sentence)
    click.echo(f"Written: {made.folder} and {made.suite}. Review the bounds there, then run:")
    for command in made.commands:
        click.echo(f"  {command}")


@click.command(context_settings=CONTEXT)
@click.option("--output", metavar="FILE", help="Also one archive, such as vigie.bento.")
@home_option
def pack(output: str | None, home: str) -> None:
    """Build a Bento with the champions of all cases."""
    from pipeline.packaging import pack as build
    from pipeline.store import Store

    made = build(Store.at(home), Path(output) if output else None)
    click.echo(f"Bento {made.tag} in {made.path}")
    if made.archive:
        click.echo(f"Archive: {made.archive}")
    click.echo(f"Serve it: bentoml serve {made.path}")
