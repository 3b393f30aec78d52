"""The command `vigie`: parses, calls one function, prints.

What a command needs is imported when it is called, so that `--help` and `status` answer at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipeline import __version__
from pipeline.errors import VigieError
from pipeline.notify.command import notify
from pipeline.service_commands import calls, keys, predict, rollback, serve
from pipeline.snapshots.command import state

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main() -> None:
    """Runs the command; an error of ours is a message and an exit code, not a traceback."""
    try:
        commands(standalone_mode=False)
    except VigieError as error:
        click.echo(f"vigie: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("vigie: interrupted; the next run goes on from what was recorded.", err=True)
        sys.exit(130)


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="vigie")
def commands() -> None:
    r"""From a feed of data to a monitored model, a report site and an HTTP service.

    \b
    A first look, offline:   vigie run          (simulated data)
                             vigie site
                             vigie serve
    On your own files:       vigie run --source files --data DIR --home var-files

    State is kept in the home folder: --home, else VIGIE_HOME, else var/ in the checkout.

    \b
    Exit codes: 0 all well, 2 wrong usage, 3 a gate failed, 4 something broke,
    5 another run holds the case, 130 interrupted. Of several cases, the worst: 4, 5, 3.
    """


for command in (serve, keys, calls, predict, rollback):
    commands.add_command(command)
commands.add_command(notify)
commands.add_command(state)


def home_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option --home."""
    return click.option(
        "--home",
        default="",
        metavar="DIR",
        help="Folder of all state. Default: VIGIE_HOME, or var/ in the checkout.",
    )(command)


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the data comes from."""
    options = (
        click.option(
            "--source",
            type=click.Choice(["live", "files", "sample"]),
            default="sample",
            show_default=True,
            help="The publisher's address, files from --data, or simulated data.",
        ),
        click.option(
            "--data",
            default="",
            metavar="DIR",
            help="For --source files: a folder with one subfolder a case.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all that executes notebooks."""
    options = (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help="A parameter of a notebook, such as folds=2 or retrain=always. "
            "May be given again.",
        ),
        click.option(
            "--parameters",
            default="",
            metavar="JSON",
            help="Parameters as one JSON object, as a form gives them; "
            "empty values keep the defaults.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["warm", "stock"]),
            envvar="VIGIE_ENGINE",
            show_envvar=True,
            default="warm",
            show_default=True,
            help="Fork kernels from a process that has imported the libraries, or start each anew.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Cases that run side by side; each gets its share of the cores.",
        ),
        click.option(
            "--cluster",
            default="",
            metavar="ADDRESS",
            help="Run on the Dask cluster of this scheduler, such as tcp://host:8786. The home "
            "must be on storage that all workers share, under the same path.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@commands.command()
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


@commands.command()
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
    after the other; --jobs runs several cases side by side.
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
        found = run_orders(Store.at(home), orders, say=say, jobs=jobs, cluster=cluster, brief=True)
    sys.exit(exit_code(ran.outcome for done in found.values() for ran in done))


@commands.command()
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="As JSON, for programs: the site's status.json, and the notebooks of each case.",
)
@click.option("--markdown", is_flag=True, help="As a table in Markdown, for the summary of a job.")
@home_option
def status(as_json: bool, markdown: bool, home: str) -> None:
    """Say for every case how it stands, who serves, and how its newest run went.

    And of every notebook whether the next run would take it over (fresh), and else why not: stale
    and what has changed, running and by whom, failed and how.
    """
    from pipeline.publish import read_status
    from pipeline.publish.told import in_markdown, in_words
    from pipeline.runner.states import lines, step_states
    from pipeline.store import Store

    store = Store.at(home)
    found = read_status(store, now=datetime.now(UTC))
    if markdown:
        click.echo(in_markdown(found))
        return
    states = {case.case: step_states(store, case.case) for case in found.cases}
    if as_json:
        told = found.model_dump(mode="json")
        for case in told["cases"]:
            case["notebooks"] = [state.model_dump(mode="json") for state in states[case["case"]]]
        click.echo(json.dumps(told, indent=1))
        return
    notebooks = {case: lines(store.check(case), states[case]) for case in states}
    click.echo(in_words(found, store.home, notebooks))


