"""What is asked of a run: where the data comes from, as of when, with which parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.case import Case, find_case
from pipeline.errors import OptionError
from pipeline.kernels import Engine
from pipeline.options import NOTEBOOKS, NotebookName, parse_time
from pipeline.records import STEPS_OF, notebook_of
from pipeline.seals import Asked
from pipeline.sources import Mode, Request
from pipeline.sources.folders import folder_of


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a run."""

    source: Mode = "sample"
    data: str = ""
    as_of: str = ""
    own: dict[str, Any] = field(default_factory=dict)
    """Parameters of single notebooks, by name; each goes to the notebooks that have it."""
    seconds: int | None = None
    """Time limit of a cell."""
    engine: Engine | None = None
    """Where kernels come from; `None` for the default."""
    step_seconds: int | None = None
    """Time limit of a notebook."""
    cores: int | None = None
    """Cores that a notebook may use; `None`: all that there are."""
    overlaps: bool = False
    """Whether a notebook of another run may be executed beside each. A training spreads over all
    cores all the same, since much of it keeps one only.
    """
    ticket: str = ""
    """The piece of work that the run belongs to: given out twice, it waits for itself."""
    anew: NotebookName | None = None
    """This notebook and those after it are executed also when nothing has changed."""
    until: NotebookName | None = None
    """The run ends after this notebook; the next one goes on from there."""
    trusts_source: bool = False
    """Whether a source that can't be known without reading is taken to be as it was."""

    def values(self, notebook: NotebookName, case: str, home: str, run_id: str) -> dict[str, Any]:
        """The parameters of a notebook."""
        settings = {
            "case": case,
            "source": self.source,
            "data": self.data,
            "home": home,
            "run_id": run_id,
            "as_of": self.as_of,
        }
        fields = NOTEBOOKS[notebook].model_fields
        return settings | {name: value for name, value in self.own.items() if name in fields}

    def check(self, case: str) -> None:
        """Raises `OptionError` before anything runs, for all that a notebook would refuse."""
        find_case(case).source(self.source)
        known = {name for model in NOTEBOOKS.values() for name in model.model_fields}
        unknown = sorted(set(self.own) - known)
        if unknown:
            raise OptionError.for_problems(
                "No notebook has these parameters:",
                [f"{name!r}; there are: {', '.join(sorted(known))}" for name in unknown],
            )
        for notebook, model in NOTEBOOKS.items():
            model.checked(notebook, self.values(notebook, case, "", ""))

    def is_anew(self, notebook: NotebookName) -> bool:
        """Whether the notebook is to be executed whatever has changed."""
        names = list(NOTEBOOKS)
        return self.anew is not None and names.index(notebook) >= names.index(self.anew)

    def cores_of(self, notebook: NotebookName) -> int | None:
        """Cores that the notebook may use; `None`: all that there are."""
        if self.cores is None or not self.overlaps or notebook == "4-train":
            return self.cores
        return max(1, self.cores // 2)

    def ends_with(self, notebook: NotebookName) -> bool:
        """Whether nothing after the notebook is asked for."""
        return notebook == self.until

    @property
    def asked(self) -> Asked:
        """What the outcome depends on."""
        return Asked(source=self.source, data=self.data, as_of=self.as_of, own=self.own)

    @property
    def moment(self) -> str:
        """The as-of time that is asked for, always written the same way; empty for the newest."""
        return self.request_moment.isoformat() if self.request_moment else ""

    @property
    def request_moment(self) -> datetime | None:
        """The same as a time; `None` for the newest of the data."""
        return parse_time(self.as_of) if self.as_of else None

    def request(self, case: Case) -> Request:
        """What 1-ingest asks of the case's source."""
        folder = folder_of(self.data, case.name, case.source(self.source))
        return Request(schema=case.schema, folder=folder, as_of=self.request_moment)


def find_notebook(name: str) -> NotebookName:
    """A notebook by its name, or by that of one of its steps; raises `OptionError`."""
    found = {str(notebook): notebook for notebook in NOTEBOOKS}
    found |= {str(step): notebook_of(step) for steps in STEPS_OF.values() for step in steps}
    if name not in found:
        raise OptionError(f"There is no step {name!r}. Choose one of: {', '.join(sorted(found))}.")
    return found[name]
