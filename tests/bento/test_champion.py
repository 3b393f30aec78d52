"""A champion that can't be served is refused when the service starts, not when it is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from bento import champion as module
from bento.champion import Champion, load_champions
from bento.openapi import document
from bento.problems import RequestError
from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.packaging import export_champions
from pipeline.schema import Column, Schema
from pipeline.store import Store


def test_a_champion_of_an_unknown_case_is_refused(store: Store, case: Case, tmp_path: Path) -> None:
    """A folder from another version, with a case that this one lacks, is refused by name."""
    export_champions(store, tmp_path / "out", cases={"toy": case})

    with pytest.raises(ServiceError, match=r"(?s)cases that this version does not have.*'toy'"):
        load_champions(tmp_path / "out", {})


def test_a_champion_that_fails_is_refused_at_the_start(
    store: Store, case: Case, tmp_path: Path
) -> None:
    """A model that can't predict the newest observation with this code stops the start."""

    class Broken(type(case.task)):  # type: ignore[misc]
        def predict(self, model: Any, frame: Any) -> Any:
            raise KeyError("clock")

    export_champions(store, tmp_path / "out", cases={"toy": case})

    with pytest.raises(ServiceError, match=r"champion 'ridge' of case 'toy'.*vigie run toy"):
        load_champions(tmp_path / "out", {"toy": replace(case, task=Broken())})


def test_a_number_beyond_its_type_is_named() -> None:
    """An integer that 64 bits can't hold is refused, with its field."""
    schema = Schema(
        columns=(Column(name="size", kind="integer", description="size"),),
        key=("size",),
        target="size",
    )
    record = create_model("Record", size=int)(size=2**70)

    with pytest.raises(RequestError) as caught:
        module._records_frame([record], schema)

    assert "size" == caught.value.errors[0].field


def test_a_task_without_history_is_served(store: Store, case: Case, tmp_path: Path) -> None:
    """A case that looks at no past carries one of the newest rows, as an example."""
    from datetime import timedelta

    forgetful = replace(case, task=replace(case.task, history=timedelta(0)))  # type: ignore[type-var]

    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": forgetful})

    assert "2021-03-07T23:00:00+00:00" == (bundle.card.example or {})["hour"]
    champion = Champion.load(bundle, forgetful)
    assert 1 == len(champion.history)
    asked = document({"toy": champion})["paths"]["/v1/toy/predict"]["post"]["requestBody"]
    (record,) = asked["content"]["application/json"]["example"]["records"]
    assert bundle.card.example == record


# BentoML 1.4.39 uses old names of pathspec and pydantic when it is imported, until it follows them.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_service_of_bentoml_mounts_the_application(
    store: Store, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The BentoML service takes its champions from the folder that the environment names."""
    from bento import service

    export_champions(store, tmp_path / "out", cases={"toy": case})
    monkeypatch.setattr(service, "find_cases", lambda: {"toy": case})
    monkeypatch.setenv("VIGIE_CHAMPIONS", str(tmp_path / "out"))

    assert ["toy"] == list(service.champions())
    assert [(service.app, "/")] == [mounted[:2] for mounted in service.Vigie.mount_apps]
