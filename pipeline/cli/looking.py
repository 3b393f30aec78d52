"""The commands that look at what the home holds: `status`, `trends`, `policies`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from pipeline.cli.options import CONTEXT, home_option


@click.command(context_settings=CONTEXT)
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


@click.command(context_settings=CONTEXT)
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
    """Aggregate the validated observations of CASE by group and over time.

    \b
    vigie trends bikes --by counter --bucket month
    vigie trends bikes --bucket hour --zone Europe/Paris --where 'counter in A,B'
    vigie trends bikes --by counter --where 'time >= 2024-06-01' --aggregate max --format csv

    A condition is COLUMN OPERATOR VALUE: =, !=, <, <=, >, >=, in A,B,"C, D", is missing, is
    present. hour and weekday are of the clock, the other buckets begin on the date given. Rows in
    quarantine take no part.
    """  # noqa: D301  click reads \b as a character
    from pipeline.case import find_case
    from pipeline.store import Store
    from pipeline.trends import Question, require_known_values
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
    with store.trends(case, found.schema, store.newest_validation(case)).opened() as opened:
        answer = opened.answer(question)
        require_known_values(question, answer, opened)
    click.echo(told(answer, form), nl=False)


@click.command(context_settings=CONTEXT)
@click.argument("case")
@click.option(
    "--stretches", default=40, show_default=True, help="Most stretches to replay, newest last."
)
@click.option("--candidate", default="", help="Which model learns; default: what was learned last.")
@home_option
def policies(case: str, stretches: int, candidate: str, home: str) -> None:
    """Replay retraining policies over the history of CASE: never, by performance, by drift,
    monthly, always.

    A model is learned at the start of every stretch (a quarter of the current window: a week,
    where that is 28 days), once; the next call learns only the stretches that are new. The first
    two current windows only set the limits. Table and charts are written to policies/CASE of the
    home, and are a page of the site. Once called, runs keep them up to date.
    """
    from pipeline.case import find_case
    from pipeline.steps.price import price
    from pipeline.store import Store

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = price(Store.at(home), find_case(case), most=stretches, candidate=candidate, say=say)
    click.echo(found.rows.to_string(index=False))
    click.echo(f"{found.record.sentence} Written to {found.folder}.")
