"""The notebooks themselves: their rules, and every one of them on every case's sample.

One run of each case, with fewer folds and candidates, in real kernels; many tests look at it.
"""

from __future__ import annotations

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pyarrow.parquet as pq
import pytest
from papermill.iorw import load_notebook_node
from toy_service import answering

from bento.app import create_app
from pipeline.case import find_case, find_cases
from pipeline.kernels import execute
from pipeline.kernels.rules import problems
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.packaging import export_champions
from pipeline.packaging.settings import Settings
from pipeline.records import RECORDS, STEPS_OF, DriftRecord, IngestRecord, RunRecord, TrainRecord
from pipeline.runner.chain import Order, run_case
from pipeline.store import Store, project

OWN = {"folds": 2, "level": 0.8}
RUN_ID = "run-of-the-tests"
CASES = sorted(find_cases())
every_notebook = pytest.mark.parametrize("notebook", list(NOTEBOOKS))


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A case after a run: its home, what was said, and the record of the run."""

    case: str
    store: Store
    said: list[str]
    record: RunRecord

    def notebook(self, name: NotebookName) -> Any:
        return nbformat.read(self.store.notebook_path(self.case, RUN_ID, name), as_version=4)


def fewest_candidates(case: str) -> str:
    """The first that may serve and the first that may not."""
    candidates = find_case(case).candidates
    first = {bool(each.not_eligible): each.name for each in reversed(candidates)}
    return ",".join(first.values())


@pytest.fixture(scope="session", params=CASES)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Every case's notebooks, executed once on its sample."""
    store = Store.at(tmp_path_factory.mktemp("notebooks") / "home")
    store.prepare()
    said: list[str] = []
    order = Order(own=OWN | {"candidates": fewest_candidates(request.param)})
    record = run_case(store, request.param, order, run_id=RUN_ID, say=said.append)
    return Ran(case=request.param, store=store, said=said, record=record)


