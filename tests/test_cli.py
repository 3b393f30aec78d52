"""The command: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pipeline import __version__, cli
from pipeline.case import find_case
from pipeline.cli import commands, main
from pipeline.errors import OptionError, SiteError, SourceError
from pipeline.packaging.settings import Settings
from pipeline.records import PolicyPrice
from pipeline.runner.parameters import parse_form, parse_settings
from pipeline.steps.policy_views import table_of
from pipeline.store import Store
from pipeline.store.locks import hold

HEAVY = (
    "altair",
    "bentoml",
    "deltalake",
    "duckdb",
    "great_expectations",
    "mlflow",
    "pandas",
    "papermill",
    "scipy",
    "sklearn",
)
COMMANDS = ("run", "status", "site", "trends", "pack", "serve")


def call(*words: str) -> Result:
    return CliRunner().invoke(commands, list(words))


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of `vigie WORDS`."""
    monkeypatch.setattr(sys, "argv", ["vigie", *words])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def home(tiny_home: Path, tmp_path: Path) -> Path:
    """A home after one run of the tiny case."""
    shutil.copytree(tiny_home, tmp_path / "home")
    return tmp_path / "home"


def test_the_help_names_every_command_and_a_first_thing_to_do() -> None:
    """What a newcomer types, where state is kept, and what the exit codes mean."""
    told = call("--help").output

    for name in COMMANDS:
        assert f"\n  {name} " in told
    assert "vigie run          (simulated data)" in told
    assert "VIGIE_HOME" in told
    assert "0 all well, 2 wrong usage, 3 a gate failed, 4 something broke" in told
    assert "5 another run holds the case, 130 interrupted" in told


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_helps(name: str, flag: str) -> None:
    """Each says where its home is and gives every option a help."""
    ran = call(name, flag)

    assert ran.exit_code == 0
    assert "--home DIR" in ran.output
    for option in commands.commands[name].params:
        assert not isinstance(option, click.Option) or option.help


def test_lines_of_a_help_that_are_laid_out_by_hand_stay_so() -> None:
    """Click takes a lone character for it, not the backslash and letter of a raw text."""
    told = CliRunner().invoke(commands, ["--help"]).output

    assert "                           vigie site\n" in told
    assert "\\b" not in told


def test_the_help_of_run_tells_how_to_use_real_data_and_a_past_day() -> None:
    """Sources, the layout of the folder, a time, a parameter."""
    told = " ".join(call("run", "--help").output.split())

    for words in ("live|files|sample", "one subfolder a case", "2021-06-01", "folds=2"):
        assert words in told


def test_the_version_is_the_packages() -> None:
    """As pyproject.toml has it."""
    assert call("--version").output == f"vigie, version {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    """It is there at once; a library of a second would be felt."""
    code = (
        "import sys; sys.argv = ['vigie', '--help']\n"
        "from pipeline.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_command_ends_at_once_when_all_that_was_left_for_its_end_is_done() -> None:
    """Threads and functions for the end are waited for; what it imported is not taken apart."""
    code = (
        "import atexit, sys, threading, time\n"
        "class Left:\n"
        "    def __del__(self): print('taken apart')\n"
        "left = Left()\n"
        "atexit.register(print, 'registered')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\n"
        "sys.argv = ['vigie', 'run', '--jobs', 'many']\n"
        "from pipeline.cli import program; program()"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (["thread", "registered"], 2) == (ran.stdout.splitlines(), ran.returncode)
    assert "many" in ran.stderr


def test_a_command_that_imported_duckdb_ends_without_a_word_of_leaks() -> None:
    """Its binding complains where the interpreter ends without having looked for garbage."""
    code = (
        "import sys, duckdb; duckdb.sql('SELECT 1').fetchall(); sys.argv = ['vigie', '--version']\n"
        "from pipeline.cli import program; program()"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert "" == ran.stderr


def test_the_module_is_the_command() -> None:
    """`python -m pipeline` says what `vigie` says."""
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], check=True, capture_output=True, text=True
    )

    assert ran.stdout == f"vigie, version {__version__}\n"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (("folds=2",), {"folds": 2}),
        (("alpha=0.1", "seed=-1"), {"alpha": 0.1, "seed": -1}),
        (("retrain=always",), {"retrain": "always"}),
        (("candidates=linear, forest",), {"candidates": "linear, forest"}),
        (("days=null",), {"days": None}),
        (("flag=true",), {"flag": True}),
        (('name="3"',), {"name": "3"}),
        (("note=a=b",), {"note": "a=b"}),
        (("empty=",), {"empty": ""}),
        (("folds=2", "folds=3"), {"folds": 3}),
    ],
)
def test_settings_are_read_as_json_and_else_as_text(
    settings: tuple[str, ...], found: dict[str, Any]
) -> None:
    """Numbers need no quotes, words neither."""
    assert parse_settings(settings) == found


@pytest.mark.parametrize("setting", ["folds", "=2", ""])
def test_a_setting_without_name_or_value_is_refused(setting: str) -> None:
    """With an example of how to write it."""
    with pytest.raises(OptionError, match=rf"--set '{setting}' .*--set folds=2"):
        parse_settings((setting,))


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command asks of the runner, which runs nothing here; outcomes by case's name."""
    asked: list[Any] = []

    def run_cases(
        store: Store, cases: Any, order: Any, *, say: Any, **where: Any
    ) -> tuple[Any, ...]:
        asked.append((store.home, tuple(cases), order))
        return tuple(SimpleNamespace(outcome=name) for name in cases if name in OUTCOMES)

    monkeypatch.setattr("pipeline.runner.run_cases", run_cases)
    return asked


