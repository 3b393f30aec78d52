"""The page on the service: the same addresses as the service tells, and calls that work."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from toy_service import Serving, serving, toy_case

from bento.describing import describe
from pipeline.keys import make_key
from pipeline.publish.interface import Interface
from pipeline.publish.status import SiteStatus
from pipeline.store import Store

NOW = datetime(2021, 3, 8, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> {{< meta title >}} `code`"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The service of the toy case, which asks for keys."""
    with serving(tmp_path_factory.mktemp("described"), rate_per_address="0") as found:
        yield found


def page(store: Store) -> str:
    """What the page holds of the service, as HTML."""
    document = describe(store, cases={"toy": toy_case()})
    return "\n".join(Interface(document=document, status=nothing()).blocks())


def nothing() -> SiteStatus:
    return SiteStatus(published=NOW, cases=())


def calls(store: Store) -> list[str]:
    """Every command of the page."""
    return [
        html.unescape(found)
        for found in re.findall(
            r'<pre tabindex="0"><code>(.*?)</code></pre>', page(store), re.DOTALL
        )
    ]


def test_the_document_is_the_services_own(served: Serving) -> None:
    """Made without a model, it tells the same addresses, parameters and refusals; only examples and
    the values of fields are known to the service alone."""
    key = make_key(served.settings.keys, "reader", ("read",), now=datetime.now(UTC))[1]
    told = served.client.get("/openapi.json", headers={"Authorization": f"Bearer {key}"}).json()
    found = json.loads(json.dumps(describe(served.store, cases={"toy": toy_case()})))
    for path in told["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content.pop("example", None)

    assert told["paths"] == found["paths"]
    assert told["components"]["schemas"].keys() == found["components"]["schemas"].keys()


def test_every_call_of_the_page_works(served: Serving, tmp_path: Path) -> None:
    """Each is run as it stands there, in a shell, against a running service."""
    key = make_key(served.settings.keys, "caller", ("admin",), now=datetime.now(UTC))[1]
    asked = calls(served.store)
    environment = {**os.environ, "VIGIE": str(served.client.base_url).rstrip("/"), "KEY": key}
    failed: list[tuple[str, str]] = []
    for call in asked:
        command = "set -o pipefail; " + call.replace(
            "curl ", "curl --fail-with-body --noproxy '*' "
        )
        ended = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            failed.append((call, ended.stdout + ended.stderr))

    assert [] == failed
    paths = served.client.get("/openapi.json", headers={"Authorization": f"Bearer {key}"}).json()
    assert len(asked) == sum(len(methods) for methods in paths["paths"].values())


def test_a_prediction_of_the_page_is_one(served: Serving, tmp_path: Path) -> None:
    """The example that the model card brings is one that can be asked for today."""
    key = make_key(served.settings.keys, "asker", ("predict", "read"), now=datetime.now(UTC))[1]
    (call,) = [call for call in calls(served.store) if "/predict" in call]
    environment = {**os.environ, "VIGIE": str(served.client.base_url).rstrip("/"), "KEY": key}
    ended = subprocess.run(
        ["bash", "-c", call.replace("curl ", "curl --noproxy '*' ")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert 1 == len(json.loads(ended.stdout)["predictions"])


def test_hostile_words_of_a_document_are_text(store: Store) -> None:
    """A description from a case's schema is no markup."""
    document: Any = json.loads(json.dumps(describe(store, cases={"toy": toy_case()})))
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["summary"] = operation["description"] = HOSTILE
    text = "\n".join(Interface(document=document, status=nothing()).blocks())

    assert "<script>" not in text
    assert "{{<" not in text
    assert "&lt;script&gt;" in text


def test_a_home_without_a_champion_has_no_case_in_it(tmp_path: Path) -> None:
    """The addresses of the service itself are there all the same."""
    found = describe(Store(home=tmp_path), cases={"toy": toy_case()})

    assert "/healthz" in found["paths"]
    assert not [path for path in found["paths"] if "toy" in path]
