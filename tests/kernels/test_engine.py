"""How a notebook may end in either engine, and that one leaves nothing to the next."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import papermill.iorw
import pytest

from pipeline.errors import OptionError, StepError
from pipeline.kernels import engine, execute, lines, stop, warm
from pipeline.kernels.execute import FAILED
from pipeline.kernels.memory import times_out_of_memory
from pipeline.store import project

Write = Callable[..., Path]
pytestmark = pytest.mark.skipif(not warm.AVAILABLE, reason="kernels are forked on Linux only")
both_engines = pytest.mark.parametrize("engine", ["warm", "stock"])


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "run" / "1-ingest.ipynb"


def shown(path: Path) -> list[str]:
    """What the code cells printed or showed, without the parameters."""
    return [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


def broken(output: Path, **named: Any) -> StepError:
    """The error that the notebook ends with; its partly executed copy is there."""
    with pytest.raises(StepError) as caught:
        execute("1-ingest", output, {}, **named)

    assert [f"1-ingest{FAILED}"] == [path.name for path in output.parent.iterdir()]
    return caught.value


@pytest.mark.parametrize(
    ("engine", "code", "message"),
    [
        ("warm", "os._exit(7)", "its kernel ended with exit code 7"),
        ("warm", "os.kill(os.getpid(), 11)", "its kernel died of signal SIGSEGV"),
        ("warm", "os.kill(os.getpid(), 9)", r"was killed \(SIGKILL\), most often for"),
        ("stock", "os.kill(os.getpid(), 9)", r"was killed \(SIGKILL\), most often for"),
    ],
)
def test_a_kernel_that_dies_is_said_to_have_died_and_of_what(
    write_notebook: Write, output: Path, engine: Any, code: str, message: str
) -> None:
    """What it did before is in the copy, and the cell that it died in is marked there."""
    write_notebook("'before'", f"import os; {code}", "'after'")
    error = broken(output, engine=engine)

    assert "died" == error.failure
    assert re.search(message, str(error))
    copy = output.with_name(f"1-ingest{FAILED}")
    assert ["'before'"] == shown(copy)
    cells = nbformat.read(copy, as_version=4).cells
    assert ["completed", "failed", "pending"] == [c.metadata.papermill.status for c in cells][-3:]


def test_want_of_memory_is_told_when_the_system_tells_it(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the counter of processes that it killed for that."""
    counts = iter([3, 4])
    monkeypatch.setattr("pipeline.kernels.execution.times_out_of_memory", lambda: next(counts))
    write_notebook("import os; os.kill(os.getpid(), 9)")

    assert "killed by the system for want of memory (SIGKILL)" in str(broken(output))
    assert times_out_of_memory() >= 0


def test_a_kernel_that_was_interrupted_is_no_error_of_the_code(
    write_notebook: Write, output: Path
) -> None:
    """As when somebody sends it a signal."""
    write_notebook("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)")

    assert "interrupted" == broken(output).failure


@both_engines
def test_a_cell_has_a_limit_of_time(write_notebook: Write, output: Path, engine: Any) -> None:
    """Each cell for itself; the message tells the limit."""
    write_notebook("import time; time.sleep(0.1)", "while True: pass")
    error = broken(output, seconds=1, engine=engine)

    assert "timeout" == error.failure
    assert "a cell took longer than 1 s" in str(error)


