"""The server of kernels: what it forks, and that it ends with its parent, whatever ends that."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from ipykernel.thread import BaseThread

from pipeline.kernels import execute, folders, forked, lines, warm
from pipeline.kernels.preload import STAGES
from pipeline.kernels.server import Server
from pipeline.store import Store, project
from pipeline.store.locks import hold

Write = Callable[..., Path]
Running = tuple[subprocess.Popen, list[int]]
pytestmark = pytest.mark.skipif(not warm.AVAILABLE, reason="kernels are forked on Linux only")


PATIENCE = 180
"""Seconds that a machine with much other work may take for what is done in one."""


def runs(pid: int) -> bool:
    """Whether the process has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    """Whether the process ends; waits as long as it takes on a busy machine."""
    until = time.monotonic() + PATIENCE
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not runs(pid)


def children(pid: int) -> list[int]:
    """Processes that the process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_server_has_one_thread_after_all_its_imports(
    write_notebook: Write, tmp_path: Path
) -> None:
    """Whatever the libraries would start: a kernel is forked only then."""
    names = [name for stage in STAGES for name in stage]
    output = tmp_path / "1-ingest.ipynb"
    write_notebook(f"import sys; print(*({{*{names!r}}} - sys.modules.keys()))")
    until = time.monotonic() + PATIENCE
    missing = names
    while missing and time.monotonic() < until:
        execute("1-ingest", output, {})
        missing = nbformat.read(output, as_version=4).cells[-1].outputs[0].text.split()

    assert [] == missing
    assert 1 == len(list(Path(f"/proc/{warm.server().process.pid}/task").iterdir()))


def test_a_notebook_sees_all_modules_though_its_kernel_was_started_without_a_list_of_them(
    write_notebook: Write, tmp_path: Path
) -> None:
    """ipykernel's own view of the interpreter is whole again."""
    output = tmp_path / "1-ingest.ipynb"
    write_notebook("import sys; from ipykernel import ipkernel; print(ipkernel.sys is sys)")

    execute("1-ingest", output, {})

    assert "True\n" == nbformat.read(output, as_version=4).cells[-1].outputs[0].text


def test_a_process_with_another_thread_forks_no_kernel() -> None:
    """It says which threads there are."""
    control, _ = socket.socketpair()
    ours, theirs = socket.socketpair()
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        server = Server(control, os.getppid())
        server._start(lines.Reader(theirs), {})
        (answer,) = lines.Reader(ours).take()
    finally:
        done.set()
        thread.join()
        for each in (control, _, ours):
            each.close()

    assert re.match(r"\d+ threads at the fork: \['", answer["error"])


def test_a_server_is_started_anew_when_the_source_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one before forks no more; without such a change it is kept."""
    first = warm.server()
    assert first is warm.server()

    monkeypatch.setattr(warm, "fingerprint", lambda: 1)
    other = warm.server()

    assert first is not other
    assert 0 == first.process.wait(PATIENCE)
    warm.close()
    assert other.process.returncode is not None


def test_a_fork_of_the_process_has_a_server_of_its_own() -> None:
    """It would else talk to that of its parent, and end it."""
    first = warm.server()
    pid = os.fork()
    if not pid:
        os._exit(bool(warm._SERVERS))

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert first is warm.server()


RUNNER = """
import signal
import sys
# What is started in the background of a shell ignores an interrupt, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from pipeline.kernels import execute, warm
warm.START = (
    "from pipeline.kernels import preload; preload.STAGES = ((),); preload._own_modules = tuple; "
    "preload._rehearse = id; " + warm.START
)
from pipeline.store import project
from pipeline.store.locks import hold
project.NOTEBOOKS = Path(sys.argv[1])
with hold(Path(sys.argv[2]), "bikes", "now"):
    execute("1-ingest", Path(sys.argv[2], "1-ingest.ipynb"), {})
