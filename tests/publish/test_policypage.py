"""The page of what retraining policies would have cost."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.case import find_case
from pipeline.records import Artifact, IngestRecord, PolicyPrice, PolicyRecord, TableVersion, Window
from pipeline.store.replays import read_replay, replay_folder, write_replay

AS_OF = datetime(2021, 9, 9, 22, tzinfo=UTC)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"></svg>'


def replayed(home: Any) -> None:
    """A replay as `vigie policies bikes` would leave it."""
    folder = replay_folder(home.store.home, "bikes")
    folder.mkdir(parents=True)
    (folder / "prices.csv").write_text("policy,retrainings,RMSE\nnever,0,34.1\nmonthly,4,33.2\n")
    (folder / "price.csv").write_text("policy,retrainings\nnever,0\n")
    (folder / "price.svg").write_text(SVG)
    names = ("never", "by performance", "by drift", "monthly", "always")
    write_replay(
        home.store.home,
        PolicyRecord(
            case="bikes",
            source="files",
            as_of=AS_OF,
            started=AS_OF,
            finished=AS_OF,
            code_version="0.1.0+0123456789ab",
            lock_digest="ba9876543210",
            inputs=(TableVersion(table="observations", version=7, rows=1234555),),
            candidate="boosting",
            title="Gradient boosting, Poisson loss",
            primary="rmse",
            alpha=0.05,
            stretch_days=7.0,
            window=4,
            limits_from=8,
            replayed=Window(start=AS_OF, end=AS_OF, rows=98_765),
            prices=tuple(
                PolicyPrice(policy=name, retrainings=0, error=34.1, learned=()) for name in names
            ),
            files=(
                Artifact(
                    name="prices",
                    kind="table",
                    path="prices.csv",
                    sha256="0" * 64,
                    rows=2,
                    title="Retrainings and error of each policy",
                ),
                Artifact(
                    name="price",
                    kind="figure",
                    path="price.svg",
                    sha256="0" * 64,
                    rows=1,
                    title="The price of a policy",
                    alt="never: 0 retrainings",
                ),
            ),
            sentence="Lowest error: monthly.",
        ),
    )


def test_the_replay_is_a_page_with_its_data(home: Any, published: Any, read: Any) -> None:
    """Sentence, table, chart and the files behind them, and what it was computed on."""
    home.run()
    replayed(home)

    site = published().output

    page = read(site / "bikes/policies.html")
    assert "Lowest error: monthly." in page.text
    assert "Retrainings and error of each policy" in page.text
    assert "98,765 rows" in page.text
    for name in ("prices.csv", "price.csv", "price.svg"):
        assert f"files/policies/{name}" in page.links
        assert (site / "bikes/files/policies" / name).is_file()


def test_the_page_says_whether_new_models_were_examined(
    home: Any, published: Any, read: Any
) -> None:
    """A replay of an earlier version is told as such; a new one says how models are judged."""
    home.run()
    replayed(home)
    older = read(published().output / "bikes/policies.html").text
    record = read_replay(home.store.home, "bikes")
    prices = [each.model_copy(update={"unexamined": 34.0}) for each in record.prices]
    write_replay(home.store.home, record.model_copy(update={"prices": tuple(prices)}))

    newer = read(published().output / "bikes/policies.html").text

    assert "every new model served at once, without the examination of a run" in older
    assert "It was examined as in a run" not in older
    assert "It was examined as in a run" in newer


def test_before_the_first_replay_the_page_says_how(home: Any, published: Any, read: Any) -> None:
    """The page is there for every case whose rows have a time."""
    home.run()

    page = read(published().output / "bikes/policies.html")

    assert "vigie policies bikes" in page.text


def test_a_past_that_is_too_short_is_told_with_what_is_missing(
    home: Any, published: Any, read: Any
) -> None:
    """Twelve stretches of a week for bikes: four are missing, and no command would help today."""
    run_id = home.run()
    record = home.store.record("bikes", run_id, IngestRecord)
    case = find_case("bikes")
    weeks = timedelta(weeks=12 + 4) + case.task.history - case.schema.known_after
    home.store.write_record(record.model_copy(update={"oldest": record.newest - weeks}))

    page = read(published().output / "bikes/policies.html")

    assert "The past is too short" in page.text
    assert "12 such stretches are there" in page.text
    assert "With 28 more days of rows" in page.text


def test_without_time_there_is_no_page(home: Any, published: Any) -> None:
    """There is no past to replay, and no tab."""
    run_id = home.run()
    record = home.store.record("bikes", run_id, IngestRecord)
    shutil.rmtree(home.store.run_folder("bikes", run_id) / "ingest")
    home.store.write_record(record.model_copy(update={"newest": None, "oldest": None}))

    site = published().output

    assert not (site / "bikes/policies.html").exists()
    assert "policies.html" not in (site / "bikes/index.html").read_text()
