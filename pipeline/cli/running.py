"""The commands `vigie run` and `vigie backfill`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import CONTEXT, home_option, run_options, source_options


@click.command(context_settings=CONTEXT)
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@source_options
@click.option(
    "--as-of",
    default="",
    metavar="TIME",
    help="See nothing newer than this, like 2021-06-01. Default: the newest of the data.",
)
@click.option("--seconds", type=int, metavar="N", help="Time limit of a notebook cell.")
@click.option("--step-seconds", type=int, metavar="N", help="Time limit of a whole notebook.")
@click.option("--force", is_flag=True, help="Execute every notebook, also where nothing is new.")
@click.option(
    "--from",
    "step",
    default="",
    metavar="STEP",
    help="Execute this notebook or step, such as train, and all after it in any event.",
)
@click.option(
    "--until",
    default="",
    metavar="STEP",
    help="End after this notebook or step, such as decide; the next run goes on from there.",
)
@run_options
@click.option(
    "--due",
    is_flag=True,
    help="Run what the schedule --every has due: the times that were missed since the newest run, "
    "oldest first, up to --as-of (default: now). What was done is not done twice.",
)
@click.option(
    "--every",
    default="1d",
    show_default=True,
    metavar="TIME",
    help="With --due: how often, like 7d, 12h or 2w.",
)
@home_option
def run(
    cases: tuple[str, ...],
    source: Any,
    data: str,
    as_of: str,
    settings: tuple[str, ...],
    parameters: str,
    seconds: int | None,
    step_seconds: int | None,
    force: bool,
    step: str,
    until: str,
    engine: Any,
    jobs: int,
    cluster: str,
    due: bool,
    every: str,
    home: str,
) -> None:
    """Run the notebooks of CASE (default: every case).

    Ingest, validate, drift, train, evaluate and report, each executed by papermill. The records
    and the executed notebooks are kept in the home folder; `vigie site` makes pages of them.

    A notebook is taken over from an earlier run when nothing that it rests on has changed: what
    the source holds, versions of the tables, the champion, parameters, the notebook's and the
    package's source, and the lock file.
    """
    folder = str(Path(data).expanduser().resolve()) if data else ""
    if not (settings or parameters or force or step or due):
        stop_if_sealed(cases, home, source=source, data=folder, as_of=as_of)

    from pipeline.case import find_cases
    from pipeline.runner import Order, exit_code, run_cases, run_due
    from pipeline.runner.board import board
    from pipeline.runner.order import find_notebook
    from pipeline.runner.parameters import parse_form, parse_settings
    from pipeline.runner.schedule import parse_every
    from pipeline.store import Store

    order = Order(
        source=source,
        data=folder,
        as_of=as_of,
        own=parse_form(parameters) | parse_settings(settings),
        seconds=seconds,
        step_seconds=step_seconds,
        anew="1-ingest" if force else find_notebook(step) if step else None,
        until=find_notebook(until) if until else None,
        engine=engine,
    )
    offering = [name for name, case in find_cases().items() if source in case.sources]
    store, named = Store.at(home), cases or tuple(offering)
    for name in sorted(find_cases().keys() - set(offering)) if not cases else ():
        click.echo(f"{name:<10} left out  it has no source {source!r}")
    with board(list(named), click.echo) as say:
        where: dict[str, Any] = {"say": say, "jobs": jobs, "cluster": cluster}
        if due:
            done = run_due(store, named, order, every=parse_every(every), **where)
        else:
            done = run_cases(store, named, order, **where)
    sys.exit(exit_code(ran.outcome for ran in done))


@click.command(context_settings=CONTEXT)
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@source_options
@click.option("--from", "start", required=True, metavar="TIME", help="The first as-of time.")
@click.option("--to", "end", required=True, metavar="TIME", help="No as-of time is after this.")
@click.option(
    "--every", default="7d", show_default=True, metavar="TIME", help="How often, like 7d or 12h."
)
@run_options
@home_option
def backfill(
    cases: tuple[str, ...],
    source: Any,
    data: str,
    start: str,
    end: str,
    every: str,
    settings: tuple[str, ...],
    parameters: str,
    engine: Any,
    jobs: int,
    cluster: str,
    home: str,
) -> None:
    """Replay a schedule: run CASE as of each date, and give its pages a history.

    Every run sees only what was known at its date, and the champion that earlier dates had made.
    Dates that were done before with the same parameters and code are not done again, so that a
    backfill that was interrupted goes on where it ended. A date that fails, such as one with too
    little history before it, is said and does not stop those after it. Of one case, dates come one
    after the other; with a second core, a date's data are taken in while the one before is judged.
    --jobs runs several cases side by side.
    """
    from pipeline.runner import Order, exit_code, run_orders
    from pipeline.runner.board import bar
    from pipeline.runner.parameters import parse_form, parse_settings
    from pipeline.runner.schedule import orders_at, parse_every, parse_moment, times
    from pipeline.store import Store

    order = Order(
        source=source,
        data=str(Path(data).expanduser().resolve()) if data else "",
        own=parse_form(parameters) | parse_settings(settings),
        engine=engine,
        trusts_source=True,
    )
    moments = times(parse_moment("--from", start), parse_moment("--to", end), parse_every(every))
    orders = dict.fromkeys(cases, orders_at(order, moments))
    with bar(len(moments) * len(orders), click.echo) as say:
        found = run_orders(
            Store.at(home), orders, say=say, jobs=jobs, cluster=cluster, replayed=True
        )
    sys.exit(exit_code(ran.outcome for done in found.values() for ran in done))


def stop_if_sealed(cases: tuple[str, ...], home: str, **asked: Any) -> None:
    """Ends the command when every case is sealed: nothing has changed since nothing was to do."""
    from pipeline import seals

    wanted = seals.Asked(own={}, **asked)
    found = {
        case: seals.sealed(seals.home_at(home), case, wanted)
        for case in cases or seals.case_names()
    }
    standing = {case: run for case, run in found.items() if run is not None}
    if standing and len(standing) == len(found):
        for case, run in standing.items():
            click.echo(seals.nothing_new(case, run))
        sys.exit(max(3 if run.outcome == "stopped" else 0 for run in standing.values()))
