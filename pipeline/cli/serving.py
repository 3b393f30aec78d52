"""The commands around the service: `serve`, `calls`, `rollback`."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

import click

from pipeline.cli.access import service_file
from pipeline.cli.options import CONTEXT, home_option
from pipeline.errors import OptionError


@click.command(context_settings=CONTEXT)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
@click.option("--open", "is_open", is_flag=True, help="Answer everybody, without keys.")
@click.option("--workers", type=int, metavar="N", help="Processes that answer. Default: 1.")
@click.option(
    "--public",
    metavar="LIST",
    help="What needs no key, of health,docs,metrics,try (default: all of these), or none.",
)
@click.option("--cors", metavar="LIST", help="Origins whose pages may call, separated by commas.")
@click.option("--keep-days", metavar="DAYS", help="How far back the call log goes. Default: 30.")
@click.option(
    "--log-inputs",
    type=click.Choice(["full", "digest"]),
    help="What the call log keeps of the records sent. Default: full.",
)
@home_option
def serve(host: str, port: int, is_open: bool, home: str, **chosen: Any) -> None:
    """Answer predictions of the champions over HTTP, until interrupted.

    What a run promotes meanwhile is served within seconds. Callers need a key (vigie keys add);
    --open lets everybody in. Every setting is an environment variable too, see the README.
    """
    from pipeline.packaging import serve as start
    from pipeline.packaging.settings import PREFIX, Settings
    from pipeline.store import Store

    options = {
        PREFIX + name.upper(): str(value) for name, value in chosen.items() if value is not None
    }
    if is_open:
        options[f"{PREFIX}OPEN"] = "true"
    settings = Settings.from_environment({**os.environ, **options})
    start(Store.at(home), host=host, port=port, settings=settings, say=click.echo)


@click.command(context_settings=CONTEXT)
@click.argument("case", default="")
@click.option("--key", default="", metavar="ID", help="Only calls with this key.")
@click.option("--refused", is_flag=True, help="Only calls that were refused.")
@click.option("--since", default="", metavar="TIME", help="Only calls since, like 2021-06-01.")
@click.option("--most", default=50, show_default=True, metavar="N", help="The newest N of them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@home_option
def calls(
    case: str, key: str, refused: bool, since: str, most: int, as_json: bool, home: str
) -> None:
    """Look at the call log of the service, newest call last."""
    from pipeline.calls import read_calls

    found = read_calls(
        service_file(home, "calls"),
        case=case,
        key=key,
        least_status=400 if refused else 0,
        since=_moment(since) if since else None,
        most=most,
    )
    for call in reversed(found):
        if as_json:
            click.echo(json.dumps({**vars_of(call), "time": call.time.isoformat()}))
        else:
            told = call.problem or (f"{call.records} by {call.model}" if call.model else "")
            click.echo(
                f"{call.time:%Y-%m-%d %H:%M:%S}  {call.status}  {call.milliseconds:8.1f} ms  "
                f"{call.key or '-':<8}  {call.method} {call.route} {call.case}  {told}".rstrip()
            )
    if not found and not as_json:
        click.echo("No call fits.")


def vars_of(call: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass."""
    from dataclasses import asdict

    return asdict(call)


@click.command(context_settings=CONTEXT)
@click.argument("case")
@home_option
def rollback(case: str, home: str) -> None:
    """Let the champion before serve CASE again.

    A service that runs takes it over within seconds. It is a decision on record; the next run may
    promote another champion.
    """
    from pipeline.case import find_case
    from pipeline.packaging.rollback import roll_back
    from pipeline.store import Store

    click.echo(roll_back(Store.at(home), find_case(case)).sentence)


def _moment(text: str) -> datetime:
    from pipeline.options import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise OptionError(f"--since: {error}.") from error