OUTCOMES = ("done", "stopped", "failed")


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        (["done"], 0),
        (["done", "stopped"], 3),
        (["stopped", "failed", "done"], 4),
        (["bikes"], 0),
    ],
)
def test_the_exit_code_is_that_of_the_worst_case(
    ordered: list[Any], cases: list[str], code: int
) -> None:
    """As the help documents them."""
    assert call("run", *cases).exit_code == code


def test_the_options_of_run_become_an_order(
    ordered: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The data's folder is made absolute, since a notebook runs elsewhere."""
    monkeypatch.chdir(tmp_path)
    call(
        *("run", "bikes", "--source", "files", "--data", "in", "--as-of", "2021-06-01"),
        *("--set", "folds=2", "--set", "retrain=always", "--seconds", "60", "--home", "state"),
    )
    ((home, cases, order),) = ordered

    assert (home, order.data) == (tmp_path / "state", str(tmp_path / "in"))
    assert cases == ("bikes",)
    assert (order.source, order.as_of, order.seconds) == ("files", "2021-06-01", 60)
    assert order.own == {"folds": 2, "retrain": "always"}


@pytest.mark.usefixtures("small_cases")
def test_run_without_a_case_runs_every_case(ordered: list[Any]) -> None:
    """On the sample, when nothing else is said."""
    call("run")
    ((_, cases, order),) = ordered

    assert cases == ("broken", "tiny")
    assert (order.source, order.data, order.own) == ("sample", "", {})


@pytest.mark.usefixtures("small_cases")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "bikse"], "vigie: There is no case 'bikse'. Choose one of: broken, tiny."),
        (["run", "tiny", "--set", "folds"], "vigie: --set 'folds' has no value"),
        (["run", "tiny", "--set", "fold=2"], "'fold'; there are: "),
        (["run", "tiny", "--set", "folds=two"], "folds = 'two'"),
        (["run", "tiny", "--as-of", "soon"], "'soon' is not a time"),
        (["run", "tiny", "--source", "ftp"], "'ftp' is not one of 'live', 'files', 'sample'"),
        (["run", "tiny", "--source", "live"], "has no source 'live'"),
        (["run", "--unheard-of"], "No such option '--unheard-of'"),
        (["rnu"], "No such command 'rnu'"),
    ],
)
def test_wrong_usage_is_a_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    message: str,
) -> None:
    """No traceback, nothing written."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "home"))
    code = run_main(monkeypatch, *words)
    told = capsys.readouterr()

    assert code == 2
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "home").exists()


def test_no_command_at_all_is_answered_with_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer types the name alone."""
    run_main(monkeypatch)
    told = capsys.readouterr()

    assert "A first look, offline:" in told.out + told.err


