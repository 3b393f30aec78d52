"""One frozen model per step. A record is written last and never changed; what is not in a record
did not happen. Unknown fields and numbers that are not finite are refused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.comparison import Comparison
from pipeline.errors import Failure
from pipeline.looks import Looks
from pipeline.options import NotebookName
from pipeline.regions import Calibration
from pipeline.shift import ColumnShift

SCHEMA_VERSION = 1

StepName = Literal[
    "ingest", "validate", "drift", "decide", "train", "evaluate", "promote", "report"
]
STEPS: tuple[StepName, ...] = (
    "ingest",
    "validate",
    "drift",
    "decide",
    "train",
    "evaluate",
    "promote",
    "report",
)
STEPS_OF: dict[NotebookName, tuple[StepName, ...]] = {
    "1-ingest": ("ingest",),
    "2-validate": ("validate",),
    "3-drift": ("drift", "decide"),
    "4-train": ("train",),
    "5-evaluate": ("evaluate", "promote"),
    "6-report": ("report",),
}
Scores = dict[str, float]
BASELINE = "baseline"
"""What the baseline is called among the candidates."""
Severity = Literal["gate", "row", "note"]


class Part(BaseModel):
    """Base of everything in a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Artifact(Part):
    """A file that a step wrote, with what it shows."""

    name: str
    kind: Literal["figure", "trend", "table", "model", "data"] = Field(
        description="a trend is a figure of the page of trends"
    )
    path: str = Field(description="relative to the folder of the run")
    sha256: str
    rows: int | None = None
    title: str = ""
    alt: str = Field(default="", description="what a figure shows, in words")


class TableVersion(Part):
    """A version of a table that a step read or wrote."""

    table: Literal["observations", "quarantine"]
    version: int
    rows: int


class Window(Part):
    """A stretch of time, start included, end not."""

    start: datetime | None = Field(description="none where rows carry no time")
    end: datetime = Field(description="without a time: the moment at which the rows were known")
    rows: int
    division: str = Field(
        default="", description="how rows are kept apart for testing, beside by time"
    )


class ModelRef(Part):
    """A fitted model: which candidate, in which run it was trained, and its bytes' digest."""

    candidate: str
    run_id: str
    path: str = Field(description="relative to the folder of the run that trained it")
    sha256: str
    learned: Window


class Record(Part):
    """What every step says of itself."""

    schema_version: Literal[1] = 1
    step: StepName
    case: str
    run_id: str
    source: Literal["live", "files", "sample"]
    as_of: datetime
    started: datetime
    finished: datetime
    code_version: str
    lock_digest: str
    parameters: dict[str, Any]
    inputs: tuple[TableVersion, ...] = ()
    files: tuple[Artifact, ...] = ()
    stopped: bool = Field(default=False, description="a gate failed: the case stops here")
    sentence: str = Field(description="what was found or decided, and the reason")

    def file(self, name: str) -> Artifact:
        """The file of that name; `KeyError` when the step wrote none."""
        found = [file for file in self.files if file.name == name]
        if not found:
            raise KeyError(name)
        return found[0]


class FeedPart(Part):
    """One file, page or simulation that the observations came from."""

    name: str
    sha256: str
    rows: int


class Revision(Part):
    """A published value that its publisher changed later."""

    key: str
    before: float
    after: float


class IngestRecord(Record):
    """What arrived, and what it changed in the table of observations."""

    step: Literal["ingest"] = "ingest"
    publisher: str
    licence: str
    address: str
    simulated: bool
    note: str
    parts: tuple[FeedPart, ...]
    read: int
    not_yet_known: int = Field(description="rows left out because they are newer than as_of")
    outside_days: int = Field(description="rows left out because parameter days asked for it")
    duplicates: int = Field(description="rows equal to another in every column, kept once")
    conflicting: int = Field(description="rows whose key came more than once with other values")
    inserted: int
    updated: int
    unchanged: int
    withdrawn: int = Field(description="conflicting rows that a later feed settled")
    revisions: tuple[Revision, ...] = Field(description="the largest changes of the target")
    oldest: datetime | None
    newest: datetime | None
    observations: TableVersion


class Finding(Part):
    """One expectation and how it went."""

    name: str
    expectation: str = Field(description="Great Expectations' name of its kind")
    column: str = Field(description="columns, comma-separated; empty for the whole table")
    severity: Severity
    success: bool
    evaluated: int = Field(description="rows looked at")
    unexpected: int = Field(description="rows that failed; 0 where no single row is judged")
    observed: str
    expected: str
    sentence: str