"""


@pytest.fixture
def running(write_notebook: Write, tmp_path: Path) -> Iterator[Running]:
    """A process that executes a notebook while holding the case, and the pids beneath it: the
    server, the kernel, what that has started, its workers, and who draws charts.

    Its server imports nothing beforehand, which is quicker for one notebook.
    """
    mark = tmp_path / "pids"
    write_notebook(
        "import os, subprocess\n"
        "from pipeline.workers import Workers\n"
        "pids = [os.getppid(), os.getpid(), subprocess.Popen(['sleep', '600']).pid]\n"
        "pids += [worker.pid for worker in Workers.standing]\n"
        f"open({str(mark)!r} + '_', 'w').write(' '.join(map(str, pids)))\n"
        f"os.rename({str(mark)!r} + '_', {str(mark)!r})\n"
        "import time; time.sleep(600)"
    )
    home = tmp_path / "home"
    Store.at(home).prepare()
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(project.NOTEBOOKS), str(home)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    until = time.monotonic() + PATIENCE
    while not mark.exists() and time.monotonic() < until:
        time.sleep(0.02)
    pids = [int(pid) for pid in mark.read_text().split()]
    (draughtsman,) = {*children(pids[0])} - {*pids}
    pids.append(draughtsman)
    yield process, pids
    for pid in (process.pid, *pids):
        if runs(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_process_that_was_ended(
    running: Running, number: int, tmp_path: Path
) -> None:
    """No server, no kernel, nothing that the kernel started, no socket; and the case is free."""
    process, pids = running
    process.send_signal(number)

    assert process.wait(PATIENCE)
    assert [True] * len(pids) == [gone(pid) for pid in pids]
    assert [] == list(tmp_path.glob(f"{folders.PREFIX}*"))
    with hold(tmp_path / "home", "bikes", "later"):
        pass


def test_kernels_end_with_a_server_that_was_killed(
    running: Running,
) -> None:
    """And the process that waits for the kernel is told so."""
    process, (server, *others) = running
    os.kill(server, signal.SIGKILL)

    assert 1 == process.wait(PATIENCE)
    assert [True] * len(others) == [gone(pid) for pid in others]


COUNT = "import os; print(len(os.listdir('/proc/self/task')))"
CHART = """
import os, pandas, altair
from pipeline.figures import figure
rows = pandas.DataFrame({"x": [1, 2]})
drawn = figure(
    altair.Chart(rows).mark_point().encode(x="x:Q"), rows, name="x", title="x", words="x"
)
print(drawn.svg[:4], len(os.listdir("/proc/self/task")))
"""


def test_a_kernel_has_answered_who_ended_it_before_it_closes_what_it_answers_through() -> None:
    """Where the control thread still flushed then, the kernel hung until it was killed."""
    control = BaseThread(daemon=True)
    control.start()
    finished: list[str] = []
    control.io_loop.add_callback(lambda: (time.sleep(0.2), finished.append("flushed")))

    forked._end_control(SimpleNamespace(control_thread=control))

    assert ["flushed"] == finished
    assert not control.is_alive()
    forked._end_control(SimpleNamespace(control_thread=control))
    forked._end_control(SimpleNamespace(control_thread=None))


def test_charts_are_drawn_beside_the_kernels(write_notebook: Write, tmp_path: Path) -> None:
    """A kernel starts the threads of the drawing library only when that process is gone."""
    output = tmp_path / "1-ingest.ipynb"
    threads = []
    write_notebook(CHART, "import vl_convert; vl_convert.vegalite_to_svg({'mark': 'bar'})", COUNT)
    for _ in range(2):
        execute("1-ingest", output, {})
        cells = nbformat.read(output, as_version=4).cells
        shown, drawn = cells[2].outputs[0].text.split(), int(cells[4].outputs[0].text)
        threads.append((shown[0], int(shown[1]) < drawn))
        server = warm.server().process.pid
        for pid in children(server):
            os.kill(pid, signal.SIGKILL)
            assert gone(pid)

    assert [("<svg", True), ("<svg", False)] == threads


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    folder = tempfile.mkdtemp(prefix="sweep-", dir="/tmp")
    yield Path(folder)
    shutil.rmtree(folder)


def test_what_a_killed_owner_left_is_swept_away(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that nobody holds goes; that of a process that runs stays."""
    monkeypatch.setattr("tempfile.tempdir", str(short_path))
    held = folders.make()
    left = short_path / f"{folders.PREFIX}left"
    left.mkdir()
    (left / "kernel-1").touch()
    other = short_path / "something-else"
    other.mkdir()
    folders.sweep()

    assert {held, other} == set(short_path.iterdir())
    folders.remove(held)
    assert [other] == list(short_path.iterdir())


def test_a_folder_leaves_room_for_the_names_of_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system allows a hundred bytes or so in all."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    folder = folders.make()
    folders.remove(folder)

    assert Path("/tmp") == folder.parent
