"""What MLflow holds of a case: an experiment, a run for each candidate, a registered champion."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.records import CandidateScores, FittedModel, PromoteRecord, TrainRecord
from pipeline.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

RUN, CANDIDATE, DIGEST = "vigie.run_id", "vigie.candidate", "vigie.sha256"
ALIAS = "champion"
DATABASE = "mlflow.db"
SERVER = "MLFLOW_TRACKING_URI"
"""Variable that names a tracking server or database; without it the home has one of its own."""
MOST_AT_ONCE = 1_000
"""Metrics that MLflow takes in one call."""


def load() -> None:
    """Imports MLflow, which takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("mlflow.tracking")


@contextmanager
def connected(store: Store) -> Iterator[MlflowClient]:
    """Speaks with the server that the environment names, else with the home's own database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from mlflow.tracking import MlflowClient

        address = _address(store)
        yield MlflowClient(tracking_uri=address, registry_uri=address)


def mirror_case(store: Store, client: MlflowClient, case: str) -> int:
    """Adds what is missing and points the alias at the champion; how many candidates were added."""
    experiment = _experiment(store, client, case)
    known = _known(client, experiment)
    added = 0
    for record in reversed(list(store.records(case, TrainRecord))):
        for candidate in record.candidates:
            if (record.run_id, candidate.name) not in known:
                _log(client, experiment, record, candidate)
                added += 1
    promotion = store.promotion(case)
    if promotion is not None:
        _point(store, client, case, experiment, promotion)
    return added


def _log(
    client: MlflowClient, experiment: str, record: TrainRecord, candidate: CandidateScores
) -> None:
    from mlflow.entities import Param

    started = int(record.started.timestamp() * 1000)
    run = client.create_run(
        experiment,
        start_time=started,
        run_name=f"{candidate.name} {record.as_of:%Y-%m-%d}",
        tags={RUN: record.run_id, CANDIDATE: candidate.name, "as_of": record.as_of.isoformat()},
    )
    params = [Param(name, str(value)) for name, value in record.parameters.items()]
    client.log_batch(run.info.run_id, params=params)
    metrics = list(_metrics(candidate, started))
    for first in range(0, len(metrics), MOST_AT_ONCE):
        client.log_batch(run.info.run_id, metrics=metrics[first : first + MOST_AT_ONCE])
    client.set_terminated(run.info.run_id, end_time=int(record.finished.timestamp() * 1000))


def _metrics(candidate: CandidateScores, moment: int) -> Iterator[Metric]:
    """Those of each fold as steps, and what they come to."""
    from mlflow.entities import Metric

    for step, fold in enumerate(candidate.folds):
        for name, value in fold.scores.items():
            yield Metric(name, value, moment, step)
    for name, value in candidate.scores.items():
        yield Metric(f"mean_{name}", value, moment, 0)
    yield Metric("skill", candidate.skill, moment, 0)


def _point(
    store: Store, client: MlflowClient, case: str, experiment: str, promotion: PromoteRecord
) -> None:
    """The registry's alias goes to the version whose digest is the champion's."""
    from mlflow.exceptions import MlflowException

    name = f"vigie-{case}"
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name, description=f"Champions of case {case}.")
    champion = promotion.champion
    version = _version(client, name, champion) or _register(
        store, client, case, name, experiment, champion
    )
    if client.get_registered_model(name).aliases.get(ALIAS) != version:
        client.set_registered_model_alias(name, ALIAS, version)


def _version(client: MlflowClient, name: str, champion: FittedModel) -> str | None:
    versions = client.search_model_versions(f"name = '{name}'")
    return next(
        (
            str(version.version)
            for version in versions
            if version.tags.get(DIGEST) == champion.ref.sha256
        ),
        None,
    )


def _register(
    store: Store,
    client: MlflowClient,
    case: str,
    name: str,
    experiment: str,
    champion: FittedModel,
) -> str:
    path = store.run_folder(case, champion.ref.run_id) / champion.ref.path
    run_id = _known(client, experiment).get((champion.ref.run_id, champion.ref.candidate))
    version = client.create_model_version(
        name,
        source=_source(store, client, run_id, path),
        run_id=run_id,
        tags={DIGEST: champion.ref.sha256, CANDIDATE: champion.ref.candidate},
    )
    return str(version.version)


def _source(store: Store, client: MlflowClient, run_id: str | None, path: Path) -> str:
    """Where the model's file is; a server takes none of this machine's paths, so it gets a copy."""
    if run_id is None or not _address(store).startswith("http"):
        return path.parent.as_uri()
    client.log_artifact(run_id, str(path), "model")
    return f"runs:/{run_id}/model"


def _known(client: MlflowClient, experiment: str) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    token: Any = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags = run.data.tags
            found[tags.get(RUN, ""), tags.get(CANDIDATE, "")] = run.info.run_id
        token = page.token
        if not token:
            return found


def _experiment(store: Store, client: MlflowClient, case: str) -> str:
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(case)
    if known is None:
        # A server has a place of its own for artifacts.
        here = None if os.environ.get(SERVER) else (store.home / "artifacts" / case).as_uri()
        try:
            return str(client.create_experiment(case, artifact_location=here))
        except MlflowException:
            # Another home has made it in the meantime.
            known = client.get_experiment_by_name(case)
            if known is None:
                raise
    return str(known.experiment_id)


def _address(store: Store) -> str:
    return os.environ.get(SERVER) or f"sqlite:///{store.home / DATABASE}"