@pytest.mark.parametrize(("seconds", "writes"), [(1e9, 1), (0.0, 9)], ids=["short", "long"])
def test_a_notebook_is_written_once_unless_it_takes_long(
    seconds: float,
    writes: int,
    write_notebook: Write,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long one is saved when it begins, before and after each cell, and at its end besides."""
    written = []
    monkeypatch.setattr(engine, "SAVE_SECONDS", seconds)
    monkeypatch.setattr(
        papermill.iorw.papermill_io,
        "write",
        lambda text, path, **_: written.append(Path(path).write_text(text)),
    )
    write_notebook("print('here')")
    execute("1-ingest", output, {})

    assert writes == len(written)
    assert ["here\n"] == shown(output)


def test_a_notebook_has_a_limit_of_time(write_notebook: Write, output: Path) -> None:
    """All its cells together."""
    write_notebook(*["import time; time.sleep(0.4)"] * 9)
    error = broken(output, notebook_seconds=1.5)

    assert "timeout" == error.failure
    assert "1-ingest: it took longer than 1.5 s" in str(error)


@both_engines
def test_a_notebook_has_a_limit_of_output(write_notebook: Write, output: Path, engine: Any) -> None:
    """A cell that prints without end is stopped; what is kept of it stays within the limit."""
    write_notebook("1", "while True: print('x' * 999)")
    error = broken(output, output_bytes=100_000, engine=engine)

    assert "output" == error.failure
    assert "with cell 3 it showed more than 0.1 MB" in str(error)
    assert output.with_name(f"1-ingest{FAILED}").stat().st_size < 300_000


class Refusal:
    """A server that can't fork."""

    def fork(self, request: dict[str, Any]) -> warm.ForkedKernel:
        ours, theirs = socket.socketpair()
        with theirs:
            lines.tell(theirs, error="2 threads at the fork: ['python', 'IO']")
        return warm.ForkedKernel(ours)


def test_a_kernel_that_does_not_start_is_said_to(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, and what to try."""
    monkeypatch.setattr(warm, "server", Refusal)
    write_notebook("1")
    error = broken(output)

    assert "start" == error.failure
    assert "did not start: 2 threads at the fork: ['python', 'IO']" in str(error)


CHANGES = """
import builtins, os, random, sys, numpy
numpy.spoiled = sys.modules["fractions"] = builtins.spoiled = True
os.environ["SPOILED"] = "1"; os.chdir("/"); sys.path.insert(0, "/spoiled")
random.seed(1); numpy.random.seed(1)
"""
LOOKS = """
import builtins, os, random, sys, numpy
print((hasattr(numpy, "spoiled"), sys.modules.get("fractions") is True,
       hasattr(builtins, "spoiled"), "SPOILED" in os.environ, os.getcwd() == "/",
       "/spoiled" in sys.path, random.random(), float(numpy.random.random())))
"""


def test_a_notebook_sees_nothing_of_the_one_before(write_notebook: Write, output: Path) -> None:
    """Not its modules, environment, folder, paths, nor the state of its random numbers."""
    seen = []
    for _ in range(2):
        write_notebook(LOOKS, CHANGES)
        execute("1-ingest", output, {})
        seen.append(ast.literal_eval(shown(output)[0]))

    assert [(False,) * 6] * 2 == [values[:6] for values in seen]
    assert len({*seen[0][6:], *seen[1][6:]}) == 4


def test_a_kernel_has_the_environment_of_now(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of the moment when the server was started."""
    warm.server()
    monkeypatch.setenv("VIGIE_TEST_WORD", "new")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    write_notebook(
        "import os; os.environ['VIGIE_TEST_WORD'], os.environ['LOKY_MAX_CPU_COUNT']",
        "import joblib, threadpoolctl; joblib.cpu_count()",
        "{each['num_threads'] for each in threadpoolctl.threadpool_info()}",
    )
    execute("1-ingest", output, {}, cores=1)

    assert ["('new', '1')", "1", "{2}"] == shown(output)


def test_openmp_works_in_a_forked_kernel(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With threads of its own, which a fork can't inherit."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    write_notebook(
        "import numpy as np\n"
        "from sklearn.ensemble import HistGradientBoostingRegressor\n"
        "x = np.arange(2000.0)[:, None]\n"
        "model = HistGradientBoostingRegressor(max_iter=5).fit(x, x[:, 0])\n"
        "abs(model.predict(x).mean() - 999.5) < 1"
    )
    execute("1-ingest", output, {}, seconds=60)

    assert ["np.True_"] == shown(output)


def test_notebooks_run_side_by_side_in_threads(write_notebook: Write, tmp_path: Path) -> None:
    """Each in its own kernel, both at once: each waits until the other is there."""
    write_notebook(
        "from pathlib import Path\nimport time\n"
        "Path(data, str(days)).touch()\n"
        "while len(list(Path(data).iterdir())) < 2: time.sleep(0.01)\n"
        "days"
    )
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    outputs = [tmp_path / str(number) / "1-ingest.ipynb" for number in (1, 2)]
    threads = [
        threading.Thread(
            target=execute,
            args=("1-ingest", path, {"days": number, "data": str(meeting)}),
            kwargs={"seconds": 60},
        )
        for number, path in enumerate(outputs, start=1)
    ]
    before = Path.cwd()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [["1"], ["2"]] == [shown(path) for path in outputs]
    assert before == Path.cwd()


def test_a_notebook_can_be_executed_where_an_event_loop_runs(
    write_notebook: Write, output: Path
) -> None:
    """As within JupyterLab."""
    write_notebook("1 + 1")

    async def within() -> None:
        execute("1-ingest", output, {})

    asyncio.run(within())

    assert ["2"] == shown(output)


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """As in a terminal: a shell starts what runs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("way", ["stop", "SIGINT"])
def test_an_interrupted_notebook_ends_at_once(
    write_notebook: Write, output: Path, tmp_path: Path, way: str, heeds_interrupts: None
) -> None:
    """Stopped from another thread it has an error; interrupted by hand it leaves its copy."""
    mark = tmp_path / "mark"
    write_notebook(f"open({str(mark)!r}, 'w').close()\nwhile True: pass")

    def interrupt() -> None:
        while not mark.exists():
            time.sleep(0.01)
        stop() if way == "stop" else os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    if way == "stop":
        assert "interrupted" == broken(output).failure
    else:
        with pytest.raises(KeyboardInterrupt):
            execute("1-ingest", output, {})
    thread.join()

    assert [f"1-ingest{FAILED}"] == [path.name for path in output.parent.iterdir()]


def test_a_notebook_can_be_stopped_while_its_kernel_starts(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It doesn't go on to the first cell."""

    class Waits:
        def fork(self, request: dict[str, Any]) -> warm.ForkedKernel:
            ours, theirs = socket.socketpair()
            threading.Thread(target=self.end, args=(theirs,)).start()
            return warm.ForkedKernel(ours)

        def end(self, theirs: socket.socket) -> None:
            stop()
            with theirs:
                theirs.recv(100)
                lines.tell(theirs, exit=-signal.SIGKILL)

    monkeypatch.setattr(warm, "server", Waits)
    write_notebook("1")

    assert "interrupted" == broken(output).failure


def test_what_a_notebook_started_ends_with_it(write_notebook: Write, output: Path) -> None:
    """No process of it is left, even one that it did not wait for."""
    write_notebook("import subprocess; subprocess.Popen(['sleep', '600']).pid")
    execute("1-ingest", output, {})
    pid = int(shown(output)[0])

    until = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_papermill_runs_a_notebook_by_hand_with_the_engine(
    write_notebook: Write, output: Path
) -> None:
    """By its entry point, in the folder that the user is in."""
    path = write_notebook("import os; os.getcwd(), days")
    output.parent.mkdir()
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("papermill"), path, output),
            *("--engine", "warm", "-p", "days", "3", "--no-progress-bar"),
        ],
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert [(str(output.parent), 3)] == [ast.literal_eval(text) for text in shown(output)]


