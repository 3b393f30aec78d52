"""The parameters of every notebook, one frozen model each.

The notebook's parameters cell is generated from its model, and a run's values are checked
against it before a kernel starts: an unknown name or an ill-typed value never reaches a notebook.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.errors import OptionError

NotebookName = Literal["1-ingest", "2-validate", "3-drift", "4-train", "5-evaluate", "6-report"]
SETTINGS_OF_A_RUN = frozenset({"case", "source", "data", "home", "run_id", "as_of"})

Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Options(BaseModel):
    """What every notebook takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    case: str = Field(default="bikes", description="which case, a folder of pipeline/cases")
    source: Literal["live", "files", "sample"] = Field(
        default="sample", description="live, files or sample (simulated data)"
    )
    data: str = Field(default="", description="folder with one subfolder a case, for source files")
    home: str = Field(default="", description="where state is kept; empty: VIGIE_HOME, or var/")
    run_id: str = Field(default="", description="the run to work in; empty: a new one")
    as_of: str = Field(
        default="",
        description="ISO time; no row known later is seen; empty: the newest of the data",
    )

    @field_validator("as_of")
    @classmethod
    def _a_time_or_empty(cls, value: str) -> str:
        if value:
            parse_time(value)
        return value

    @classmethod
    def checked(cls, notebook: str, values: dict[str, Any]) -> Self:
        """The options from `values`; raises `OptionError` with all that is wrong."""
        try:
            return cls(**values)
        except ValidationError as error:
            problems = [_problem(cls, dict(detail)) for detail in error.errors()]
            raise OptionError.for_problems(
                f"The parameters of notebook {notebook} can't be used:", problems
            ) from error

    @property
    def moment(self) -> datetime | None:
        """`as_of` as a UTC time, or `None` when it is left to the data."""
        return parse_time(self.as_of) if self.as_of else None

    @property
    def own(self) -> dict[str, Any]:
        """The step's own parameters: those that are not settings of the whole run."""
        return self.model_dump(exclude=set(SETTINGS_OF_A_RUN))


def parse_time(text: str) -> datetime:
    """An ISO 8601 date or time as UTC; without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a time; write it like 2021-06-01 or 2021-06-01T06:00:00+00:00"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _problem(model: type[Options], detail: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{name!r} is unknown; it takes: {', '.join(model.model_fields)}"
    return f"{name} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


class IngestOptions(Options):
    """1-ingest: bring the source's observations into the table."""

    days: Count | None = Field(
        default=None, description="days of history to take, back from as_of; None: all there is"
    )


class ValidateOptions(Options):
    """2-validate: run the expectations, quarantine rows, hold the gates."""

    most_quarantined: Share | None = Field(
        default=None, description="share of rows that may be; None: as the case says"
    )


class DriftOptions(Options):
    """3-drift: compare the newest window with what the champion learned from or was last examined
    on, and decide.
    """

    alpha: Level = Field(
        default=0.05, description="share of runs without any change that may raise an alarm"
    )
    material: float = Field(
        default=0.1, ge=0, description="least change that alarms, in standard deviations"
    )
    current_days: Count | None = Field(
        default=None, description="days in the current window; None: as the case says"
    )
    current: Literal["observations", "calls"] = Field(
        default="observations", description="observations, or calls: what the service was asked"
    )
    retrain: Literal["auto", "always", "never"] = Field(
        default="auto", description="auto (by the numbers), always or never"
    )


class TrainOptions(Options):
    """4-train: backtest every candidate, fit the best."""

    candidates: str = Field(
        default="", description="names, comma-separated; empty: all of the case"
    )
    folds: Count | None = Field(
        default=None, description="rolling-origin folds; None: as many as the case says"
    )
    level: Level = Field(default=0.9, description="share of truths that an interval is to hold")
    seed: int = Field(default=0, description="seed of everything random in training")

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the candidates asked for; none for all of the case."""
        return tuple(name.strip() for name in self.candidates.split(",") if name.strip())


class EvaluateOptions(Options):
    """5-evaluate: compare on the held-out window, and promote or hold."""

    alpha: Level = Field(default=0.05, description="p-value below which a challenger is better")
    margin: Share | None = Field(
        default=None,
        description="share by which it must be better; None: as the case says",
    )


class ReportOptions(Options):
    """6-report: the case in one page, with its history."""

    runs: Count = Field(default=52, description="runs of history shown, newest last")


NOTEBOOKS: dict[NotebookName, type[Options]] = {
    "1-ingest": IngestOptions,
    "2-validate": ValidateOptions,
    "3-drift": DriftOptions,
    "4-train": TrainOptions,
    "5-evaluate": EvaluateOptions,
    "6-report": ReportOptions,
}
