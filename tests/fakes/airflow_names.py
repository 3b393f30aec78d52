"""The names that the DAG takes from Airflow: they note tasks and what follows what.

Whether Airflow takes them so is tried with Airflow itself, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Self

CURRENT: list[DAG] = []


class DAG:
    def __init__(self, *, dag_id: str, **settings: Any) -> None:
        self.dag_id = dag_id
        self.settings = settings
        self.tasks: dict[str, Task] = {}
        self.edges: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        CURRENT.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        CURRENT.pop()


class Task:
    def __init__(
        self,
        *,
        task_id: str,
        bash_command: str = "",
        python_callable: Callable[..., str] | None = None,
        **settings: Any,
    ) -> None:
        self.name = task_id
        self.command = bash_command
        self.function = python_callable
        self.settings = settings
        self.dag = CURRENT[-1]
        assert task_id not in self.dag.tasks
        self.dag.tasks[task_id] = self

    def __rshift__(self, other: Task | list[Task]) -> Task | list[Task]:
        for task in other if isinstance(other, list) else [other]:
            self.dag.edges.append((self.name, task.name))
        return other

    def __rrshift__(self, others: list[Task]) -> Task:
        for task in others:
            self.dag.edges.append((task.name, self.name))
        return self


def modules() -> dict[str, ModuleType]:
    """Modules by the names under which the DAG imports them."""
    wanted = {
        "airflow.sdk": {"DAG": DAG},
        "airflow.providers.standard.operators.bash": {"BashOperator": Task},
        "airflow.providers.standard.operators.empty": {"EmptyOperator": Task},
        "airflow.providers.standard.operators.python": {"BranchPythonOperator": Task},
    }
    found = {}
    for path, names in wanted.items():
        parts = path.split(".")
        for end in range(1, len(parts) + 1):
            found.setdefault(name := ".".join(parts[:end]), ModuleType(name))
        vars(found[path]).update(names)
    return found
