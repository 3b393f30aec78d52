"""An executed notebook as blocks of a page: prose and outputs open, code folded away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SiteError
from pipeline.publish import markup, prose
from pipeline.publish.downloads import Downloads
from pipeline.publish.outputs import (
    code_html,
    joined_streams,
    output_html,
    with_own_ids,
)

PARAMETER_TAGS = frozenset({"parameters", "injected-parameters"})


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What is to be made of one notebook."""

    path: Path
    parameters: str
    """The block that stands for the cells of parameters."""
    downloads: Downloads

    def blocks(self) -> list[str]:
        """The notebook in the order of its cells; raises `SiteError` when it can't be read."""
        return list(self._blocks())

    def _blocks(self) -> Iterator[str]:
        waiting = [self.parameters]
        for place, cell in enumerate(_cells(self.path)):
            if PARAMETER_TAGS & set(cell.get("metadata", {}).get("tags", ())):
                yield from waiting
                waiting = []
            elif cell["cell_type"] == "markdown":
                yield from prose.blocks(cell["source"], below=1, keep_title=True)
            elif cell["cell_type"] == "code" and cell["source"].strip():
                yield self._code(cell, f"{self.path.stem}-{place}", place + 1)
        yield from waiting

    def _code(self, cell: dict[str, Any], name: str, number: int) -> str:
        shown = [
            self.downloads.linked(with_own_ids(output_html(output), f"{name}-{place}"), number)
            for place, output in enumerate(joined_streams(cell["outputs"]))
        ]
        return markup.block(
            "cell.html.j2",
            code=code_html(cell["source"]),
            outputs=[markup.as_html(fragment) for fragment in shown if fragment],
        )


def _cells(path: Path) -> list[dict[str, Any]]:
    import nbformat

    try:
        return list(nbformat.read(path, as_version=4).cells)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise SiteError(
            f"{path} can't be read as a notebook: {str(error).splitlines()[0]}. "
            "Run the case again, then publish again."
        ) from error
