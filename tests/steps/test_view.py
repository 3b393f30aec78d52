"""What a notebook shows of a step is what the step wrote, escaped and with its words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import StepError
from pipeline.figures import Figure
from pipeline.options import DriftOptions
from pipeline.steps.view import SHOWN_ROWS, View
from pipeline.steps.writer import StepWriter
from pipeline.store import Store

NASTY = '<script>alert("1")</script> & co'


@pytest.fixture
def view(store: Store) -> View:
    step = StepWriter(
        store=store,
        case="tiny",
        run_id="first",
        step="decide",
        options=DriftOptions(case="tiny"),
        now=lambda: datetime(2024, 3, 1, tzinfo=UTC),
    )
    step.table(
        "columns",
        NASTY,
        pd.DataFrame({NASTY: [NASTY, "b"], "number": [1.5, None], "none": ["", ""]}),
    )
    step.table("long", "Long", pd.DataFrame({"place": range(SHOWN_ROWS + 5)}))
    step.table("exact", "Exact", pd.DataFrame({"place": range(SHOWN_ROWS)}))
    step.table("empty", "Empty", pd.DataFrame({"place": []}))
    step.figure(
        Figure(name="shift", title=NASTY, alt=NASTY, drawn=lambda: "<svg/>", csv="a\n1\n", rows=1)
    )
    return step.finish(
        as_of=datetime(2024, 3, 1, tzinfo=UTC),
        sentence=f"Keep {NASTY}.",
        decision="keep",
        champion_age_days=None,
    )


def test_a_step_shows_its_sentence(view: View) -> None:
    """As a paragraph on a page and as text elsewhere."""
    assert repr(view) == f"Keep {NASTY}."
    assert view._repr_html_().startswith('<p class="vigie-sentence found">Keep &lt;script&gt;')


def test_a_step_that_stopped_the_case_says_so_on_the_page(view: View, tmp_path: Path) -> None:
    """It looks like what it is."""
    stopped = View(record=view.record.model_copy(update={"stopped": True}), folder=tmp_path)

    assert 'class="vigie-sentence stopped"' in stopped._repr_html_()


def test_a_table_is_shown_with_its_words_escaped(view: View) -> None:
    """Data never becomes a part of the page's own marks."""
    page = view.table("columns")._repr_html_()

    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 4
    assert 'data-file="decide/columns"' in page


def test_columns_of_numbers_are_marked_as_such(view: View) -> None:
    """A gap in a column of numbers doesn't make it text; a column without any number is text."""
    page = view.table("columns").page

    assert '<th class="number" scope="col">number</th>' in page
    assert '<td class="number">1.50</td>' in page
    assert '<td class="number"></td>' in page
    assert '<th scope="col">none</th>' in page


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1, 20, 3000], ["1", "20", "3000"]),
        ([12_345, -9_999], ["12,345", "\N{MINUS SIGN}9999"]),
        ([0.123456, 0.5], ["0.123", "0.500"]),
        ([123.456, 0.5], ["123", "0"]),
        ([0.0, 0.0], ["0", "0"]),
        ([0.000012, 0.0], ["0.0000", "0.0000"]),
    ],
)
def test_numbers_of_a_column_have_equal_decimals(
    view: View, values: list[float], shown: list[str]
) -> None:
    """Three digits for the largest, and no more decimals than four; the file has them all."""
    path = view.folder / view.record.file("exact").path
    path.write_text("number\n" + "".join(f"{value}\n" for value in values))
    page = view.table("exact").page

    assert re.findall(r'<td class="number">([^<]*)</td>', page) == shown


def test_long_words_get_room_and_what_only_looks_like_a_number_is_text(view: View) -> None:
    """`nan` and `inf` are words here."""
    path = view.folder / view.record.file("exact").path
    path.write_text("a,b\nnan,a sentence of some length and more\n")
    page = view.table("exact").page

    assert "<td>nan</td>" in page
    assert '<td class="words">a sentence' in page


def test_a_long_table_says_how_much_is_left_out(view: View) -> None:
    """And only a long one."""
    page = view.table("long").page

    assert page.count("<tr>") == 1 + SHOWN_ROWS
    assert "<p>5 more rows in the CSV file.</p>" in page
    assert "more rows" not in view.table("exact").page


def test_a_table_without_rows_is_a_head(view: View) -> None:
    """Its columns are still worth knowing."""
    page = view.table("empty").page

    assert "place</th>" in page
    assert "<td" not in page


def test_a_table_is_text_where_there_is_no_page(view: View) -> None:
    """As its file has it."""
    assert repr(view.table("exact")).splitlines()[:2] == ["place", "0"]


def test_a_figure_is_shown_with_what_it_shows_in_words(view: View) -> None:
    """For readers who don't see it; the marks in its words are escaped."""
    shown = view.figure("shift")

    assert "<svg/>" in shown.page
    assert "<script>" not in shown.page
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; co" in shown.page
    assert 'data-file="decide/shift"' in shown.page
    assert repr(shown) == f"{NASTY}: {NASTY}"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda view: view.table("shift"), "no table 'shift'. It wrote: columns, long, exact"),
        (lambda view: view.figure("shfit"), "no figure 'shfit'. It wrote: shift"),
    ],
)
def test_what_a_step_did_not_write_is_refused_with_what_it_did(
    view: View, ask: object, message: str
) -> None:
    """A table is no figure."""
    assert callable(ask)
    with pytest.raises(StepError, match=f"Step 'decide' wrote {message}"):
        ask(view)


def test_times_and_whole_numbers_are_told_shortly(store: Store) -> None:
    """Without zone, seconds and midnight; what else looks nearly so is left alone, and so is the
    file."""
    cells = [
        "2024-09-29 23:00:00+00:00",
        "2024-09-29 00:00:00+00:00",
        "at least 2024-09-27T07:00:00Z, at most 3,000",
        "99999.0",
        "version 1.0",
        "2024-09-29 23:00:01",
    ]
    step = StepWriter(
        store=store,
        case="tiny",
        run_id="first",
        step="decide",
        options=DriftOptions(case="tiny"),
        now=lambda: datetime(2024, 3, 1, tzinfo=UTC),
    )
    step.table("found", "Found", pd.DataFrame({"found": cells}))
    view = step.finish(
        as_of=datetime(2024, 3, 1, tzinfo=UTC),
        sentence="Keep.",
        decision="keep",
        champion_age_days=None,
    )

    assert [
        "2024-09-29 23:00",
        "2024-09-29",
        "at least 2024-09-27 07:00, at most 3,000",
        "99,999",
        "version 1.0",
        "2024-09-29 23:00:01",
    ] == re.findall(r"<td[^>]*>(.*?)</td>", view.table("found").page)
    assert ["found", *cells] == [line.strip('"') for line in view.table("found").text.splitlines()]
