"""The examples of the README work as they stand, but for the case, its record and the port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from toy_service import Serving, serving

from pipeline.keys import make_key
from pipeline.packaging.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("examples")) as found:
        yield found


def example(begins: str, served: Serving) -> str:
    """The block of code that holds these words, asking the toy case."""
    blocks = re.findall(r"```[a-z]+\n(.*?)```", README, re.DOTALL)
    (found,) = [block for block in blocks if begins in block and "/v1/bikes/predict" in block]
    host = served.client.base_url.netloc.decode()
    return (
        found.replace("127.0.0.1:3000", host)
        .replace("/v1/bikes/", "/v1/toy/")
        .replace("Rue des Tilleuls O-E", "north")
        .replace('"time": "2024-09-30T07:00:00Z"', '"hour": "2021-03-08T07:00:00Z"')
    )


def environment(served: Serving, name: str) -> dict[str, str]:
    assert served.settings.keys is not None
    _, key = make_key(served.settings.keys, name, ["predict"], now=datetime.now(UTC))
    return {**os.environ, "KEY": key}


def test_the_command_of_the_readme_is_answered(served: Serving) -> None:
    text = example("$ curl", served)
    command = text[text.index("curl") :]

    ran = subprocess.run(
        ["bash", "-c", command],
        env=environment(served, "curl"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert '"predictions":[{"prediction":' in ran.stdout, ran.stderr


def test_the_program_of_the_readme_is_answered(served: Serving) -> None:
    text = example("import json", served)

    ran = subprocess.run(
        [sys.executable, "-c", text],
        env=environment(served, "python"),
        capture_output=True,
        text=True,
        check=True,
    )

    low, middle, high = map(float, ran.stdout.split())
    assert low <= middle <= high


def test_the_readme_names_every_setting() -> None:
    """And no other."""
    table = README[README.index("| setting | default |") : README.index("`deploy/prometheus/`")]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([A-Z_]+)`", row)}

    assert {name.upper() for name in Settings.model_fields} == named
