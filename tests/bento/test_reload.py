"""A new champion takes over whole and checked, or the old one stays."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

import pytest
from toy_service import Serving, promote, serving, toy_case

from bento.app import create_app
from pipeline.errors import ServiceError
from pipeline.packaging import export_champions
from pipeline.packaging.generations import KEPT, export_generation, promotion_stamp
from pipeline.packaging.rollback import roll_back
from pipeline.packaging.settings import Settings
from pipeline.store import Store

LATER = "20210309T000000-bbbb"


def version(served: Serving) -> str:
    found: str = served.client.get("/v1/toy/model").json()["sha256"]
    return found


def until(served: Serving, fits: Any) -> bool:
    deadline = time.monotonic() + 120
    while not fits(served) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(fits(served))


def refused(served: Serving) -> bool:
    return 'vigie_champion_refused{case="toy"} 1.0' in served.client.get("/metrics").text


def test_what_was_loaded_is_left_alone_by_the_garbage_collector(tmp_path: Path) -> None:
    """It is no garbage: looking through it costs more than a call; a replaced champion is looked
    through once more.
    """
    with serving(tmp_path, open=True, reload_seconds=0.05) as served:
        first, frozen = version(served), gc.get_freeze_count()
        assert frozen > 10_000
        gc.unfreeze()
        promote(served.store, LATER, alpha=1000.0)
        export_champions(served.store, tmp_path / "champions", cases={"toy": toy_case()})
        assert until(served, lambda it: version(it) != first)
        assert until(served, lambda _: gc.get_freeze_count() > 10_000)

    assert 0 == gc.get_freeze_count()


def test_the_log_is_whole_before_the_server_hears_of_the_end(store: Store, tmp_path: Path) -> None:
    """A server ends its process, or cancels what goes on, as soon as it is told."""
    export_champions(store, tmp_path / "out", cases={"toy": toy_case()})
    files = {"champions": tmp_path / "out", "calls": tmp_path / "calls.db"}
    app = create_app(Settings(**files, open=True), {"toy": toy_case()})
    asked = iter(["lifespan.startup", "lifespan.shutdown"])
    written: dict[str, bool] = {}

    async def receive() -> dict[str, str]:
        return {"type": next(asked)}

    async def send(message: Any) -> None:
        written[message["type"]] = not (tmp_path / "calls.db-wal").exists()

    asyncio.run(app({"type": "lifespan"}, receive, send))

    assert {"lifespan.startup.complete": False, "lifespan.shutdown.complete": True} == written


def test_a_promotion_is_served_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    """The old champion answers until the new one is ready, and goes on when it never is."""
    with serving(tmp_path, open=True, reload_seconds=0.05) as served:
        first = version(served)
        promote(served.store, LATER, alpha=1000.0)
        export_champions(served.store, tmp_path / "champions", cases={"toy": toy_case()})
        assert until(served, lambda it: version(it) != first)
        second = version(served)

        card = tmp_path / "champions" / "toy" / "card.json"
        content = json.loads(card.read_text())
        card.write_text(json.dumps({**content, "sha256": first}))
        assert until(served, refused)
        assert second == version(served)

        card.write_text("no card")
        time.sleep(0.3)
        assert second == version(served)

        card.write_text(json.dumps(content))
        assert until(served, lambda it: not refused(it))


def test_every_export_is_a_folder_of_its_own(store: Store, tmp_path: Path) -> None:
    """The link always leads to a whole export; of old ones a few are kept for calls going on."""
    cases, folder = {"toy": toy_case()}, tmp_path / "serving"
    for _ in range(KEPT + 2):
        export_generation(store, folder, cases=cases)

    numbers = sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())
    assert KEPT == len(numbers)
    assert str(numbers[-1]) == (folder / "current").readlink().name
    assert (folder / "current" / "toy" / "card.json").is_file()


def test_a_promotion_is_noticed(store: Store) -> None:
    """The stamp changes with a new promotion, and only then."""
    cases = {"toy": toy_case()}
    before = promotion_stamp(store, cases)
    assert before == promotion_stamp(store, cases)

    promote(store, LATER, alpha=1000.0)

    assert before != promotion_stamp(store, cases)


def test_one_command_puts_the_champion_before_back(store: Store, tmp_path: Path) -> None:
    """It serves again with the scores that it had, and a second roll back goes forth again."""
    first = store.promotion("toy")
    promote(store, LATER, alpha=1000.0)

    record = roll_back(store, toy_case())

    assert first is not None
    assert first.champion.ref == record.champion.ref
    champion = store.champion("toy")
    assert champion is not None
    assert first.champion.ref == champion.ref
    (bundle,) = export_champions(store, tmp_path / "out", cases={"toy": toy_case()})
    assert first.champion.ref.sha256 == bundle.card.sha256
    assert LATER == roll_back(store, toy_case()).champion.ref.run_id


def test_a_roll_back_counts_though_the_clock_was_set_back(store: Store) -> None:
    """What it takes back was decided at a time that has not come yet."""
    first = store.promotion("toy")
    promote(store, "29990101T000000000000Z", alpha=1000.0)

    roll_back(store, toy_case())

    champion = store.champion("toy")
    assert first is not None
    assert champion is not None
    assert first.champion.ref == champion.ref


def test_there_may_be_nothing_to_go_back_to(store: Store) -> None:
    with pytest.raises(ServiceError, match="has had no other champion"):
        roll_back(store, toy_case())
