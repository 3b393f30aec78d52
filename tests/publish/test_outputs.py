"""Outputs of cells, of every kind that a notebook may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SiteError
from pipeline.publish.downloads import Downloads
from pipeline.publish.executed import Executed
from pipeline.publish.outputs import joined_streams, output_html, with_own_ids


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"text/plain": "<b>"}, "&lt;b&gt;"),
        ({"text/html": "<b>x</b>", "text/plain": "x"}, "<b>x</b>"),
        ({"image/svg+xml": ["<svg>", "</svg>"]}, "<svg></svg>"),
        ({"image/png": "aGk=\n", "text/plain": "a <plot>"}, 'alt="a &lt;plot&gt;"'),
    ],
)
def test_the_richest_form_is_shown(data: dict[str, Any], shown: str) -> None:
    """HTML before drawings before pictures before text."""
    assert shown in output_html({"output_type": "display_data", "data": data})


def test_console_output_is_escaped_and_coloured() -> None:
    """Printed text is text, and terminal colours become classes."""
    found = output_html({"output_type": "stream", "text": "\x1b[31m<red>\x1b[0m"})

    assert "&lt;red&gt;" in found
    assert "ansi-red-fg" in found


def test_an_error_is_shown() -> None:
    """A cell that ended in an error keeps it."""
    found = output_html({"output_type": "error", "traceback": ["line 1", "ValueError: no"]})

    assert "line 1\nValueError: no" in found


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "text": " \n"},
        {"output_type": "display_data", "data": {"application/json": {}}},
    ],
)
def test_nothing_to_show_is_nothing(output: dict[str, Any]) -> None:
    """Empty text and unknown kinds leave no empty box."""
    assert output_html(output) == ""


def test_references_follow_their_identifiers() -> None:
    """Only identifiers of the drawing itself are renamed, and all that refers to them."""
    found = with_own_ids('<svg id="a"><g clip-path="url(#a)"/><use href="#a b"/></svg>', "x")

    assert found == '<svg id="x-a"><g clip-path="url(#x-a)"/><use href="#a b"/></svg>'


def test_fragments_without_drawings_are_left() -> None:
    """Identifiers elsewhere may be linked to from outside."""
    assert with_own_ids('<p id="a">', "x") == '<p id="a">'
    assert with_own_ids("<svg></svg>", "x") == "<svg></svg>"


@pytest.mark.parametrize("content", ["", "{}", "not a notebook"])
def test_a_damaged_notebook_is_named(tmp_path: Path, content: str) -> None:
    """What isn't a notebook is an error that names the file."""
    path = tmp_path / "3-drift.ipynb"
    path.write_text(content)
    executed = Executed(path=path, parameters="", downloads=Downloads())
    with pytest.raises(SiteError, match=r"3-drift\.ipynb can't be read as a notebook"):
        executed.blocks()


def test_a_file_that_no_record_names_is_not_linked() -> None:
    """HTML that names an unknown file is left as it is."""
    fragment = '<figure class="vigie-figure" data-file="drift/unknown"></figure>'

    assert Downloads().linked(fragment) == fragment


def test_lines_printed_in_a_row_are_one_output() -> None:
    """Progress line by line is one box; another stream or a figure between parts it."""
    line = {"output_type": "stream", "name": "stdout", "text": "a\n"}
    other = {"output_type": "stream", "name": "stderr", "text": ["b", "\n"]}
    table = {"output_type": "display_data", "data": {"text/plain": "t"}}
    found = list(joined_streams([line, line, other, table, table, line]))

    assert ["a\na\n", "b\n", None, None, "a\n"] == [output.get("text") for output in found]
