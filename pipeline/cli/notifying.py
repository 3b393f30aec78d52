"""The command `vigie notify`."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from pipeline.cli.options import CONTEXT, home_option


@click.command(context_settings=CONTEXT)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--rules",
    default="status,drift,gate,freshness,champion",
    show_default=True,
    metavar="NAMES",
    help="What to tell of, comma-separated.",
)
@click.option(
    "--site",
    default="",
    envvar="VIGIE_SITE_URL",
    metavar="URL",
    help="Address of the published site, for the links. Default: VIGIE_SITE_URL.",
)
@home_option
def notify(targets: tuple[str, ...], rules: str, site: str, home: str) -> None:
    r"""Tell TARGET what has changed since it was last told, once per change.

    \b
    TARGET is one of (default: those in VIGIE_NOTIFY, divided by blanks)
      webhook:https://…        a POST of JSON: case, rule, state, title, sentence, number, link
      slack:https://…          a message to Slack, or to what takes the same messages
      mailto:a@example.org     through the server in VIGIE_SMTP_HOST (…_PORT, _USER, _PASSWORD,
                               _FROM; _TLS=no for one without encryption)
      github-issues:OWNER/REPO one issue a case, closed again when all is well, through gh

    A target that can't be reached is told the next time; the exit code is 0 all the same.
    """
    from pipeline.errors import OptionError
    from pipeline.notify.events import RULES
    from pipeline.notify.targets import target_of
    from pipeline.notify.telling import notify as tell
    from pipeline.publish import read_status
    from pipeline.store import Store

    asked = frozenset(name.strip() for name in rules.split(",") if name.strip())
    if unknown := sorted(asked - RULES.keys()):
        known = "; ".join(f"{name}: {what}" for name, what in RULES.items())
        raise OptionError(f"There is no rule {unknown[0]!r}. Choose of these. {known}.")
    addresses = targets or tuple(os.environ.get("VIGIE_NOTIFY", "").split())
    if not addresses:
        click.echo("Nobody to tell: name a target, or set VIGIE_NOTIFY. See vigie notify --help.")
        return
    store, now = Store.at(home), datetime.now(UTC)
    arrived = tell(
        store,
        read_status(store, now=now),
        [target_of(address, os.environ) for address in addresses],
        rules=asked,
        site=site,
        now=now,
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(f"{arrived} messages sent.")