@pytest.mark.usefixtures("small_cases")
def test_a_case_that_fails_ends_with_code_4_and_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The line says which notebook and why."""
    code = run_main(monkeypatch, "run", "broken", "--home", str(tmp_path / "home"))
    told = capsys.readouterr()

    assert code == 4
    assert "1-ingest     FAILED    The waves can't be fetched. Try again tomorrow." in told.out
    assert "Traceback" not in told.err


@pytest.mark.usefixtures("small_cases")
def test_a_gate_that_fails_ends_with_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    """It is a result and no crash."""
    monkeypatch.setattr("pipeline.runner.mirror", lambda store, cases, *, say: None)
    code = run_main(monkeypatch, "run", "tiny", "--set", "most_quarantined=0", "--home", str(home))

    assert code == 3
    assert (
        "STOPPED: The case stops here, and its champion keeps serving." in capsys.readouterr().out
    )


@pytest.mark.usefixtures("small_cases")
def test_a_case_that_another_run_holds_ends_with_code_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The message names who holds it."""
    with hold(tmp_path / "home", "tiny", "dawn"):
        code = run_main(monkeypatch, "run", "tiny", "--home", str(tmp_path / "home"))

    assert code == 5
    assert "is being run by process" in capsys.readouterr().out


def test_status_is_told_in_words_and_in_json(home: Path) -> None:
    """The same facts, for people and for programs."""
    told = call("status", "--home", str(home)).output
    (found,) = json.loads(call("status", "--json", "--home", str(home)).output)["cases"]

    assert told.startswith(f"tiny: {found['health']}. ")
    assert "ridge" == found["champion"]["candidate"]
    assert "2024-03-01T00:00:00Z" == found["data"]["as_of"]


def test_status_of_an_empty_home_is_no_error(tmp_path: Path) -> None:
    """It says how to begin; as JSON it is an empty list."""
    assert "Start with: vigie run" in call("status", "--home", str(tmp_path)).output
    assert [] == json.loads(call("status", "--json", "--home", str(tmp_path)).output)["cases"]


def test_a_damaged_home_is_a_message_and_exit_code_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    """The file is named."""
    (home / "runs" / "tiny" / "first" / "run.json").write_text("{")
    code = run_main(monkeypatch, "status", "--home", str(home))

    assert code == 4
    assert "run.json is damaged" in capsys.readouterr().err


def test_an_interrupt_says_that_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with the code that shells expect."""

    def interrupted(**named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "commands", interrupted)

    assert run_main(monkeypatch) == 130
    assert "the next run goes on" in capsys.readouterr().err


def test_site_says_where_it_is_and_how_to_open_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The address can be pasted into a browser."""

    def publish(store: Store, output: Path, *, renderer: str, **_: Any) -> Any:
        return SimpleNamespace(output=output, pages=7, rendered=2, renderer=renderer)

    monkeypatch.setattr("pipeline.publish.publish", publish)
    told = call("site", "--output", str(tmp_path / "my site"), "--renderer", "embedded").output

    assert (
        f"7 pages in {tmp_path / 'my site'}, 2 of them rendered now (renderer: embedded)." in told
    )
    assert f"Open it: {(tmp_path / 'my site' / 'index.html').as_uri()}" in told


def test_a_site_that_can_not_be_made_is_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 4."""

    def publish(*given: Any, **named: Any) -> Any:
        raise SiteError("No pages.")

    monkeypatch.setattr("pipeline.publish.publish", publish)

    assert run_main(monkeypatch, "site") == 4
    assert capsys.readouterr().err == "vigie: No pages.\n"


@pytest.mark.parametrize(("words", "output"), [([], None), (["--output", "out"], Path("out"))])
def test_pack_says_what_it_made(
    monkeypatch: pytest.MonkeyPatch, words: list[str], output: Path | None
) -> None:
    """The Bento's tag and its folder; a copy only where it is asked for."""
    asked: list[Path | None] = []

    def pack(store: Store, output: Path | None) -> Any:
        asked.append(output)
        return SimpleNamespace(tag="vigie:1", path="/bentos/1")

    monkeypatch.setattr("pipeline.packaging.pack", pack)

    assert call("pack", *words).output == "Bento vigie:1 in /bentos/1\n"
    assert asked == [output]