class ValidateRecord(Record):
    """What the expectations found, and which rows they took out."""

    step: Literal["validate"] = "validate"
    suite_sha256: str
    findings: tuple[Finding, ...]
    rows: int
    quarantined: int
    most_quarantined: float
    quarantine: TableVersion


class DriftRecord(Record):
    """The newest window against what the champion learned from."""

    step: Literal["drift"] = "drift"
    reference: Window
    current: Window
    alpha: float
    material: float = Field(default=0.1, description="least effect of an alarm")
    columns: tuple[ColumnShift, ...] = Field(description="watched columns, the target among them")
    together: ColumnShift | None = Field(
        default=None, description="all number columns at once, by a classifier"
    )
    champion_shifts: tuple[ColumnShift, ...] = Field(
        default=(),
        description="the champion's predictions and errors on rows it had not learned from",
    )
    champion_error: float | None = Field(description="primary metric on the current window")
    expected_error: float | None = Field(description="the same in the champion's own backtest")
    worst_expected_error: float | None = Field(
        description="the error above which the champion counts as degraded"
    )


class DecideRecord(Record):
    """Whether to train a challenger."""

    step: Literal["decide"] = "decide"
    decision: Literal["retrain", "keep"]
    champion_age_days: float | None
    trigger: Literal["", "first", "asked", "performance", "drift", "age"] = Field(
        default="", description="what made it retrain; empty for keep"
    )
    error: float | None = Field(default=None, description="primary metric in the current window")
    limit: float | None = Field(
        default=None, description="what the champion's backtest says the error stays below"
    )
    drifted: float | None = Field(
        default=None, description="share of the champion's importance in columns with an alarm"
    )
    trained_days_ago: float | None = Field(
        default=None, description="since the newest training, of whichever model"
    )


class FoldScores(Part):
    """A candidate on one fold."""

    fold: str
    start: datetime | None = Field(description="none where it isn't time that divides")
    end: datetime
    trained_rows: int
    scores: Scores


class CandidateScores(Part):
    """A candidate on all folds; `scores` are means over folds."""

    name: str
    title: str
    baseline: bool
    not_eligible: str = Field(description="why it may not become champion; empty when it may")
    folds: tuple[FoldScores, ...]
    scores: Scores
    spread: Scores = Field(description="standard deviation over folds")
    skill: float = Field(description="1 - error / baseline's error, primary metric, fold means")
    seconds: float


class FittedModel(Part):
    """A model as it was stored, what its backtest promises, and its calibration."""

    ref: ModelRef
    calibration: Calibration = Field(description="makes intervals or sets of classes")
    backtest: Scores = Field(description="means over the folds")
    worst_fold: float = Field(description="primary metric on its worst fold")
    windows: tuple[float, ...] = Field(
        default=(),
        description="primary metric on every window of its backtest that is as long as the "
        "current one, oldest first; empty where it was not measured",
    )
    independent: float = Field(default=0, description="how many such windows the backtest is long")
    importance: dict[str, float] = Field(
        default_factory=dict,
        description="share by which the error grows when a column is shuffled; empty where it was "
        "not measured",
    )


class TrainRecord(Record):
    """Every candidate on the folds, and the fitted challenger."""

    step: Literal["train"] = "train"
    primary: str
    candidates: tuple[CandidateScores, ...]
    left_out: dict[str, str] = Field(
        default_factory=dict, description="why candidates could not run, by name"
    )
    challenger: FittedModel
    baseline: FittedModel


class SystemScores(Part):
    """One of champion, challenger and baseline on the held-out window."""

    role: Literal["champion", "challenger", "baseline", "predecessor"]
    candidate: str
    run_id: str
    scores: Scores
    level: float = Field(description="share of truths that its regions are to hold")
    coverage: float = Field(description="share that they did hold")
    mean_size: float = Field(description="width in the target's unit, or number of classes")


class SegmentScores(Part):
    """The subject in one segment of the held-out window."""

    by: str
    segment: str
    scores: Scores
    coverage: float | None = Field(default=None, description="share of the truth in its region")
    mean_size: float | None = Field(default=None, description="of the regions")


class Evidence(Part):
    """What speaks for one system over another, in this run and those before."""

    since: datetime = Field(description="as_of of the first look at the question")
    looks: Looks
    gain: float = Field(description="share by which the primary metric is lower, on all the rows")
    rows: int
    start: datetime | None = Field(description="of the rows; none where rows carry no time")


