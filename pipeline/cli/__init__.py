"""The command `vigie`: parses, calls one function, prints.

What a command needs is imported when it is called, so that `--help` and `status` answer at once.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn

import click

from pipeline import __version__
from pipeline.cli.access import keys
from pipeline.cli.looking import policies, status, trends
from pipeline.cli.making import new, pack, site
from pipeline.cli.moving import state
from pipeline.cli.notifying import notify
from pipeline.cli.options import CONTEXT
from pipeline.cli.predicting import predict
from pipeline.cli.running import backfill, run
from pipeline.cli.serving import calls, rollback, serve
from pipeline.errors import VigieError


def program() -> NoReturn:
    """`main` as a whole process, which ends at once when all that was left for its end is done.

    The interpreter's own end would look, for over a second, for circles in all that MLflow and
    other libraries have made; the system takes it back without.
    """
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # A reader has gone: the code of the interpreter for it.
        code = code or 120
    os._exit(code)


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
    """From a feed of data to a monitored model, a report site and an HTTP service.

    \b
    A first look, offline:   vigie run          (simulated data)
                             vigie site
                             vigie serve
    On your own files:       vigie run --source files --data DIR --home var-files

    State is kept in the home folder: --home, else VIGIE_HOME, else var/ in the checkout.

    \b
    Exit codes: 0 all well, 2 wrong usage, 3 a gate failed, 4 something broke,
    5 another run holds the case, 130 interrupted. Of several cases, the worst: 4, 5, 3.
    """  # noqa: D301  click reads \b as a character


for command in (
    run,
    backfill,
    status,
    site,
    new,
    trends,
    policies,
    pack,
    serve,
    keys,
    calls,
    predict,
    rollback,
    notify,
    state,
):
    commands.add_command(command)
