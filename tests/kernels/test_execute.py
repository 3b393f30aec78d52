"""One notebook in a kernel of its own: what goes in, what comes out, and what it may end with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from pipeline import errors
from pipeline.errors import OptionError, SourceError, StateError, StepError, VigieError
from pipeline.kernels import execute
from pipeline.kernels.execute import FAILED, _as_raised, default_engine, environment

Write = Callable[..., Path]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "run" / "1-ingest.ipynb"


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test when a kernel would be started."""

    def started(*given: Any, **named: Any) -> None:
        pytest.fail("a kernel was started")

    monkeypatch.setattr(papermill, "execute_notebook", started)


def shown(path: Path) -> list[str]:
    """What the code cells printed or showed, without the parameters."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in cells
        for output in cell.outputs
    ]


def left(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.iterdir()) if output.parent.exists() else []


PROBE = """
import os
import subprocess
import sys
from ipykernel.connect import get_connection_info
transport = get_connection_info(unpack=True)["transport"]
links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
sockets = {os.readlink(link) for link in links if os.path.lexists(link)}
lines = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/self/net/{name}")]
open_ports = {int(line[1].split(":")[1], 16) for line in lines
              if line[3] == "0A" and f"socket:[{line[9]}]" in sockets}
print(transport, open_ports <= {get_ipython().kernel.iopub_thread._pipe_port})
"""


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux")
def test_a_kernel_gets_its_parameters_and_can_not_be_reached_over_tcp(
    write_notebook: Write, output: Path
) -> None:
    """Values come typed; the kernel talks over files that only this user may open.

    The one port that ipykernel opens takes the output of subprocesses, with a secret of its own.
    """
    write_notebook("(source, days, run_id)", PROBE, "import os; os.getcwd()")
    execute("1-ingest", output, {"source": "files", "days": 7, "run_id": 'it\'s "x"'})

    assert shown(output) == [
        "('files', 7, 'it\\'s \"x\"')",
        "ipc True\n",
        repr(str(Path(errors.__file__).parents[2])),
    ]
    assert left(output) == ["1-ingest.ipynb"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dayz": 7}, r"'dayz' is unknown; it takes: case, .*days"),
        ({"days": "3"}, r"days = '3': input should be a valid integer"),
        ({"days": 3.0}, r"days = 3.0: input should be a valid integer"),
        ({"days": True}, r"days = True: input should be a valid integer"),
        ({"days": 0}, r"days = 0: input should be greater than or equal to 1"),
        ({"source": "ftp"}, r"source = 'ftp': input should be 'live', 'files' or 'sample'"),
        ({"case": 1}, r"case = 1: input should be a valid string"),
        ({"as_of": "soon"}, r"as_of = 'soon': value error, 'soon' is not a time"),
    ],
)
def test_an_unknown_or_ill_typed_parameter_is_refused_before_a_kernel_starts(
    write_notebook: Write, output: Path, no_kernel: None, values: dict[str, Any], message: str
) -> None:
    """No kernel, no output; the message names the notebook, the parameter and what was given."""
    write_notebook("1")
    with pytest.raises(OptionError, match=rf"notebook 1-ingest can't be used:\n  - {message}"):
        execute("1-ingest", output, values)

    assert not output.parent.exists()


def test_all_problems_of_the_parameters_come_at_once(
    write_notebook: Write, output: Path, no_kernel: None
) -> None:
    """Sorted, a line each."""
    write_notebook("1")
    with pytest.raises(OptionError) as caught:
        execute("1-ingest", output, {"zone": "C", "days": "3"})

    assert [line[:10] for line in str(caught.value).splitlines()[1:]] == [
        "  - 'zone'",
        "  - days =",
    ]


def test_an_error_of_ours_comes_back_as_it_was_raised(write_notebook: Write, output: Path) -> None:
    """The same class and the same words; the partly executed copy is kept beside."""
    write_notebook(
        "1 + 1",
        "from pipeline.errors import SourceError\n"
        "raise SourceError.for_problems('counts.csv:', ['b is missing', 'a \"is\" odd'])",
        "2 + 2",
    )
    with pytest.raises(SourceError) as caught:
        execute("1-ingest", output, {})

    assert str(caught.value) == 'counts.csv:\n  - a "is" odd\n  - b is missing'
    assert left(output) == [f"1-ingest{FAILED}"]
    copy = output.with_name(f"1-ingest{FAILED}")
    assert shown(copy)[-2:] != ["4"]
    assert "2" in shown(copy)


def test_any_other_error_names_the_notebook_and_where_to_look(
    write_notebook: Write, output: Path
) -> None:
    """A run that then goes well takes the failed copy away."""
    write_notebook("{}['counter']")
    with pytest.raises(StepError, match=r"1-ingest broke with KeyError: 'counter'.*failed\.ipynb"):
        execute("1-ingest", output, {})
    assert left(output) == [f"1-ingest{FAILED}"]

    write_notebook("'well'")
    execute("1-ingest", output, {})
    assert left(output) == ["1-ingest.ipynb"]


def test_a_full_disk_is_a_failed_write_and_leaves_nothing(
    write_notebook: Write, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy that was begun is taken away; what was there before stays."""
    write_notebook("1")
    output.parent.mkdir()
    output.write_text("old")

    def fills(source: Path, unfinished: Path, **named: Any) -> None:
        Path(unfinished).write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(papermill, "execute_notebook", fills)
    with pytest.raises(StateError, match=r"1-ingest\.ipynb can't be written: No space left"):
        execute("1-ingest", output, {})

    assert left(output) == ["1-ingest.ipynb"]
    assert output.read_text() == "old"


def test_a_choice_of_the_user_about_threads_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is not set is set; and nothing in this process."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = dict(os.environ)
    found = environment(cores=4)

    assert ("2", "1", "1") == tuple(
        found[name] for name in ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "OPENBLAS_NUM_THREADS")
    )
    assert "4" == found["TOKIO_WORKER_THREADS"]
    assert before == dict(os.environ)


def test_an_engine_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and the engines."""
    monkeypatch.setenv("VIGIE_ENGINE", "lukewarm")
    with pytest.raises(OptionError, match=r"VIGIE_ENGINE is 'lukewarm'. Choose one of: warm, st"):
        default_engine()


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, VigieError)
    ],
)
def test_every_error_of_ours_can_come_back(kind: type[VigieError]) -> None:
    """Those too that are built of more than a message."""
    found = _as_raised("1-ingest", kind.__name__, "what happened")

    assert type(found) is kind
    assert str(found) == "what happened"


@pytest.mark.parametrize("name", ["Path", "annotations", "Iterable", "OSError"])
def test_a_foreign_error_is_not_taken_for_one_of_ours(name: str) -> None:
    """Not even when the module of our errors has something of its name."""
    assert type(_as_raised("1-ingest", name, "x")) is StepError


def test_a_stop_that_comes_while_papermill_is_imported_breaks_nothing() -> None:
    """There is nothing to stop yet; who waits for the notebook asks again."""
    code = (
        "import sys, types; from pipeline.kernels import stop; "
        "sys.modules['pipeline.kernels.execution'] = types.ModuleType('half imported'); "
        "stop(); print('papermill' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert "False" == ran.stdout.strip()
