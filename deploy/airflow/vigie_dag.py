"""Vigie under Airflow: fetch, look for drift, then retrain or keep, and publish. One DAG a case.

Copy the file to the folder of DAGs and set, for the scheduler and its workers,

    VIGIE          the command, such as /srv/vigie/.venv/bin/vigie (default: vigie)
    VIGIE_HOME     the folder of all state
    VIGIE_CASES    cases, divided by blanks (default: bikes states vehicles ratings plants)
    VIGIE_SOURCE   live, or sample for a trial (default: live)
    VIGIE_RETRIES  how often a task that failed is tried again, five minutes later (default: 2)

Every task is a command of Vigie, which takes over what earlier ones have done: a task that is
tried again, or a DAG that is run twice, does nothing twice. Try it without a scheduler, and see
what fails at once: `VIGIE_RETRIES=0 airflow dags test vigie_bikes`.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG

VIGIE = os.environ.get("VIGIE", "vigie")
SOURCE = os.environ.get("VIGIE_SOURCE", "live")
RETRIES = int(os.environ.get("VIGIE_RETRIES", "2"))
CASES = os.environ.get("VIGIE_CASES", "bikes states vehicles ratings plants").split()


def decided(case: str) -> str:
    """The task that follows, by the decision that Vigie put on record."""
    told = subprocess.run([VIGIE, "status", "--json"], check=True, capture_output=True, text=True)
    found = next(one for one in json.loads(told.stdout)["cases"] if one["case"] == case)
    if found["newest_run"]["ended"] == "stopped":
        return "stopped_by_a_gate"
    return "retrain" if found["decision"]["decision"] == "retrain" else "keep"


def vigie(task: str, arguments: str, *, results: str = "0", **settings: object) -> BashOperator:
    """A command of Vigie as a task; `results` are the exit codes that are no failure."""
    command = (
        f'{VIGIE} {arguments}; code=$?; case " {results} " in *" $code "*) ;; *) exit $code ;; esac'
    )
    return BashOperator(task_id=task, bash_command=command, append_env=True, **settings)


def dag_of(case: str) -> DAG:
    """The DAG of a case."""
    run = f"run {case} --source {SOURCE}"
    with DAG(
        dag_id=f"vigie_{case}",
        schedule="17 5 * * *",
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": RETRIES, "retry_delay": timedelta(minutes=5)},
        doc_md=__doc__,
        tags=["vigie"],
    ) as dag:
        # 3: a gate failed, which is a result and not a failure.
        fetch = vigie("fetch", f"{run} --until validate", results="0 3")
        drift = vigie("drift", f"{run} --until decide", results="0 3")
        decision = BranchPythonOperator(
            task_id="decision", python_callable=decided, op_kwargs={"case": case}
        )
        retrain = vigie("retrain", f"{run} --until promote")
        keep = EmptyOperator(task_id="keep")
        stopped_by_a_gate = EmptyOperator(task_id="stopped_by_a_gate")
        last = "none_failed_min_one_success"
        report = vigie("report", run, results="0 3", trigger_rule=last)
        publish = vigie("publish", "site --output $VIGIE_HOME/pages/site")
        fetch >> drift >> decision >> [retrain, keep, stopped_by_a_gate] >> report >> publish
    return dag


for name in CASES:
    globals()[f"vigie_{name}"] = dag_of(name)