@commands.command()
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
@home_option
def site(output: str, renderer: Any, home: str) -> None:
    """Render the records and executed notebooks as a site."""
    from pipeline.publish import publish
    from pipeline.store import Store

    made = publish(Store.at(home), Path(output), renderer=renderer, now=datetime.now(UTC))
    first = (made.output.resolve() / "index.html").as_uri()
    click.echo(f"{made.pages} pages in {made.output} (renderer: {made.renderer}).")
    click.echo(f"Open it: {first}")


@commands.command()
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
    r"""Write a case of your own, NAME, from a file.

    \b
    vigie new sales --from sales.csv --target revenue --time day --key shop
    vigie new irises --from iris.csv --target species

    Separator, decimal sign, encoding, ways to write times and kinds of columns are guessed, and
    said. The case goes to pipeline/cases/NAME/, its expectations to expectations/NAME.json, with
    bounds from the data that a person should review. Nothing is overwritten. The case reads files
    alone: it has no sample, since nobody knows how data of yours come about.
    """
    from pipeline.newcase import make_case

    made = make_case(name, Path(path), target=target, time=time, key=key, task=task or "")
    for sentence in made.said:
        click.echo(sentence)
    click.echo(f"Written: {made.folder} and {made.suite}. Review the bounds there, then run:")
    for command in made.commands:
        click.echo(f"  {command}")


@commands.command()
@click.argument("case")
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN",
    help="Group by a column. May be given again, or take several with commas.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Keep rows where it holds, such as 'count >= 100'. May be given again: all must hold.",
)
@click.option("--bucket", help="Group by time: hour, weekday, day, week, month or year.")
@click.option(
    "--zone", default="UTC", show_default=True, help="Time zone of the buckets: Europe/Paris."
)
@click.option("--column", default="", help="The column to aggregate. Default: the target.")
@click.option(
    "--aggregate",
    multiple=True,
    metavar="NAME",
    help="mean, sum, min, max or count. May be given again. Default: mean and count.",
)
@click.option("--limit", default=1000, show_default=True, help="Most rows to print.")
@click.option("--offset", default=0, show_default=True, help="Rows to skip before.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print them.",
)
@home_option
def trends(
    case: str,
    by: tuple[str, ...],
    where: tuple[str, ...],
    form: str,
    home: str,
    **asked: Any,
) -> None:
    r"""Aggregate the validated observations of CASE by group and over time.

    \b
    vigie trends bikes --by counter --bucket month
    vigie trends bikes --bucket hour --zone Europe/Paris --where 'counter in A,B'
    vigie trends bikes --by counter --where 'time >= 2024-06-01' --aggregate max --format csv

    A condition is COLUMN OPERATOR VALUE: =, !=, <, <=, >, >=, in A,B,"C, D", is missing, is
    present. hour and weekday are of the clock, the other buckets begin on the date given. Rows in
    quarantine take no part.
    """
    from pipeline.case import find_case
    from pipeline.store import Store
    from pipeline.trends import Question
    from pipeline.trends.told import told

    found = find_case(case)
    question = Question.of(
        found.schema,
        by=tuple(name.strip() for names in by for name in names.split(",")),
        where=where,
        aggregates=asked.pop("aggregate"),
        **asked,
    )
    store = Store.at(home)
    answer = store.trends(case, found.schema, store.newest_validation(case)).answer(question)
    click.echo(told(answer, form), nl=False)


@commands.command()
@click.argument("case")
@click.option("--weeks", default=40, show_default=True, help="Most weeks to replay, newest last.")
@click.option("--candidate", default="", help="Which model learns; default: the first of the case.")
@home_option
def policies(case: str, weeks: int, candidate: str, home: str) -> None:
    """Replay retraining policies over the history of CASE: never, by performance, by drift,
    monthly, always.

    A model is learned at the start of every week, once; the next call learns only the weeks that
    are new. The first two current windows only set the limits. Table and chart are written to
    policies/CASE of the home.
    """
    from pipeline.case import find_case
    from pipeline.steps.price import price
    from pipeline.store import Store

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = price(Store.at(home), find_case(case), weeks=weeks, candidate=candidate, say=say)
    click.echo(found.rows.drop(columns="trained").to_string(index=False))
    click.echo(f"{found.figure.alt} Written to {found.folder}.")


@commands.command()
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
