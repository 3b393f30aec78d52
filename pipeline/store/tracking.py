"""MLflow as a view of the records: every training a run, the champion an alias in the registry.

The records are the truth. What MLflow lacks is added after the notebooks have ended, by this one
process; a database that was lost is filled again from the records.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.records import CandidateScores, FittedModel, PromoteRecord, TrainRecord
from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.atomic import write_bytes
from pipeline.store.locks import take_turns

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

logger = logging.getLogger("vigie.tracking")

RUN, CANDIDATE, DIGEST = "vigie.run_id", "vigie.candidate", "vigie.sha256"
ALIAS = "champion"
DATABASE = "mlflow.db"
SERVER = "MLFLOW_TRACKING_URI"
"""Variable that names a tracking server or database; without it the home has one of its own."""
MOST_AT_ONCE = 1_000
"""Metrics that MLflow takes in one call."""
PAUSES = (1.0, 3.0)
"""Seconds before a database that refused is tried again: of two that find it empty and make its
tables at the same time, one is refused."""


def mirror(store: Store, cases: Sequence[str], *, say: Say) -> None:
    """Adds to MLflow what the records of `cases` hold and it does not.

    A server that can't be reached is said; what it lacks is added by the next run.
    """
    try:
        _patiently(store, cases, say)
    except Exception as error:
        # MLflow, SQLAlchemy and drivers of databases have no common base for "not reached".
        if not os.environ.get(SERVER):
            raise
        # The error's own words may hold the address, and with it a password.
        say(
            f"{'mlflow':<10} not told    {_told(store)}, named in {SERVER}, can't be used: "
            f"{type(error).__name__}. The next run adds what it lacks."
        )


def make_ready(store: Store) -> None:
    """Imports MLflow and makes its database, which takes seconds, while others work."""
    try:
        with take_turns(store.home, "mlflow"):
            if not os.environ.get(SERVER) and not (store.home / DATABASE).exists():
                # One that was lost is filled again, though it is there by then.
                for seen in (store.home / "mlflow" / "home").glob("*.txt"):
                    seen.unlink()
            with _client(store) as client:
                client.search_experiments(max_results=1)
    except Exception:
        # `mirror` meets it again, at its time, and tells it.
        logger.debug("MLflow could not be made ready", exc_info=True)


def _patiently(store: Store, cases: Sequence[str], say: Say) -> None:
    # A server is asked again by MLflow's own client.
    server = os.environ.get(SERVER, "")
    for pause in PAUSES if server and not server.startswith("http") else ():
        try:
            return _mirror(store, cases, say)
        except Exception:
            logger.debug("MLflow's database refused; tried again in %s s", pause, exc_info=True)
            time.sleep(pause)
    return _mirror(store, cases, say)


def _mirror(store: Store, cases: Sequence[str], say: Say) -> None:
    if not any(_is_behind(store, case) for case in cases):
        return
    with take_turns(store.home, "mlflow"):
        pending = [case for case in cases if _is_behind(store, case)]
        if not pending:
            return
        with _client(store) as client:
            for case in pending:
                recorded = _recorded(store, case)
                added = _mirror_case(store, client, case)
                write_bytes(_seen_path(store, case), recorded.encode())
                if added:
                    say(f"{case:<10} tracked     {added} candidates in {_told(store)}")


def _is_behind(store: Store, case: str) -> bool:
    """Whether there may be something that MLflow lacks; told without asking it."""
    recorded, seen = _recorded(store, case), _seen_path(store, case)
    if not recorded:
        return False
    there = bool(os.environ.get(SERVER)) or (store.home / DATABASE).exists()
    known = there and seen.exists()
    return not known or seen.read_text() != recorded


def _recorded(store: Store, case: str) -> str:
    """The runs that trained or decided, a line each."""
    folders = [store.run_folder(case, run_id) for run_id in store.run_ids(case)]
    return "\n".join(
        f"{folder.name} {step}"
        for folder in folders
        for step in ("train", "promote")
        if (folder / step / "record.json").exists()
    )


def _seen_path(store: Store, case: str) -> Path:
    address = os.environ.get(SERVER, "")
    place = hashlib.sha256(address.encode()).hexdigest()[:12] if address else "home"
    return store.home / "mlflow" / place / f"{case}.txt"


def _address(store: Store) -> str:
    return os.environ.get(SERVER) or f"sqlite:///{store.home / DATABASE}"


def _told(store: Store) -> str:
    """Where MLflow keeps its data, without the password that an address may hold."""
    address = os.environ.get(SERVER)
    return urlsplit(address).hostname or "the server" if address else str(store.home / DATABASE)


def _mirror_case(store: Store, client: MlflowClient, case: str) -> int:
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


@contextmanager
def _client(store: Store) -> Iterator[MlflowClient]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from mlflow.tracking import MlflowClient

        address = _address(store)
        yield MlflowClient(tracking_uri=address, registry_uri=address)
