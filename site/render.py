"""What Quarto runs at the project's root, named in `_quarto.yml`: it has Vigie make all pages.

`render.py` renders the site, as `vigie site --renderer quarto` does; `render.py preview HOST PORT`
shows it, and again when it changes. Any Python 3 will do: Vigie is run by its own.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THIS_MACHINE = ("127.0.0.1", "localhost")
NO_VIGIE = (
    "render.py: there is no 'vigie' beside {python}, in {venv} or on the path. Run 'make setup' "
    "at the project's root, or activate the environment that Vigie is installed in."
)
NO_HOST = (
    "render.py: a preview on {host!r} was asked for, and previews answer this machine alone. Leave "
    "--host out."
)


def find_vigie() -> str:
    """The command of the environment that is active, else of the checkout's own; ends without."""
    venv = ROOT / ".venv" / "bin"
    active = (Path(sys.executable).parent, Path(os.environ.get("VIRTUAL_ENV", venv)) / "bin")
    for folder in (*active, venv, None):
        found = shutil.which("vigie", path=str(folder) if folder else None)
        if found:
            return found
    return sys.exit(NO_VIGIE.format(python=sys.executable, venv=venv))


def command(arguments: list[str]) -> list[str]:
    """What to run for these arguments of ours."""
    output = os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", str(ROOT / "_site"))
    site = [find_vigie(), "site", "--renderer", "quarto", "--output", output]
    if not arguments:
        return site
    _, host, port = arguments
    if host not in THIS_MACHINE:
        sys.exit(NO_HOST.format(host=host))
    return [*site, "--serve", "--port", port]


if __name__ == "__main__":
    os.chdir(ROOT)
    called = command(sys.argv[1:])
    sys.stdout.flush()
    os.execv(called[0], called)  # noqa: S606 - found above, no shell
