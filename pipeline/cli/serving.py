"""The commands around the service: `serve`, `keys`, `calls`, `rollback`, `predict`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

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
        _service_file(home, "calls"),
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


@click.command(context_settings=CONTEXT)
@click.argument("case")
@click.option(
    "--json",
    "text",
    metavar="JSON",
    help="A record or a list of them. Default: they are read from standard input.",
)
@click.option("--interval", type=float, metavar="SHARE", help="Share of truths to hold, like 0.8.")
@click.option("--raw", is_flag=True, help="The whole answer as JSON, as the service gives it.")
@home_option
def predict(case: str, text: str | None, interval: float | None, raw: bool, home: str) -> None:
    """Ask the champion of CASE in the home folder, without a service."""
    from bento.asking import ask
    from pipeline.case import find_case
    from pipeline.store import Store

    found = ask(Store.at(home), find_case(case), _records(text), interval)
    if raw:
        click.echo(json.dumps(found, indent=1))
        return
    for line in _told(found):
        click.echo(line)


def _told(found: dict[str, Any]) -> Iterator[str]:
    unit = f" {found['unit']}" if found["unit"] else ""
    for one in found["predictions"]:
        value = one["prediction"]
        middle = f"{value:.4g}{unit}" if isinstance(value, float) else str(value)
        others = ""
        if "low" in one:
            others = (
                f", between {one['low']:.4g} and {one['high']:.4g} in {found['level']:.0%} of cases"
            )
        elif "set" in one:
            others = f", in {found['level']:.0%} of cases one of {', '.join(one['set'])}"
        outside = " (outside of what the model has learned from)" if one["extrapolating"] else ""
        yield f"{middle}{others}{outside}"
    if found["simulated"]:
        yield "SIMULATED DATA: the model learned from a simulator."


def _records(text: str | None) -> list[Any]:
    try:
        found = json.loads(sys.stdin.read() if text is None else text)
    except ValueError as error:
        raise OptionError(f"The records are not JSON: {error}. Write --json '{{…}}'.") from error
    return found if isinstance(found, list) else [found]


def _moment(text: str) -> datetime:
    from pipeline.options import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise OptionError(f"--since: {error}.") from error


def _keys_file(home: str) -> Path:
    return _service_file(home, "keys")


def _service_file(home: str, name: str) -> Path:
    """Of the environment, else of the home, as the service itself finds it."""
    from pipeline.packaging.serving import service_files
    from pipeline.store import Store

    named = os.environ.get(f"VIGIE_{name.upper()}", "")
    return Path(named) if named else service_files(Store.at(home))[name]
