"""What a user can mend. A message names the thing, what was found and what to do about it."""

from pipeline.errors.base import CaseError, Failure, OptionError, VigieError
from pipeline.errors.notebooks import StepError, WorkerError
from pipeline.errors.serving import RecordError, ServiceError, SiteError
from pipeline.errors.snapshots import DamagedSnapshotError, GitHubError, SnapshotError
from pipeline.errors.sources import PictureError, SourceError, SourceUnavailableError
from pipeline.errors.state import HeldError, StateError
from pipeline.errors.suites import SuiteError

__all__ = [
    "CaseError",
    "DamagedSnapshotError",
    "Failure",
    "GitHubError",
    "HeldError",
    "OptionError",
    "PictureError",
    "RecordError",
    "ServiceError",
    "SiteError",
    "SnapshotError",
    "SourceError",
    "SourceUnavailableError",
    "StateError",
    "StepError",
    "SuiteError",
    "VigieError",
    "WorkerError",
]
