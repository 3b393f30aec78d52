"""The command `vigie notify`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import CONTEXT, home_option
from pipeline.saying import Say

if TYPE_CHECKING:
    from pipeline.notify.service import Answered, Limits
    from pipeline.store import Store

ALL_RULES = "status,drift,gate,freshness,champion,errors"


@click.command(context_settings=CONTEXT)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--rules",
    default=ALL_RULES,
    show_default=True,
    metavar="NAMES",
    help="What to tell of, comma-separated.",
)
@click.option(
    "--site",
    default="",
    envvar="VIGIE_SITE_URL",
    show_envvar=True,
    metavar="URL",
    help="Address of the published site, for the links.",
)
@click.option(
    "--most-errors",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    envvar="VIGIE_MOST_ERRORS",
    show_envvar=True,
    metavar="SHARE",
    help="Share of the service's answers that may be failures (status 500 and above).",
)
@click.option(
    "--errors-within",
    default="1h",
    show_default=True,
    envvar="VIGIE_ERRORS_WITHIN",
    show_envvar=True,
    metavar="TIME",
    help="How far back failures are counted, like 30m or 1d.",
)
@click.option(
    "--least-calls",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    envvar="VIGIE_LEAST_CALLS",
    show_envvar=True,
    metavar="N",
    help="Fewer calls than these in that time say nothing about the service.",
)
@click.option(
    "--prometheus",
    default="",
    envvar="VIGIE_PROMETHEUS",
    show_envvar=True,
    metavar="URL",
    help="Count failures by this Prometheus server. Default: by the home's call log.",
)
@home_option
def notify(
    targets: tuple[str, ...],
    rules: str,
    site: str,
    most_errors: float,
    errors_within: str,
    least_calls: int,
    prometheus: str,
    home: str,
) -> None:
    """Tell TARGET what has changed since it was last told, once per change.

    \b
    TARGET is one of (default: those in VIGIE_NOTIFY, divided by blanks)
      webhook:https://…        a POST of JSON: case, rule, state, title, sentence, number, link
      slack:https://…          a message to Slack, or to what takes the same messages
      mailto:a@example.org     through the server in VIGIE_SMTP_HOST (…_PORT, _USER, _PASSWORD,
                               _FROM; _TLS=no for one without encryption)
      github-issues:OWNER/REPO one issue a case, closed again when all is well, through gh

    A target that can't be reached is told the next time; the exit code is 0 all the same.
    """  # noqa: D301  click reads \b as a character
    from pipeline.errors import OptionError
    from pipeline.notify.events import RULES, events, of_service
    from pipeline.notify.service import Limits
    from pipeline.notify.targets import target_of
    from pipeline.notify.telling import notify as tell
    from pipeline.publish import read_status
    from pipeline.runner.schedule import parse_every
    from pipeline.store import Store

    asked = frozenset(name.strip() for name in rules.split(",") if name.strip())
    if unknown := sorted(asked - RULES.keys()):
        known = "; ".join(f"{name}: {what}" for name, what in RULES.items())
        raise OptionError(f"There is no rule {unknown[0]!r}. Choose of these. {known}.")
    limits = Limits(rate=most_errors, within=parse_every(errors_within), least=least_calls)
    addresses = targets or tuple(os.environ.get("VIGIE_NOTIFY", "").split())
    if not addresses:
        click.echo("Nobody to tell: name a target, or set VIGIE_NOTIFY. See vigie notify --help.")
        return
    store, now = Store.at(home), datetime.now(UTC)
    status = read_status(store, now=now)
    found = events(status, site=site, now=now)
    if "errors" in asked and (answered := _answered(store, prometheus, limits, now, _warn)):
        found += of_service(answered, limits, status, site=site)
    to_tell = [target_of(address, os.environ) for address in addresses]
    arrived = tell(store, found, to_tell, rules=asked, say=_warn)
    click.echo(f"{arrived} {'message' if arrived == 1 else 'messages'} sent.")


def _answered(
    store: Store, prometheus: str, limits: Limits, now: datetime, say: Say
) -> Answered | None:
    """How the service has answered; `None` where nobody knows, and why is said."""
    from pipeline.errors import StateError
    from pipeline.notify.service import of_log, of_prometheus
    from pipeline.packaging.serving import service_files

    log = Path(os.environ.get("VIGIE_CALLS") or service_files(store)["calls"])
    try:
        if prometheus:
            return of_prometheus(prometheus, within=limits.within)
        return of_log(log, within=limits.within, now=now)
    except StateError as error:
        say(f"The service's failures were not counted. {error}")
        return None


def _warn(line: str) -> None:
    click.echo(line, err=True)