def test_serve_passes_on_address_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default only this machine can reach it."""
    asked: list[tuple[str, int, bool]] = []

    def serve(store: Store, *, host: str, port: int, settings: Settings, say: Any) -> None:
        asked.append((host, port, settings.open))

    monkeypatch.setattr("pipeline.packaging.serve", serve)

    assert call("serve").exit_code == 0
    assert call("serve", "--host", "0.0.0.0", "--port", "80", "--open").exit_code == 0
    assert asked == [("127.0.0.1", 3000, False), ("0.0.0.0", 80, True)]


def test_trends_are_asked_from_the_command_line(home: Path, small_cases: None) -> None:
    """The newest validated observations, less the row in quarantine; a wrong question is refused
    with how to ask.
    """
    asked = ("trends", "tiny", "--home", str(home), "--by", "series", "--format", "json")

    ran = call(*asked, "--aggregate", "max", "--aggregate", "count")

    rows = json.loads(ran.output)["rows"]
    assert ["north", "south"] == [row["series"] for row in rows]
    assert {24 * 60 - 1, 24 * 60} == {row["count"] for row in rows}
    assert max(row["max"] for row in rows) < 200
    assert "north" in call("trends", "tiny", "--home", str(home), "--by", "series").output
    refused = call(*asked, "--where", "value = high")
    assert isinstance(refused.exception, OptionError)
    assert "'high' is no value of column 'value' (number)" in str(refused.exception)


def test_trends_before_any_run_say_what_to_do(tmp_path: Path, small_cases: None) -> None:
    """There is no record of a validation yet."""
    refused = call("trends", "tiny", "--home", str(tmp_path / "empty"))

    assert "Run the steps before it first: vigie run tiny" in str(refused.exception)


def test_a_form_gives_parameters_and_its_empty_fields_keep_the_defaults() -> None:
    """As GitHub hands over the inputs of a workflow: as text, settings of the run among them."""
    form = (
        '{"cases": "bikes", "source": "live", "as_of": "", "folds": "2", "retrain": "", "seed": 3}'
    )

    assert {"folds": 2, "seed": 3} == parse_form(form)


@pytest.mark.parametrize("nothing", ["", "null", "{}"])
def test_a_schedule_has_no_form(nothing: str) -> None:
    assert {} == parse_form(nothing)


@pytest.mark.parametrize("form", ["[1]", "folds=2"])
def test_a_form_that_is_no_object_is_refused(form: str) -> None:
    with pytest.raises(OptionError, match="is no JSON object"):
        parse_form(form)


def test_new_needs_no_home_and_says_what_it_guesses_and_what_it_refuses(tmp_path: Path) -> None:
    """Its options have help; a file that isn't there is named."""
    told = call("new", "--help").output

    assert "Nothing is overwritten" in told
    for option in commands.commands["new"].params:
        assert not isinstance(option, click.Option) or option.help
    refused = call("new", "own", "--from", str(tmp_path / "gone.csv"), "--target", "price")
    assert isinstance(refused.exception, SourceError)
    assert "gone.csv" in str(refused.exception)


def test_the_policies_are_shown_as_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A row a policy with all its columns, then the sentence and where it was written."""
    case = find_case("bikes")
    prices = [
        PolicyPrice(policy=name, retrainings=count, error=error, learned=())
        for name, count, error in (("never", 0, 36.5), ("monthly", 9, 33.25))
    ]
    found = SimpleNamespace(
        rows=table_of(case, prices, 40),
        record=SimpleNamespace(sentence="Monthly erred least."),
        folder=tmp_path,
    )
    monkeypatch.setattr("pipeline.steps.price.price", lambda *_, **__: found)

    told = call("policies", "bikes", "--home", str(tmp_path))

    assert 0 == told.exit_code, told.output
    assert "monthly" in told.output
    assert "33.25" in told.output
    assert f"Monthly erred least. Written to {tmp_path}." in told.output
