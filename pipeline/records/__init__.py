"""One frozen model per step. A record is written last and never changed; what is not in a record
did not happen. Unknown fields and numbers that are not finite are refused.
"""

from __future__ import annotations

from pipeline.options import NotebookName
from pipeline.records.base import (
    SCHEMA_VERSION,
    STEPS,
    STEPS_OF,
    Artifact,
    Ground,
    ModelRef,
    Part,
    Record,
    Sample,
    Scores,
    Severity,
    StepName,
    TableVersion,
    Window,
)
from pipeline.records.data import FeedPart, Finding, IngestRecord, Revision, ValidateRecord
from pipeline.records.drift import DecideRecord, DriftRecord
from pipeline.records.evaluation import (
    MEASURED_IN,
    EvaluateRecord,
    Evidence,
    HorizonScores,
    PromoteRecord,
    Refreshed,
    SegmentGuard,
    SegmentScores,
    SystemScores,
)
from pipeline.records.policies import PolicyPrice, PolicyRecord
from pipeline.records.runs import CheckRecord, ReportRecord, RunRecord
from pipeline.records.training import (
    BASELINE,
    CandidateScores,
    FittedModel,
    FoldScores,
    TrainRecord,
)

__all__ = [
    "BASELINE",
    "MEASURED_IN",
    "RECORDS",
    "SCHEMA_VERSION",
    "STEPS",
    "STEPS_OF",
    "Artifact",
    "CandidateScores",
    "CheckRecord",
    "DecideRecord",
    "DriftRecord",
    "EvaluateRecord",
    "Evidence",
    "FeedPart",
    "Finding",
    "FittedModel",
    "FoldScores",
    "Ground",
    "HorizonScores",
    "IngestRecord",
    "ModelRef",
    "Part",
    "PolicyPrice",
    "PolicyRecord",
    "PromoteRecord",
    "Record",
    "Refreshed",
    "ReportRecord",
    "Revision",
    "RunRecord",
    "Sample",
    "Scores",
    "SegmentGuard",
    "SegmentScores",
    "Severity",
    "StepName",
    "SystemScores",
    "TableVersion",
    "TrainRecord",
    "ValidateRecord",
    "Window",
    "notebook_of",
    "step_of",
]

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
