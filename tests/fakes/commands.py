"""Finds the calls of a program in a shell script, and checks them against its command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

BEFORE = frozenset({"||", "&&", ";", "do", "then", "{"})
AFTER = frozenset({"||", "&&", ";", "|", ">>", ">"})


def calls(program: str, script: str) -> Iterator[list[str]]:
    """The arguments of every call of the program in a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line.replace(";", " ; "), comments=True)
        for place, word in enumerate(words):
            if Path(word).name == program and (place == 0 or words[place - 1] in BEFORE):
                rest = words[place + 1 :]
                yield rest[: next((i for i, w in enumerate(rest) if w in AFTER), len(rest))]


def check_call(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        assert not word.startswith("--") or word in known, f"{command.name} has no {word}"
