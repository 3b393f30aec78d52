"""What a step writes: its figures, tables and models, and last its record."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError

from pipeline.errors import StepError
from pipeline.figures import Figure
from pipeline.options import Options
from pipeline.records import RECORDS, Artifact, StepName
from pipeline.steps.view import View
from pipeline.store import Store, project
from pipeline.store.atomic import write_bytes

if TYPE_CHECKING:
    import pandas as pd


RECORD = "record"
"""Name of the file that a step writes last."""


class Awaited(NamedTuple):
    """A chart that may still be drawn when the next file is written."""

    figure: Figure
    kind: Literal["figure", "trend"]

    @property
    def name(self) -> str:
        return self.figure.name


@dataclass(kw_only=True)
class StepWriter:
    """Files go to the run's folder as they come; none counts until `finish` writes the record."""

    store: Store
    case: str
    run_id: str
    step: StepName
    options: Options
    now: Callable[[], datetime]
    files: list[Artifact | Awaited] = field(default_factory=list)
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.now()

    def figure(self, figure: Figure, kind: Literal["figure", "trend"] = "figure") -> None:
        """Keeps a chart as SVG, with its data as CSV and how it was drawn as JSON beside it.

        The SVG is written last: another process may draw it while the step goes on.
        """
        if figure.name == RECORD:
            raise StepError(f"A figure can't be called {RECORD!r}: its JSON would be the record's.")
        self._write(f"{figure.name}.csv", figure.csv.encode())
        if figure.spec:
            self._write(f"{figure.name}.json", figure.spec.encode())
        self.files.append(Awaited(figure, kind))

    def table(self, name: str, title: str, rows: pd.DataFrame) -> None:
        """Keeps a table as CSV, as a page shows it: columns in words, numbers as they are."""
        text = rows.to_csv(index=False, lineterminator="\n")
        path, digest = self._write(f"{name}.csv", text.encode())
        self.files.append(
            Artifact(name=name, kind="table", path=path, sha256=digest, rows=len(rows), title=title)
        )

    def data(self, name: str, title: str, rows: pd.DataFrame) -> None:
        """Keeps a larger table as Parquet."""
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False)
        path, digest = self._write(f"{name}.parquet", buffer.getvalue())
        self.files.append(
            Artifact(name=name, kind="data", path=path, sha256=digest, rows=len(rows), title=title)
        )

    def model(self, name: str, title: str, content: bytes) -> Artifact:
        """Keeps a fitted model."""
        path, digest = self._write(f"{name}.skops", content)
        artifact = Artifact(name=name, kind="model", path=path, sha256=digest, title=title)
        self.files.append(artifact)
        return artifact

    def finish(self, *, as_of: datetime, sentence: str, **content: Any) -> View:
        """Writes the record; raises `StepError` when it holds a number that is not finite."""
        files = tuple(
            self._drawn(file) if isinstance(file, Awaited) else file for file in self.files
        )
        try:
            record = RECORDS[self.step](
                step=self.step,
                case=self.case,
                run_id=self.run_id,
                source=self.options.source,
                as_of=as_of,
                started=self.started,
                finished=self.now(),
                code_version=project.code_version(),
                lock_digest=project.lock_digest(),
                parameters=self.options.own,
                files=files,
                sentence=sentence,
                **content,
            )
            # What a record takes over ready-made, such as a comparison, it does not look into.
            RECORDS[self.step].model_validate(record.model_dump())
        except ValidationError as error:
            raise StepError.for_problems(
                f"Step {self.step!r} found what can't be recorded, such as a number that is not "
                "finite. Nothing was recorded; look at the columns that it works on:",
                [_problem(dict(detail)) for detail in error.errors()],
            ) from error
        self.store.write_record(record)
        return View(record=record, folder=self._folder)

    def _drawn(self, awaited: Awaited) -> Artifact:
        figure = awaited.figure
        path = f"{self.step}/{figure.name}.svg"
        return Artifact(
            name=figure.name,
            kind=awaited.kind,
            path=path,
            sha256=write_bytes(self._folder / path, figure.svg.encode()),
            rows=figure.rows,
            title=figure.title,
            alt=figure.alt,
        )

    @property
    def _folder(self) -> Path:
        return self.store.run_folder(self.case, self.run_id)

    def _write(self, name: str, content: bytes) -> tuple[str, str]:
        if any(name.split(".", maxsplit=1)[0] == file.name for file in self.files):
            raise StepError(f"Step {self.step!r} writes two files called {name!r}; name one anew.")
        path = f"{self.step}/{name}"
        return path, write_bytes(self._folder / path, content)


def _problem(detail: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    return f"{name} = {detail['input']!r}: {detail['msg']}"
