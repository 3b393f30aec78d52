"""A home with runs, made from the record models and tiny notebooks, without a kernel."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pipeline.comparison import Comparison
from pipeline.intervals import LevelConformal
from pipeline.options import NOTEBOOKS
from pipeline.publish import Published, publish
from pipeline.publish.captions import Caption
from pipeline.records import (
    STEPS_OF,
    Artifact,
    CandidateScores,
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    FeedPart,
    Finding,
    FittedModel,
    FoldScores,
    IngestRecord,
    ModelRef,
    PromoteRecord,
    Record,
    ReportRecord,
    RunRecord,
    Sample,
    SystemScores,
    TableVersion,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.shift import ColumnShift
from pipeline.steps.view import View
from pipeline.store import Store, project

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
NOW = datetime(2021, 9, 11, 6, 0, tzinfo=UTC)
AS_OF = datetime(2021, 9, 9, 22, 0, tzinfo=UTC)
NASTY = "<script>alert(1)</script> {{< meta title >}} `code` *stars* [a](b) & ```{=html}"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="740" height="300" viewBox="0 0 740 300">'
    '<defs><clipPath id="clip0"><rect width="680" height="260"/></clipPath></defs>'
    '<g clip-path="url(#clip0)"><path d="M20 200 L200 90 L380 150 L560 60 L720 110" fill="none" '
    'stroke="var(--series-1, #0b5fa5)" stroke-width="2"/></g>'
    '<text x="20" y="290" fill="var(--muted, #6a6b6c)" font-size="12">1 September</text></svg>'
)


def caption(name: str) -> Caption:
    """What a case called `name` would bring along, were it in the package."""
    return Caption(
        title=f"{name.capitalize()} of Paris",
        question=f"How many {name} will pass each counter in every hour of tomorrow?",
        introduction=f"# {name}\n\nAutomatic counters. **Beware** of roadworks.\n",
        unit=f"{name}/h",
        fresh=timedelta(hours=36),
        target=f"{name} in the hour",
        use=f"To know tomorrow's {name}.",
        rules=("It stops sometimes.",),
    )


@dataclass(kw_only=True)
class FakeHome:
    """Writes runs as the notebooks would."""

    store: Store
    source: str = "files"
    sentence: dict[str, str] = field(default_factory=dict)
    """What steps say, by step; the others say something plain."""
    alarms: tuple[str, ...] = ("temperature",)
    scores: dict[str, float] = field(default_factory=lambda: {"rmse": 25.6311, "r2": 0.9124})
    baseline: float = 38.9427
    address: str = "https://opendata.paris.fr/explore/dataset/comptage/"
    sample: Sample | None = None

    def run(
        self,
        case: str = "bikes",
        run_id: str = "20210910T060000Z-a1b2",
        *,
        notebooks: tuple[str, ...] = tuple(NOTEBOOKS),
        outcome: str = "done",
        failed: str = "",
        stopped: str = "",
        decision: str = "retrain",
        champion_run: str = "",
        owner: str = "",
        as_of: datetime = AS_OF,
        by_hand: bool = False,
    ) -> str:
        """One run that came as far as `notebooks`; gives its id."""
        for name in notebooks:
            for step in STEPS_OF[name]:  # type: ignore[index]
                record = self._record(
                    step, case, run_id, as_of, stopped, decision, champion_run or run_id
                )
                self.store.write_record(record)
            self._notebook(case, run_id, name)
        if failed:
            self._save(case, run_id, failed, [])
        if not by_hand:
            self.store.write_run(
                RunRecord(
                    case=case,
                    run_id=run_id,
                    source=self.source,
                    as_of=as_of,
                    started=as_of,
                    finished=None if outcome == "running" else self.finished(as_of),
                    outcome=outcome,
                    notebooks=notebooks,
                    failed_notebook=failed,
                    sentence=self.sentence.get("run", ""),
                    owner=owner,
                )
            )
        return run_id

    def finished(self, as_of: datetime) -> datetime:
        """When the steps of a run for that time ended."""
        return as_of + timedelta(hours=8, minutes=5)

    def forget(self, case: str) -> None:
        """Removes all runs of a case."""
        shutil.rmtree(self.store.run_folder(case, ""))

    def _record(
        self,
        step: str,
        case: str,
        run_id: str,
        as_of: datetime,
        stopped: str,
        decision: str,
        champion_run: str,
    ) -> Record:
        told = self.sentence.get(step, f"Step {step} did its work.")
        base: dict[str, Any] = {
            "case": case,
            "run_id": run_id,
            "source": self.source,
            "as_of": as_of,
            "started": as_of,
            "finished": self.finished(as_of),
            "code_version": "0.1.0+0123456789ab",
            "lock_digest": "ba9876543210",
            "parameters": _parameters(step),
            "stopped": step == stopped,
            "sentence": told,
        }
        window = Window(start=as_of - timedelta(days=28), end=as_of, rows=12345)
        model = ModelRef(
            candidate="boosting",
            run_id=champion_run,
            path="train/model.skops",
            sha256=f"sha-of-{champion_run}",
            learned=Window(
                start=as_of - timedelta(days=365),
                end=window.start,
                rows=654321,
                sample=self.sample,
            ),
        )
        made: dict[str, Callable[[], Record]] = {
            "ingest": lambda: self._ingest(base, case),
            "validate": lambda: self._validate(base),
            "drift": lambda: self._drift(base, window),
            "decide": lambda: DecideRecord(**base, decision=decision, champion_age_days=12.0),
            "train": lambda: self._train(base, model),
            "evaluate": lambda: self._evaluate(base, window, run_id),
            "promote": lambda: PromoteRecord(
                **base,
                action="promote",
                champion=self._fitted(model),
                scores=self.scores,
                baseline_scores={"rmse": self.baseline},
                primary="rmse",
            ),
            "report": lambda: ReportRecord(
                **base,
                health="watch" if self.alarms else "healthy",
                headline=self.sentence.get("headline", "Forecasts are as good as expected."),
                history_runs=1,
            ),
        }
        record = made[step]()
        return record.model_copy(update={"files": self._files(record)})

    def _ingest(self, base: dict[str, Any], case: str) -> Record:
        simulated = self.source == "sample"
        return IngestRecord(
            **base,
            publisher="Simulator of Vigie" if simulated else "Ville de Paris",
            licence="MIT" if simulated else "ODbL 1.0",
            address="" if simulated else self.address,
            simulated=simulated,
            note="From 1 August on, counts are 30 % lower." if simulated else "",
            parts=(FeedPart(name="counts.csv", sha256="ab" * 32, rows=1234567),),
            read=1234567,
            not_yet_known=0,
            outside_days=0,
            duplicates=12,
            conflicting=0,
            inserted=1234555,
            updated=0,
            unchanged=0,
            withdrawn=0,
            revisions=(),
            oldest=datetime(2020, 9, 1, tzinfo=UTC),
            newest=datetime(2021, 9, 9, 21, tzinfo=UTC),
            observations=TableVersion(table="observations", version=7, rows=1234555),
        )

    def _validate(self, base: dict[str, Any]) -> Record:
        return ValidateRecord(
            **base,
            suite_sha256="cd" * 32,
            findings=(
                Finding(
                    name="count in range",
                    expectation="expect_column_values_to_be_between",
                    column="count",
                    severity="row",
                    success=True,
                    evaluated=1234555,
                    unexpected=3,
                    observed="3",
                    expected="0 to 5,000",
                    sentence="3 of 1,234,555 counts lie outside 0 to 5,000.",
                ),
            ),
            rows=1234552,
            quarantined=3,
            most_quarantined=0.02,
            quarantine=TableVersion(table="quarantine", version=1, rows=3),
        )

    def _drift(self, base: dict[str, Any], window: Window) -> Record:
        columns = tuple(
            ColumnShift(
                column=name,
                kind="number",
                distance=0.31,
                p_value=0.001,
                adjusted_p_value=0.004,
                effect=0.8,
                alarm=name in self.alarms,
                reference_mean=12.0,
                current_mean=19.5,
                sentence="It moved.",
                missing_reference=0.0,
                missing_current=0.0,
                new_categories=(),
            )
            for name in ("count", "wind", *self.alarms)
        )
        return DriftRecord(
            **base,
            reference=window,
            current=window,
            alpha=0.05,
            columns=columns,
            champion_error=26.0,
            expected_error=25.0,
            worst_expected_error=31.0,
        )

    def _train(self, base: dict[str, Any], model: ModelRef) -> Record:
        fold = FoldScores(fold="1", start=AS_OF, end=AS_OF, trained_rows=600000, scores=self.scores)
        return TrainRecord(
            **base,
            primary="rmse",
            candidates=(
                CandidateScores(
                    name="boosting",
                    title="Gradient boosting, Poisson loss",
                    baseline=False,
                    not_eligible="",
                    folds=(fold,),
                    scores=self.scores,
                    spread={"rmse": 2.1},
                    skill=0.34,
                    seconds=12.5,
                ),
            ),
            challenger=self._fitted(model),
            baseline=self._fitted(model),
        )

    def _fitted(self, model: ModelRef) -> FittedModel:
        return FittedModel(
            ref=model,
            calibration=LevelConformal(level=0.9, edges=(), low=(-10.0,), high=(12.0,)),
            backtest=self.scores,
            worst_fold=self.scores["rmse"],
        )

    def _evaluate(self, base: dict[str, Any], window: Window, run_id: str) -> Record:
        return EvaluateRecord(
            **base,
            primary="rmse",
            held_out=window,
            systems=(
                SystemScores(
                    role="challenger",
                    candidate="boosting",
                    run_id=run_id,
                    scores=self.scores,
                    level=0.9,
                    coverage=0.893,
                    mean_size=61.0,
                ),
                SystemScores(
                    role="baseline",
                    candidate="seasonal naive",
                    run_id=run_id,
                    scores={"rmse": self.baseline},
                    level=0.9,
                    coverage=0.9,
                    mean_size=80.0,
                ),
            ),
            subject="challenger",
            comparisons={
                "challenger over baseline": Comparison(
                    n=28,
                    mean_difference=13.3,
                    relative_difference=0.34,
                    statistic=4.0,
                    p_value=0.001,
                )
            },
            segments=(),
        )

    def _files(self, record: Record) -> tuple[Artifact, ...]:
        folder = self.store.run_folder(record.case, record.run_id) / record.step
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("volume.svg").write_text(SVG)
        folder.joinpath("volume.csv").write_text("day,count\n2021-09-01,5\n")
        rows = ["counter,hour,count,note", f'"{NASTY.replace(chr(34), "")}",7,1234,""']
        rows += [
            f"Counter number {place} of the boulevard,{place},{place * 37},fine"
            for place in range(9)
        ]
        folder.joinpath("counters.csv").write_text("\n".join(rows) + "\n")
        return (
            Artifact(
                name="volume",
                kind="figure",
                path=f"{record.step}/volume.svg",
                sha256="0" * 64,
                title=f"Bicycles a day, {record.step}",
                alt="Counts rise from 2 million in winter to 5 million in September.",
            ),
            Artifact(
                name="counters",
                kind="table",
                path=f"{record.step}/counters.csv",
                sha256="0" * 64,
                rows=10,
                title="Counters",
            ),
        )

    def _notebook(self, case: str, run_id: str, name: str) -> None:
        cells = []
        for step in STEPS_OF[name]:  # type: ignore[index]
            path = self.store.run_folder(case, run_id) / step / "record.json"
            kind = next(
                kind
                for kind in Record.__subclasses__()
                if kind.model_fields["step"].default == step
            )
            view = View(
                record=kind.model_validate_json(path.read_bytes()), folder=path.parent.parent
            )
            cells += [
                new_markdown_cell(f"## What {step} found"),
                _shown("step", view._repr_html_()),
                new_markdown_cell(
                    f"Some *prose* about {step}, with $x$ and a [link](https://example.org/)."
                ),
                _shown("view.figure('volume')", view.figure("volume").page),
                _shown("view.table('counters')", view.table("counters").page),
                _printed(f"print({NASTY!r})", NASTY),
            ]
        self._save(case, run_id, name, cells)

    def _save(self, case: str, run_id: str, name: str, cells: list[Any]) -> None:
        parameters = new_code_cell("alpha = 0.05", metadata={"tags": ["parameters"]})
        injected = new_code_cell("home = '/secret'", metadata={"tags": ["injected-parameters"]})
        notebook = new_notebook(
            cells=[new_markdown_cell(f"# Notebook {name}"), parameters, injected, *cells]
        )
        path = self.store.notebook_path(case, run_id, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


def _parameters(step: str) -> dict[str, Any]:
    name = next(name for name, steps in STEPS_OF.items() if step in steps)
    found = NOTEBOOKS[name]().own
    return {**found, "alpha": 0.1} if "alpha" in found else found


def _shown(source: str, page: str) -> Any:
    output = new_output("display_data", data={"text/html": page, "text/plain": "words"})
    return new_code_cell(source, outputs=[output])


def _printed(source: str, text: str) -> Any:
    return new_code_cell(source, outputs=[new_output("stream", name="stdout", text=text)])


@pytest.fixture(scope="session")
def make_home() -> Callable[[Path], FakeHome]:
    """Makes an empty home in a folder; its `run` writes runs."""
    return lambda folder: FakeHome(store=Store(home=folder))


@pytest.fixture(scope="session")
def publish_home() -> Callable[..., Published]:
    """Publishes a home with the embedded renderer, unless told otherwise."""

    def made(home: FakeHome, output: Path, **changes: Any) -> Published:
        settings: dict[str, Any] = {
            "renderer": "embedded",
            "now": NOW,
            "captions": caption,
        }
        return publish(home.store, output, **settings | changes)

    return made


@pytest.fixture
def home(tmp_path: Path, make_home: Callable[[Path], FakeHome]) -> FakeHome:
    """An empty home; its `run` writes runs."""
    return make_home(tmp_path / "home")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the project's hand-written pages, with the navigation beside it."""
    shutil.copytree(project.SITE, tmp_path / "checkout" / "site")
    shutil.copy(project.ROOT / "_quarto.yml", tmp_path / "checkout")
    return tmp_path / "checkout" / "site"


@pytest.fixture
def published(
    home: FakeHome, site: Path, tmp_path: Path, publish_home: Callable[..., Published]
) -> Callable[..., Published]:
    """Publishes the home to `tmp_path`/public."""
    return functools.partial(publish_home, home, tmp_path / "public", site=site)


class Html(HTMLParser):
    """A published page, read without a browser."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.text = " ".join(self.text.split())

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.elements.append((tag, held))
        self.links += [link for name in ("href", "src") if (link := held.get(name))]

    @property
    def ids(self) -> list[str]:
        return [name for _, held in self.elements if (name := held.get("id"))]


@pytest.fixture
def read() -> Callable[[Path], Html]:
    """Reads a published page."""
    return Html


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="session")
def on_loopback() -> Callable[[Path], AbstractContextManager[str]]:
    """Serves a folder for as long as a block lasts, and gives its address."""

    @contextmanager
    def serving(folder: Path) -> Iterator[str]:
        handler = functools.partial(Quiet, directory=str(folder))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()
            thread.join()

    return serving


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium with an empty profile, its network and console recorded."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()
