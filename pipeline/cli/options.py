"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


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
