"""The model card: what the records and the case say of the champion, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.publish import Published, words
from pipeline.publish.captions import Caption, caption
from pipeline.records import EvaluateRecord, PromoteRecord, Sample, SegmentScores

Publish = Callable[..., Published]
Read = Callable[[Path], Any]
LATER = datetime(2021, 9, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> {{< meta title >}} \u202e"


def card(output: Path, read: Read) -> str:
    """Text of the page from the card's heading on."""
    text = str(read(output / "bikes" / "model.html").text)
    return text[text.index("Model card") :] if "Model card" in text else ""


def test_the_numbers_of_the_card_are_those_of_the_records(
    home: Any, published: Publish, read: Read
) -> None:
    """Scores of champion, baseline and backtest, coverage, rows learned from."""
    run_id = home.run()
    text = card(published().output, read)
    record = home.store.record("bikes", run_id, PromoteRecord)
    shown = [
        words.quantity(value, "bikes/h")
        for value in (
            record.scores["rmse"],
            record.baseline_scores["rmse"],
            record.champion.backtest["rmse"],
        )
    ]

    assert f"RMSE{''.join(shown)}".replace("\N{NO-BREAK SPACE}", " ") in text
    assert "Its 90% regions held 89.3% of the truth there." in text
    assert "654,321 rows of 9 September 2020 to 12 August 2021, from Ville de Paris" in text
    assert f"run {run_id}" in text


def test_the_card_says_which_rows_take_part_where_there_are_too_many(
    home: Any, published: Publish, read: Read
) -> None:
    """And of how many; status.json has the same sentence, empty where all take part."""
    home.sample = Sample(rows=900_000, of=3_012_345, which="drawn with seed 7")
    home.run()

    told = "900,000 of 3,012,345 rows take part, drawn with seed 7."

    output = published().output

    assert told in card(output, read)
    assert told in (output / "status.json").read_text()


def test_the_number_of_rows_is_no_score(home: Any, published: Publish, read: Read) -> None:
    """It stands among the scores of a record."""
    home.scores = {"n": 424242.0, "rmse": 25.0}
    home.run()

    assert "424,242" not in card(published().output, read)


def test_the_card_says_what_the_model_is_for_and_how_it_is_decided(
    home: Any, published: Publish, read: Read
) -> None:
    """In the words of the case."""
    home.sentence["promote"] = "It is better."
    home.run()
    text = card(published().output, read)

    for told in ("To know tomorrow's bikes.", "It stops sometimes.", "It is better."):
        assert told in text


def test_a_baseline_or_challenger_lends_the_card_no_segments(
    home: Any, published: Publish, read: Read
) -> None:
    """Where it is worst is told of the very model that serves, else left out."""
    run_id = home.run()
    _give_segments(home, run_id)

    assert "counter Quai: 77" in card(published().output, read)

    second = home.run(run_id="20210912T060000Z-e5f6", as_of=LATER, champion_run=run_id)
    _give_segments(home, second)

    assert "counter Quai" not in card(published().output, read)


def _give_segments(home: Any, run_id: str) -> None:
    record = home.store.record("bikes", run_id, EvaluateRecord)
    worst, best = (
        SegmentScores(by="counter", segment=name, scores={"rmse": value})
        for name, value in (("Quai", 77.0), ("Pont", 7.0))
    )
    home.store.write_record(record.model_copy(update={"segments": (best, worst)}))


def test_before_the_first_champion_there_is_no_card(
    home: Any, published: Publish, read: Read
) -> None:
    """The page of the model is not there either."""
    home.run(notebooks=("1-ingest", "2-validate"))

    assert not (published().output / "bikes" / "model.html").exists()


def test_hostile_words_of_a_case_are_text(home: Any, published: Publish) -> None:
    """On the card and on the overview."""

    def hostile(name: str) -> Caption:
        return Caption(
            title=HOSTILE, question=HOSTILE, use=HOSTILE, target=HOSTILE, rules=(HOSTILE,)
        )

    home.sentence["promote"] = HOSTILE
    home.run()
    output = published(captions=hostile).output

    for page in output.rglob("*.html"):
        text = page.read_text()
        assert "<script>alert" not in text, page
        assert "{{<" not in text, page


def test_every_case_says_what_it_is_for() -> None:
    """And when it stops, trains and promotes, with its own limits."""
    for name in ("bikes", "states", "vehicles", "plants"):
        found = caption(name)

        assert "Not for" in found.use
        assert len(found.rules) == 4


def test_the_overview_opens_with_a_picture_and_says_whose(
    home: Any, published: Publish, read: Read
) -> None:
    """The first figure of the comparison, with its files, and the model that it was drawn for."""
    home.run()
    page = read(published().output / "bikes" / "index.html")

    assert "Bicycles a day, evaluate" in page.text
    assert "Drawn for the challenger, boosting, in the newest run" in page.text
    assert "files/evaluate/volume.csv" in page.links