def test_papermill_by_hand_refuses_what_a_notebook_of_the_pipeline_can_not_use(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Papermill alone warns of an unknown name and goes on; here no kernel starts."""
    monkeypatch.setattr(warm, "server", lambda: pytest.fail("a kernel was asked for"))

    with pytest.raises(
        OptionError, match=r"(?s)4-train can't be used.*'fold' is unknown.*folds = 'two'"
    ):
        papermill.execute_notebook(
            project.notebook("4-train"),
            output,
            parameters={"fold": 3, "folds": "two"},
            engine_name="warm",
            progress_bar=False,
        )


def test_the_stock_engine_asks_no_server(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts a new process, with the interpreter of this one."""
    monkeypatch.setattr(warm, "server", lambda: pytest.fail("a server was asked"))
    write_notebook("import sys; sys.executable, 'sklearn' in sys.modules")
    execute("1-ingest", output, {}, engine="stock")

    assert [repr((sys.executable, False))] == shown(output)


def test_a_notebook_of_the_checkout_has_its_folder(write_notebook: Write, output: Path) -> None:
    """Whatever folder the run is started in; the modules of the package are there already."""
    write_notebook("import os, sys; os.getcwd(), 'pipeline.steps.train' in sys.modules")
    execute("1-ingest", output, {})

    assert [repr((str(project.ROOT), True))] == shown(output)


@both_engines
def test_a_notebook_waits_for_its_turn_after_its_opening(
    write_notebook: Write, output: Path, engine: Any
) -> None:
    """The opening is done by then, and nothing else."""
    done = output.parent.parent / "done"
    path = write_notebook(f"open({str(done)!r}, 'a').write('o')", f"open({str(done)!r}).read()")
    _tag(path, "opening")

    execute("1-ingest", output, {}, engine=engine, turn=lambda: done.write_text("turn"))

    assert ["'turn'"] == shown(output)[-1:]


def test_what_a_turn_raises_ends_the_notebook(write_notebook: Write, output: Path) -> None:
    """With the partly executed copy, as after any interrupt."""
    _tag(write_notebook("'opened'", "'after'"), "opening")

    def turn() -> None:
        raise StepError.for_interrupt("1-ingest")

    assert "interrupted" == broken(output, turn=turn).failure
    assert ["'opened'"] == shown(output.with_name(f"1-ingest{FAILED}"))


def _tag(path: Path, tag: str) -> None:
    """Tags the cell after the parameters."""
    document = nbformat.read(path, as_version=4)
    document.cells[2].metadata["tags"] = [tag]
    nbformat.write(document, path)


@both_engines
def test_steps_open_their_database_in_any_kernel(
    write_notebook: Write, output: Path, engine: Any
) -> None:
    """A setting that a database refuses in Jupyter would end every notebook that opens it."""
    write_notebook(
        "import tempfile\n"
        "from pathlib import Path\n"
        "from pipeline.store.bulk import database_in\n"
        "with tempfile.TemporaryDirectory() as folder, database_in(Path(folder)) as database:\n"
        "    print(database.execute('SELECT 6 * 7').fetchone())"
    )
    execute("1-ingest", output, {}, engine=engine)

    assert "(42,)" in output.read_text()