class SegmentGuard(Part):
    """Where the challenger does worst beside the champion, on the held-out window."""

    by: str
    segment: str
    loss: float = Field(description="share by which the challenger's mean loss is higher there")
    p_value: float = Field(description="one-sided, for 'worse there', times the segments tested")
    segments: int


class Refreshed(Part):
    """What is known anew of a model: its regions and what its predictions rest on."""

    calibration: Calibration
    importance: dict[str, float]


class EvaluateRecord(Record):
    """Challenger, champion and baseline on the same held-out window."""

    step: Literal["evaluate"] = "evaluate"
    primary: str
    held_out: Window
    systems: tuple[SystemScores, ...]
    subject: Literal["champion", "challenger"] = Field(
        description="whose example and segments are given"
    )
    comparisons: dict[str, Comparison] = Field(description="'challenger over champion', ...")
    segments: tuple[SegmentScores, ...]
    evidence: dict[str, Evidence] = Field(
        default_factory=dict, description="by pair, as comparisons; empty in records before 0.2"
    )
    guard: SegmentGuard | None = Field(
        default=None, description="none without a challenger and a champion to compare"
    )
    served: Window | None = Field(
        default=None, description="rows since the champion serves, where it had a predecessor"
    )
    refreshed: dict[str, Refreshed] = Field(
        default_factory=dict, description="by role; empty in records before 0.2"
    )

    def of(self, model: ModelRef) -> SystemScores:
        """The scores of a model that took part; `KeyError` when it didn't."""
        for system in self.systems:
            if (system.candidate, system.run_id) == (model.candidate, model.run_id):
                return system
        raise KeyError(model.candidate)


class PromoteRecord(Record):
    """Who serves from now on."""

    step: Literal["promote"] = "promote"
    action: Literal["promote", "hold", "roll back"]
    champion: FittedModel
    scores: Scores = Field(description="the champion's on the held-out window")
    baseline_scores: Scores
    primary: str


class ReportRecord(Record):
    """The case in one line, for the status page."""

    step: Literal["report"] = "report"
    health: Literal["healthy", "watch", "failing"]
    headline: str
    history_runs: int


class RunRecord(Part):
    """One run of a case through its notebooks; written at the start, and again at the end."""

    schema_version: Literal[1] = 1
    case: str
    run_id: str
    source: Literal["live", "files", "sample"]
    as_of: datetime | None
    asked_as_of: str = Field(default="", description="ISO time; empty: the newest of the data")
    started: datetime
    finished: datetime | None = None
    outcome: Literal["running", "done", "paused", "stopped", "failed"] = "running"
    notebooks: tuple[str, ...] = Field(default=(), description="those that were executed, in order")
    reused: dict[str, str] = Field(
        default_factory=dict,
        description="notebooks taken over from earlier runs, since nothing that they rest on had "
        "changed, each with the run that executed it",
    )
    stamps: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="what every executed notebook rested on: by name a version, digest or value",
    )
    failed_notebook: str = ""
    failure: Failure | Literal[""] = Field(
        default="", description="how the failed notebook ended, in one word"
    )
    sentence: str = ""
    owner: str = Field(default="", description="process and machine that runs it")

    def maker(self, notebook: str) -> str | None:
        """The run whose execution of the notebook this run goes by; `None` when none does."""
        return self.run_id if notebook in self.notebooks else self.reused.get(notebook)


class CheckRecord(Part):
    """The newest look at a case: what was asked, and which run stands; outside of all runs."""

    schema_version: Literal[1] = 1
    case: str
    looked: datetime
    as_of: datetime | None = Field(description="the as-of time of the run that stands")
    run_id: str = Field(description="the run that stands")
    new: bool = Field(description="whether there was anything to do")
    source: Literal["live", "files", "sample"]
    data: str
    asked_as_of: str
    own: dict[str, Any]


RECORDS: dict[StepName, type[Record]] = {
    "ingest": IngestRecord,
    "validate": ValidateRecord,
    "drift": DriftRecord,
    "decide": DecideRecord,
    "train": TrainRecord,
    "evaluate": EvaluateRecord,
    "promote": PromoteRecord,
    "report": ReportRecord,
}


def step_of(kind: type[Record]) -> StepName:
    """The step that writes records of this kind."""
    return next(step for step, known in RECORDS.items() if known is kind)


def notebook_of(step: StepName) -> NotebookName:
    """The notebook that the step belongs to."""
    return next(notebook for notebook, steps in STEPS_OF.items() if step in steps)
