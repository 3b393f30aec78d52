"""The command `predict`: a champion asked without a service."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from pipeline.cli.options import CONTEXT, home_option
from pipeline.errors import OptionError


@click.command(context_settings=CONTEXT)
@click.argument("case")
@click.option(
    "--json",
    "text",
    metavar="JSON",
    help="A record or a list of them. Default: they are read from standard input.",
)
@click.option(
    "--interval",
    type=float,
    metavar="SHARE",
    help="Share of the true values that intervals are to hold.",
)
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
