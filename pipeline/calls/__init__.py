"""The call log: what was asked of the service and what it answered, in one SQLite file.

An answer never waits for the disk. Calls are written by a thread, `SECONDS_BETWEEN_WRITES` apart:
a process that ends in order loses none, one that is killed loses at most the calls of that time
and of the write that was going on.
"""

from pipeline.calls.actuals import Actual, Added, add_actuals
from pipeline.calls.log import SECONDS_BETWEEN_WRITES, Call, CallLog
from pipeline.calls.predictions import Predictions, record_keys
from pipeline.calls.reading import LoggedCall, counted, logged_inputs, newest_call, read_calls
from pipeline.calls.scores import InService, in_service

__all__ = [
    "SECONDS_BETWEEN_WRITES",
    "Actual",
    "Added",
    "Call",
    "CallLog",
    "InService",
    "LoggedCall",
    "Predictions",
    "add_actuals",
    "counted",
    "in_service",
    "logged_inputs",
    "newest_call",
    "read_calls",
    "record_keys",
]
