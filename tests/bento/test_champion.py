"""A champion that can't be served is refused when it is loaded, not when it is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import create_model

from bento import loading as module
from bento.champion import Champion
from bento.columns import column
from bento.loading import load_champion
from bento.metrics import Metrics
from bento.openapi import document
from bento.problems import RequestError
from bento.roster import Roster
from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.packaging import export_champions
from pipeline.packaging.settings import Settings
from pipeline.schema import Column, Schema
from pipeline.store import Store

SETTINGS = Settings()
RECORD = {"counter": "north", "hour": "2021-03-08T07:00:00Z"}


def load(folder: Path, case: Case) -> Champion:
    roster = Roster(folder, {case.name: case}, SETTINGS)
    roster.load(Metrics())
    return roster.champions[case.name]


def answer(champion: Champion, *records: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    body = champion.body.model_validate({"records": records})
    found: list[dict[str, Any]] = champion.answer(body.records, **more).content["predictions"]  # type: ignore[attr-defined]
    return found


def test_a_champion_of_an_unknown_case_is_refused(store: Store, case: Case, tmp_path: Path) -> None:
    """A folder from another version, with a case that this one lacks, is refused by name."""
    export_champions(store, tmp_path / "out", cases={"toy": case})

    with pytest.raises(ServiceError, match=r"(?s)cases that this version does not have.*'toy'"):
        Roster(tmp_path / "out", {}, SETTINGS).load(Metrics())


def test_a_champion_that_fails_is_refused_at_the_start(
    store: Store, case: Case, tmp_path: Path
) -> None:
    """A model that can't predict its own example with this code stops the start."""

    class Broken(type(case.task)):  # type: ignore[misc]
        def predict(self, model: Any, frame: Any) -> Any:
            raise KeyError("clock")

    export_champions(store, tmp_path / "out", cases={"toy": case})

    with pytest.raises(ServiceError, match=r"champion 'ridge' of case 'toy'.*vigie run toy"):
        load(tmp_path / "out", replace(case, task=Broken()))


def test_arrays_and_frames_give_the_same_answer(store: Store, case: Case, tmp_path: Path) -> None:
    """The model without pandas answers what the model itself answers."""
    export_champions(store, tmp_path / "out", cases={"toy": case})
    fast = load(tmp_path / "out", case)
    slow = replace(fast, compiled=None)
    records = [{**RECORD, "hour": f"2021-03-08T{hour:02}:00:00Z"} for hour in range(24)]

    assert fast.compiled is not None
    for one, other in zip(answer(fast, *records), answer(slow, *records), strict=True):
        assert other == pytest.approx(one)
    fast.close()


def test_a_model_whose_arrays_differ_answers_through_pandas(
    store: Store, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled model that gives anything else than the model is not used."""

    class Wrong:
        def __init__(self, model: Any) -> None:
            self.predict = lambda columns: np.full(len(columns["clock"]), 7.0)

    export_champions(store, tmp_path / "out", cases={"toy": case})
    monkeypatch.setattr(module, "Compiled", Wrong)
    champion = load(tmp_path / "out", case)

    assert champion.compiled is None
    assert 7.0 != answer(champion, RECORD)[0]["prediction"]
    champion.close()


def test_a_number_beyond_what_was_learned_is_flagged(
    store: Store, case: Case, tmp_path: Path
) -> None:
    """The record is answered, and says that the model extrapolates."""
    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": case})
    champion = load(tmp_path / "out", case)
    card = bundle.card.model_copy(update={"support": {"rain": (0.0, 5.0)}})
    champion = replace(champion, card=card)

    found = answer(champion, *({**RECORD, "rain": rain} for rain in (0.0, 5.0, 5.1, -0.1, None)))

    assert [False, False, True, True, False] == [one["extrapolating"] for one in found]
    champion.close()


def test_a_category_that_was_never_seen_is_refused(
    store: Store, case: Case, tmp_path: Path
) -> None:
    """The field is named, and what the model knows."""
    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": case})
    champion = load(tmp_path / "out", case)
    card = bundle.card.model_copy(update={"categories": {"counter": ("south",)}})
    champion = replace(champion, card=card)

    with pytest.raises(RequestError) as caught:
        answer(champion, RECORD)

    assert "counter" == caught.value.errors[0].field
    assert "'north' is none of the 1 values that the model has seen: 'south'" == (
        caught.value.errors[0].detail
    )
    champion.close()


def test_a_champion_is_tried_whatever_the_limit_of_a_call(
    store: Store, case: Case, tmp_path: Path
) -> None:
    """An operator may let calls hold a single record."""
    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": case})

    champion = load_champion(bundle, case, Settings(most_records=1))

    assert 1 == len(answer(champion, RECORD))
    champion.close()


def test_a_level_that_intervals_lack_is_refused(store: Store, case: Case, tmp_path: Path) -> None:
    """The member of the body is named."""
    export_champions(store, tmp_path / "out", cases={"toy": case})
    champion = load(tmp_path / "out", case)

    with pytest.raises(RequestError) as caught:
        answer(champion, RECORD, level=0.123)

    assert "interval" == caught.value.errors[0].field
    assert "level 0.123 can't be had of this model; choose among 0.9" == (
        caught.value.errors[0].detail
    )
    champion.close()


def test_a_number_beyond_its_type_is_named() -> None:
    """An integer that 64 bits can't hold is refused, with its field."""
    schema = Schema(
        columns=(Column(name="size", kind="integer", description="size"),),
        key=("size",),
        target="size",
    )
    record = create_model("Record", size=int)(size=2**70)

    with pytest.raises(RequestError) as caught:
        column([record.size], schema.arrow().field("size"))  # type: ignore[attr-defined]

    assert "size" == caught.value.errors[0].field


def test_a_task_without_history_is_served(store: Store, case: Case, tmp_path: Path) -> None:
    """A case that looks at no past carries one row, and gives it as an example."""
    forgetful = replace(case, task=replace(case.task, history=timedelta(0)))  # type: ignore[type-var]

    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": forgetful})
    champion = load_champion(bundle, forgetful, SETTINGS)

    assert {"counter": ("north", "south")} == bundle.card.categories
    asked = document({"toy": champion}, SETTINGS)["paths"]["/v1/toy/predict"]["post"]
    assert "example" in asked["requestBody"]["content"]["application/json"]
    champion.close()


# BentoML 1.4.39 uses old names of pathspec and pydantic when it is imported, until it follows them.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_service_of_bentoml_stands_behind_the_application() -> None:
    """The application is asked first; BentoML's own measuring, tracing and logging are off."""
    from bento import service

    assert [service.front] == [middleware for middleware, _ in service.Vigie.middlewares]
    assert service.Vigie.config["metrics"] == {"enabled": False}
    assert 1 == service.Vigie.config["workers"]