def pages(document: Any) -> str:
    """All HTML that the notebook shows."""
    return "".join(
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in document.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


@every_notebook
def test_a_notebook_keeps_the_rules(notebook: NotebookName) -> None:
    """Title, parameters, opening, then pairs of a sentence and a call; nothing else."""
    assert [] == list(problems(notebook, project.notebook(notebook)))


def test_there_is_no_other_notebook() -> None:
    """Every notebook of the folder has its options, and each of those its notebook."""
    assert sorted(NOTEBOOKS) == sorted(path.stem for path in project.NOTEBOOKS.glob("*.ipynb"))


@every_notebook
def test_papermill_sees_every_parameter_with_its_type_and_help(notebook: NotebookName) -> None:
    """`papermill --help-notebook` tells a user what can be set, of which type, and what it does."""
    seen = papermill.inspect_notebook(project.notebook(notebook))
    model = NOTEBOOKS[notebook]

    assert list(model.model_fields) == list(seen)
    for name, field in model.model_fields.items():
        assert field.description == seen[name]["help"]
        assert seen[name]["inferred_type_name"] not in ("", "None")
        assert field.default == ast.literal_eval(seen[name]["default"])


def test_a_case_runs_through_all_notebooks(ran: Ran) -> None:
    """The run is done, and each notebook said one line."""
    assert "done" == ran.record.outcome, ran.record.sentence
    assert tuple(NOTEBOOKS) == ran.record.notebooks
    assert len(NOTEBOOKS) == len(ran.said)


def test_every_step_left_its_record(ran: Ran) -> None:
    """With finite numbers, the run's id and the case's source."""
    for step, kind in RECORDS.items():
        record = ran.store.record(ran.case, RUN_ID, kind)

        assert record is not None, step
        assert ("sample", RUN_ID, False) == (record.source, record.run_id, record.stopped)


@every_notebook
def test_what_was_executed_is_whole(ran: Ran, notebook: NotebookName) -> None:
    """Every code cell ran in order and none ended with an error or a warning."""
    code = [cell for cell in ran.notebook(notebook).cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]

    assert list(range(1, len(code) + 1)) == [cell.execution_count for cell in code]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@every_notebook
def test_the_page_shows_every_figure_and_sentence_of_its_steps(
    ran: Ran, notebook: NotebookName
) -> None:
    """Each figure that a step drew is there as SVG with its words, and each step's sentence."""
    page = pages(ran.notebook(notebook))

    for step in STEPS_OF[notebook]:
        record = ran.store.record(ran.case, RUN_ID, RECORDS[step])
        assert record is not None
        assert 'class="vigie-sentence found"' in page
        for file in record.files:
            if file.kind == "figure":
                assert f'data-file="{step}/{file.name}"' in page
                assert file.alt
    assert page.count("<figure") == page.count("<svg")


@every_notebook
def test_the_executed_copy_holds_the_values_it_ran_with(ran: Ran, notebook: NotebookName) -> None:
    """The injected cell stands behind the parameters and names the run, the home and the case."""
    cells = ran.notebook(notebook).cells
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    injected = next(c for c in cells if "injected-parameters" in c.metadata.get("tags", []))
    values: dict[str, Any] = {}
    exec(injected.source, values)

    assert ["parameters", "injected-parameters", "opening"] == tags
    assert (ran.case, str(ran.store.home), RUN_ID) == (
        values["case"],
        values["home"],
        values["run_id"],
    )
    for name, value in OWN.items():
        if name in NOTEBOOKS[notebook].model_fields:
            assert value == values[name]


def test_the_parameters_reached_the_steps(ran: Ran) -> None:
    """Two folds, the candidates that were asked for, and intervals of that level."""
    record = ran.store.record(ran.case, RUN_ID, TrainRecord)
    assert record is not None

    assert OWN.items() <= record.parameters.items()
    assert {2} == {len(each.folds) for each in record.candidates}
    assert 0.8 == record.challenger.calibration.level
    assert {"baseline", *fewest_candidates(ran.case).split(",")} == {
        each.name for each in record.candidates
    }


def test_the_notebooks_of_the_checkout_stay_as_they_are(ran: Ran) -> None:
    """Execution writes copies: the sources have no outputs."""
    for notebook in NOTEBOOKS:
        document = load_notebook_node(str(project.notebook(notebook)))
        assert not any(cell.get("outputs") for cell in document.cells)


def by_hand(notebook: NotebookName, home: Path, output: Path, **values: Any) -> Any:
    """Opens and runs a notebook as a person would: with its defaults, but for the home."""
    execute(notebook, output, {"home": str(home), **values})
    return nbformat.read(output, as_version=4)


def test_the_first_notebook_runs_by_hand_in_an_empty_home(tmp_path: Path) -> None:
    """With nothing but a home that isn't there yet, it begins a run of its own."""
    home = tmp_path / "home"

    document = by_hand("1-ingest", home, tmp_path / "1-ingest.ipynb")

    store = Store.at(home)
    (run_id,) = store.run_ids("bikes")
    record = store.record("bikes", run_id, IngestRecord)
    assert record is not None
    assert record.sentence.split(":")[0] in pages(document)


def test_a_later_notebook_runs_by_hand_and_does_what_comes_before(tmp_path: Path) -> None:
    """In an empty home, training ingests and validates first, and says so."""
    home = tmp_path / "home"

    document = by_hand("4-train", home, tmp_path / "4-train.ipynb", candidates="linear", folds=1)

    store = Store.at(home)
    (run_id,) = store.run_ids("bikes")
    assert store.record("bikes", run_id, TrainRecord) is not None
    said = "".join(
        output.text
        for cell in document.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.get("name") == "stdout"
    )
    assert "no record of 'validate'" in said
    assert "no record of 'ingest'" in said


def test_nbmake_runs_a_notebook_as_it_stands(tmp_path: Path) -> None:
    """Opened and run with its defaults, nothing injected, as JupyterLab would."""
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-p", "nbmake", "--nbmake", "--no-cov", "-q"),
            *("-p", "no:cacheprovider"),
            str(project.notebook("1-ingest")),
        ],
        env=os.environ | {"VIGIE_HOME": str(tmp_path / "home")},
        cwd=project.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout
    assert "1 passed" in done.stdout
    assert ["bikes"] == Store.at(tmp_path / "home").cases()


@pytest.mark.parametrize("ran", ["vehicles"], indirect=True)
def test_what_callers_asked_a_service_is_the_current_window(ran: Ran, tmp_path: Path) -> None:
    """From the service's own log, whole calls and single ones, through real kernels; callers who
    ask of heavier cars are noticed.
    """
    home = tmp_path / "home"
    shutil.copytree(ran.store.home, home, symlinks=True)
    store, case = Store.at(home), find_case("vehicles")
    (bundle,) = export_champions(store, tmp_path / "champions", cases={"vehicles": case})
    rows = pq.read_table(bundle.observations_path()).slice(0, 121).to_pylist()
    names = case.task.request_model(case.schema, "Record").model_fields
    asked = [{name: row[name] for name in names if row[name] is not None} for row in rows]
    heavy = [record | {"mass": record["mass"] * 1.5} for record in asked if "mass" in record]
    settings = Settings(champions=tmp_path / "champions", calls=store.calls_file, open=True)
    with answering(create_app(settings, {"vehicles": case})) as client:
        for records in (heavy[:1], heavy[1:]):
            answer = client.post("/v1/vehicles/predict", json={"records": records})
            assert 200 == answer.status_code, answer.text

    before = ran.record.as_of - timedelta(hours=1)
    with closing(sqlite3.connect(store.calls_file)) as log, log:
        # The sample's time lies years before the calls.
        log.execute("UPDATE calls SET time = ?", (before.timestamp(),))
    order = Order(own=OWN | {"current": "calls"}, until="3-drift")
    done = run_case(store, "vehicles", order, run_id="asked", say=lambda _: None)

    found = store.record("vehicles", "asked", DriftRecord)
    assert found, done.sentence
    (mass,) = [column for column in found.columns if column.column == "mass"]
    assert mass.alarm, mass.sentence
