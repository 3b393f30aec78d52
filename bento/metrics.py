"""What Prometheus reads at /metrics. `deploy/` holds the alerts and the dashboard made of these."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from bento.replies import Reply
from pipeline.packaging.bundles import ModelCard

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Set by BentoML: the workers count in files of this folder, and any of them can add them up."""


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._count_requests()
        self._count_predictions()
        self._tell_champions()
        self._tell_log()

    def _count_requests(self) -> None:
        self.requests = Counter(
            "vigie_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._own,
        )
        self.seconds = Histogram(
            "vigie_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._own,
        )
        self.refusals = Counter(
            "vigie_refusals",
            "Requests refused, by the kind of problem.",
            ["route", "problem"],
            registry=self._own,
        )

    def _count_predictions(self) -> None:
        self.predictions = Counter(
            "vigie_predictions",
            "Records predicted, by the version of the model.",
            ["case", "candidate", "model"],
            registry=self._own,
        )
        self.extrapolations = Counter(
            "vigie_extrapolations",
            "Records predicted with a value outside of what the model has learned from.",
            ["case"],
            registry=self._own,
        )
        self.actuals = Counter(
            "vigie_actuals", "True values received.", ["case"], registry=self._own
        )

    def _tell_champions(self) -> None:
        self.champion = self._gauge(
            "vigie_champion_info", "1 for the model that serves.", ["case", "candidate", "model"]
        )
        self.learned = self._gauge(
            "vigie_champion_learned_until_timestamp_seconds",
            "End of what the model that serves has learned from.",
            ["case"],
        )
        self.promoted = self._gauge(
            "vigie_champion_promoted_timestamp_seconds",
            "As-of time of the newest decision about the model that serves.",
            ["case"],
        )
        self.data = self._gauge(
            "vigie_data_newest_timestamp_seconds",
            "Time of the newest observation that the service carries.",
            ["case"],
        )
        self.drift = self._gauge(
            "vigie_drift_columns",
            "Columns in alarm at the newest drift check.",
            ["case"],
        )
        self.refused = self._gauge(
            "vigie_champion_refused",
            "1 while the newest champion can't be loaded and an older one serves.",
            ["case"],
        )

    def _tell_log(self) -> None:
        self.log_waiting = self._gauge(
            "vigie_call_log_waiting", "Calls that are not on the disk yet.", [], "livesum"
        )
        self.log_written = Counter(
            "vigie_call_log_written", "Calls written to the log.", registry=self._own
        )
        self.log_dropped = Counter(
            "vigie_call_log_dropped",
            "Calls lost because the log could not be written for long.",
            registry=self._own,
        )

    def _gauge(
        self, name: str, words: str, labels: Iterable[str], mode: str = "mostrecent"
    ) -> Gauge:
        return Gauge(
            name,
            words,
            list(labels),
            registry=self._own,
            multiprocess_mode=mode,  # type: ignore[arg-type]
        )

    def of_champion(self, card: ModelCard, before: ModelCard | None = None) -> None:
        """Says who serves from now on."""
        if before is not None:
            self.champion.labels(before.case, before.candidate, before.version).set(0)
        case = card.case
        # Counters begin at 0, so that the first event is a change.
        self.predictions.labels(case, card.candidate, card.version)
        for counter in (self.extrapolations, self.actuals):
            counter.labels(case)
        self.champion.labels(case, card.candidate, card.version).set(1)
        self.learned.labels(case).set(card.learned.end.timestamp())
        self.promoted.labels(case).set(card.promoted_as_of.timestamp())
        if card.data_as_of is not None:
            self.data.labels(case).set(card.data_as_of.timestamp())
        if card.drift is not None:
            self.drift.labels(case).set(len(card.drift.columns))
        self.refused.labels(case).set(0)

    def page(self) -> Reply:
        """All of it, of every worker, in Prometheus' text format."""
        registry = self._own
        if os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Reply(generate_latest(registry), media_type=CONTENT_TYPE_LATEST.encode())
